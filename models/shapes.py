"""The legend of letters used in signatures and comments.

b  batch rows            t  frames of a call        s  tokens a frame        g  spatial blocks
d  d_model               h  heads                   p  d_head                n  d_state
w  window frames         z  depth samples of a ray  H W  pixels              r c  rows, columns of the token grid
"""
