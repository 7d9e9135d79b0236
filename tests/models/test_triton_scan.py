"""The adapter for mamba-ssm's kernel: its mapping everywhere, the kernel itself where it can run, and who is chosen when."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.mamba import use_scan
from models.ops import choose, scan, triton
from tests.models import scan_problems
from tests.models.tiny import FAMILIES, assert_same_state, inputs, randomised

ABSENT = [name for name in ("triton", "mamba_ssm", "einops") if importlib.util.find_spec(name) is None]


def token_by_token(x, dt, A, B, C, chunk_size, *, initial_states, return_final_states):
    """What mamba-ssm documents of its kernel, one token at a time."""
    assert return_final_states
    state, outputs = initial_states, []
    B, C = (part.expand(-1, -1, x.shape[2], -1) for part in (B, C))
    for i in range(x.shape[1]):
        write = torch.einsum("bh,bhp,bhn->bhpn", dt[:, i], x[:, i], B[:, i])
        state = (dt[:, i] * A).exp()[..., None, None] * state + write
        outputs.append(torch.einsum("bhn,bhpn->bhp", C[:, i], state))
    return torch.stack(outputs, dim=1), state


def test_frames_become_tokens_that_read_decay_and_write(monkeypatch):
    monkeypatch.setattr(triton, "_kernel", lambda: token_by_token)
    assert max(scan_problems.errors("cpu").values()) < 1e-6


@pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}; part of the extra 'cuda'")
def test_the_interpreted_kernel_equals_the_reference_in_values_and_gradients():
    command = [sys.executable, "-m", "tests.models.scan_problems", "cpu"]
    settings = os.environ | {"TRITON_INTERPRET": "1", "MAMBA_DETERMINISTIC": "1"}  # the second: no search for block sizes
    done = subprocess.run(command, cwd=Path(__file__).parents[2], env=settings, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert max(found.values()) < 2e-6, found


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}; part of the extra 'cuda'")
def test_the_kernel_equals_the_reference_on_cuda_in_values_and_gradients():
    found = scan_problems.errors("cuda")
    assert max(found.values()) < 1e-2, found  # float32 is multiplied as TF32: ten bits of mantissa


def test_the_kernel_is_chosen_on_cuda_where_it_can_be_had(monkeypatch):
    monkeypatch.setattr(triton, "why_not", lambda: None)
    assert choose.choose("auto", "cuda") == ("triton", triton.ssd_scan, "CUDA and mamba-ssm are here")
    assert choose.choose("torch", "cuda") == ("torch", scan.ssd_scan, "asked for")
    monkeypatch.setattr(triton, "why_not", lambda: "mamba-ssm is not installed")
    assert choose.choose("auto", "cuda") == ("torch", scan.ssd_scan, "no triton scan: mamba-ssm is not installed")


def test_without_cuda_the_plain_scan_is_chosen_and_the_other_refused():
    choice = choose.choose("auto", "cpu")
    assert choice == ("torch", scan.ssd_scan, "no triton scan: its kernel needs a CUDA device, and this is cpu")
    with pytest.raises(ValueError, match="the triton scan cannot run: its kernel needs a CUDA device, and this is cpu"):
        choose.choose("triton", "cpu")


def test_an_absent_package_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "mamba_ssm", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    triton._kernel.cache_clear()
    assert triton.why_not() == "mamba-ssm is not installed; expected the extra 'cuda': pip install 'revisit[cuda]'"


@pytest.mark.parametrize("family", ["maze-paper", "map-and-ssd"])
def test_a_scan_of_the_last_state_alone_serves_calls_but_no_trail(family):
    plain, other = randomised(FAMILIES[family]), randomised(FAMILIES[family])
    calls = []

    def last_alone(*args):
        calls.append(args[0].shape)
        outputs, states = scan.ssd_scan(*args)
        return outputs, states[:, -1:]

    use_scan(other, last_alone)
    frames, level, control = inputs(plain.config, 2, 6)
    expected, state = plain(frames, level, control, plain.init_state(2))
    got, same = other(frames, level, control, other.init_state(2))
    assert len(calls) == sum(one.mixer == "ssd" for one in plain.config.layers)
    assert torch.equal(got, expected)
    assert_same_state(same, state, tolerance=0)
    calls.clear()
    _, trail = other.trace(frames, level, control, other.init_state(2))
    assert not calls
    assert_same_state(other.state_at(trail, 6), state, tolerance=0)
