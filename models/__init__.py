"""The network and how it learns. PyTorch only: no gymnasium, no pygame."""
