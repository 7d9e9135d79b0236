"""Which scan runs, by one rule, and the reason in words."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch

from models.ops import scan, triton
from models.ops.scan import Scan

Name = Literal["auto", "torch", "triton"]


class Choice(NamedTuple):
    """A scan, its name and why it was chosen."""

    name: str
    scan: Scan
    why: str


def choose(wanted: Name = "auto", device: torch.device | str = "cpu") -> Choice:
    """The scan for `device`: "auto" takes mamba-ssm's kernel on CUDA where it is installed, plain PyTorch elsewhere.

    Raises ValueError where "triton" is wanted and cannot run.
    """
    kind = torch.device(device).type
    if wanted == "torch":
        return Choice("torch", scan.ssd_scan, "asked for")
    missing = f"its kernel needs a CUDA device, and this is {kind}" if kind != "cuda" else triton.why_not()
    if missing is None:
        return Choice("triton", triton.ssd_scan, "asked for" if wanted == "triton" else "CUDA and mamba-ssm are here")
    if wanted == "triton":
        raise ValueError(f"the triton scan cannot run: {missing}; or choose the torch scan")
    return Choice("torch", scan.ssd_scan, f"no triton scan: {missing}")
