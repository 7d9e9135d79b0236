"""A tiny checkpoint, eight frames and what they led to: weights saved yesterday mean the same today.

Only a change that is meant to change what every saved checkpoint shows may make the golden files anew:
`python -m tests.models.test_golden`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from models import checkpoint
from models.clips import control_of
from models.config import Layer, MapGrid, ModelConfig
from models.pixels import to_float
from models.state import tensors
from tests.models.tiny import episode, randomised

FOLDER = Path(__file__).parents[1] / "golden" / "tiny"
N_FRAMES = 8
TOLERANCE = 4e-3
"""Outputs are kept as float16, and sums run in another order on another machine."""


def outputs(model, frames):
    """Predictions of eight half-noisy frames, and the size of every tensor of the state they leave."""
    told = type(control_of(episode(N_FRAMES)))(*(part[None] for part in control_of(episode(N_FRAMES))))
    level = torch.linspace(0, 1, N_FRAMES)[None]
    with torch.no_grad():
        predicted, state = model(to_float(frames[None]), level, told, model.init_state(1))
    return predicted[0], torch.stack([part.float().square().mean().sqrt() for part in tensors(state) if part.numel()])


def test_a_checkpoint_saved_long_ago_still_predicts_the_same_eight_frames():
    expected = load_file(FOLDER / "expected.safetensors")
    predicted, sizes = outputs(checkpoint.load(FOLDER).model, expected["frames"])
    torch.testing.assert_close(predicted, expected["predicted"].float(), atol=TOLERANCE, rtol=TOLERANCE)
    torch.testing.assert_close(sizes, expected["state_sizes"], atol=TOLERANCE, rtol=TOLERANCE)


def test_the_golden_frames_are_no_constant():
    expected = load_file(FOLDER / "expected.safetensors")
    assert expected["predicted"].float().std() > 0.1
    assert (expected["predicted"][1:] - expected["predicted"][:-1]).abs().amax(dim=(1, 2, 3)).min() > 0.02


def make() -> None:
    """Write the golden files from the code as it is."""
    config = ModelConfig(
        image=(16, 16), patch=(8, 4), d_model=16, d_head=8, window=2, d_state=4, n_ssd_heads=2, d_ssd_head=4, n_map_heads=1,
        d_map_head=4, d_condition=8, grid=MapGrid(n_x=8, n_y=8, n_depths=4, farthest_cells=3.0), nearness=(0.0, 0.8),
        layers=(Layer(), Layer(mixer="ssd", block=(1, 2))),
    )  # fmt: skip
    checkpoint.save(randomised(config, seed=11), FOLDER, dtype=torch.bfloat16)
    frames = torch.from_numpy(episode(N_FRAMES).image.copy())
    predicted, sizes = outputs(checkpoint.load(FOLDER).model, frames)
    save_file(
        {"frames": frames, "predicted": predicted.half().contiguous(), "state_sizes": sizes}, FOLDER / "expected.safetensors"
    )


if __name__ == "__main__":
    make()
