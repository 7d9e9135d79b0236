"""Memory that tensors leave is used again, where the C library can be told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

FRESH_PAGES = """
import resource, sys
import torch
from models.training.memory import keep_memory
kept = keep_memory() if sys.argv[1] == "kept" else False
for _ in range(20):
    torch.ones(16 << 20).add_(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(16 << 20).add_(1)
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def fresh_pages(how):
    out = subprocess.run([sys.executable, "-c", FRESH_PAGES, how], capture_output=True, text=True, check=True).stdout
    return tuple(int(word) for word in out.split())


def test_tensors_that_come_and_go_cost_no_fresh_pages():
    _, as_it_was = fresh_pages("as it was")
    could, pages = fresh_pages("kept")
    if not could:
        pytest.skip("this C library has no mallopt")
    assert pages < 0.1 * as_it_was, f"{pages} pages with memory kept, {as_it_was} without"
