"""float32 or bfloat16 for a model's matrix products on this machine, by measuring."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from torch import nn

from models.world_model import WorldModel

WORTH = 0.6
"""bfloat16 is taken where the products take less than this share of float32's time: they are but a part of a frame."""
ROUNDS = 12


@torch.inference_mode()
def choose_precision(model: WorldModel) -> tuple[str, str]:
    """The precision and why: on a CPU by timing all of the network's own products in both, some milliseconds a round."""
    if next(model.parameters()).is_cuda:
        return ("bfloat16", "which the GPU has") if torch.cuda.is_bf16_supported() else ("float32", "the GPU has no bfloat16")
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    products = {
        dtype: [(torch.randn(model.config.n_tokens, weight.shape[1]).to(dtype), weight.to(dtype)) for weight in weights]
        for dtype in (torch.float32, torch.bfloat16)
    }
    best = dict.fromkeys(products, float("inf"))
    for _ in range(ROUNDS):  # in turns, this thread's own time and the least of each: others may be busy on this machine
        for dtype, pairs in products.items():
            began = time.thread_time()
            for rows, weight in pairs:
                F.linear(rows, weight)
            best[dtype] = min(best[dtype], time.thread_time() - began)
    share = best[torch.bfloat16] / best[torch.float32]
    return "bfloat16" if share < WORTH else "float32", f"bfloat16 products take {share:.2f} of float32's time"
