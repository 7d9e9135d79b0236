"""The legend of letters used in signatures and comments.

b  batch rows            t  frames of a call        s  tokens a frame        g  spatial blocks
d  d_model               h  heads                   p  d_head                n  d_state
w  window frames         z  depth samples of a ray  H W  pixels              r c  rows, columns of the token grid
"""

from typing import TypeAlias

from torch import Tensor

Frames: TypeAlias = Tensor
"""(b, t, 3, H, W) float in -1..1."""
Tokens: TypeAlias = Tensor
"""(b, t, s, d)."""
