"""Go or no-go: does the memory come alive within 300 steps, in a world where one can only turn?

Every episode is a new ring of random colours round a player who turns back and forth. What comes into view was either seen
before, longer ago than attention can reach through all layers, or never. Both come in at the same edges of the picture and
are equally hard but for memory, so the difference in decibels is memory. Cut the carried state and it must go.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch

from models.conditioning import Control
from models.config import Layer, MapGrid, ModelConfig
from models.pixels import to_float
from models.state import LayerState, SSMState
from models.training.objective import Objective, diffusion_forcing
from models.training.optim import make_optimizers, set_progress
from models.world_model import WorldModel

N_STEPS, N_ROWS, N_FRAMES = 300, 8, 64
N_COLOURS = 60
CONFIG = ModelConfig(
    image=(8, 32),
    patch=(8, 4),
    d_model=64,
    d_head=32,
    layers=(Layer(), Layer()),
    window=2,
    grid=MapGrid(n_x=16, n_y=16, n_depths=8, farthest_cells=4.0),
    d_condition=64,
)
LOCAL_REACH = len(CONFIG.layers) * CONFIG.window + 1
"""Frames back that anything but the carried state can tell of: attention through all layers, and the frame before the last."""


class Turning(NamedTuple):
    """frames uint8 (b, t, H, W, 3); age (b, t, W): frames since a column's content was in view, inf = never."""

    frames: torch.Tensor
    control: Control
    age: np.ndarray


def turning_world(rng: np.random.Generator, n_rows: int, n_frames: int) -> Turning:
    """Rings of random colours seen by players who turn left and right at a varying pace."""
    height, width = CONFIG.image
    keep = rng.random((n_rows, n_frames)) < 0.93
    way = rng.choice([-1.0, 1.0], size=(n_rows, n_frames))
    for t in range(1, n_frames):
        way[:, t] = np.where(keep[:, t], way[:, t - 1], way[:, t])
    turn = np.radians(way * rng.uniform(6, 16, (n_rows, n_frames))) * (rng.random((n_rows, n_frames)) < 0.95)
    turn[:, 0] = 0
    heading = rng.uniform(-np.pi, np.pi, (n_rows, 1)) + turn.cumsum(axis=1)
    pose = np.zeros((n_rows, n_frames, 5))
    pose[..., :2] = rng.uniform(1, 7, (n_rows, 1, 2))
    pose[..., 3] = heading
    motion = np.zeros_like(pose)
    motion[..., 3] = turn

    focal = width / 2 / math.tan(math.radians(CONFIG.camera.fov_degrees) / 2)
    column = -np.arctan((np.arange(width) + 0.5 - width / 2) / focal)
    bearing = np.mod(heading[..., None] + column, 2 * np.pi) / (2 * np.pi)  # (b, t, W)
    colours = rng.integers(0, 256, (n_rows, N_COLOURS, 3), dtype=np.uint8)
    row = np.arange(n_rows)[:, None, None]
    seen = colours[row, (bearing * N_COLOURS).astype(int)]  # (b, t, W, 3)
    frames = np.repeat(seen[:, :, None], height, axis=2)
    action = np.where(turn > 0, 2, np.where(turn < 0, 3, 0))
    told = Control(torch.from_numpy(action), torch.from_numpy(pose).float(), torch.from_numpy(motion).float())
    return Turning(torch.from_numpy(frames), told, _ages((bearing * N_COLOURS).astype(int)))


def _ages(content: np.ndarray) -> np.ndarray:
    """Frames since each column's colour patch was last in any column, (b, t, W); inf where it never was."""
    n_rows, n_frames, _ = content.shape
    age = np.full(content.shape, np.inf)
    for row in range(n_rows):
        last = np.full(N_COLOURS, -np.inf)
        for t in range(n_frames):
            age[row, t] = t - last[content[row, t]]
            last[content[row, t]] = t
    return age


@torch.no_grad()
def squared_errors(model: WorldModel, world: Turning, *, with_memory: bool) -> np.ndarray:
    """Mean squared error (b, t, W) of every frame predicted from noise and the true frames before it."""
    b, t = world.frames.shape[:2]
    clean = to_float(world.frames)
    _, trail = model.trace(clean, clean.new_zeros(b, t), world.control, model.init_state(b))
    before = model.states_before(trail, torch.arange(t).expand(b, -1))
    if not with_memory:
        cut = tuple(LayerState(SSMState(torch.zeros_like(layer.long.ssm)), layer.local) for layer in before.layers)
        before = before._replace(layers=cut)
    told = Control(*(part.flatten(0, 1)[:, None] for part in world.control))
    noise = torch.randn(b * t, 1, *clean.shape[2:], generator=torch.Generator().manual_seed(0))
    predicted, _ = model(noise, noise.new_ones(b * t, 1), told, before)
    error = (predicted[:, 0].clamp(-1, 1).unflatten(0, (b, t)) - clean).square()
    return error.mean(dim=(2, 3)).numpy()


def decibels(errors: np.ndarray) -> float:
    return 10 * math.log10(4 / errors.mean())


def train(config: ModelConfig, n_steps: int) -> WorldModel:
    torch.manual_seed(0)
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    model = WorldModel(config)
    optimizers = make_optimizers(model, lr=0.02)
    for step in range(n_steps):
        world = turning_world(rng, N_ROWS, N_FRAMES)
        state = model.init_state(N_ROWS)
        loss = diffusion_forcing(model, to_float(world.frames), world.control, state, Objective(), generator)
        loss.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        set_progress(optimizers, step, step / n_steps)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    return model.eval()


def test_ages_count_from_the_last_time_a_colour_was_in_view():
    ages = _ages(np.array([[[1, 2], [2, 3], [4, 5], [1, 3]]]))
    assert ages.tolist() == [[[np.inf, np.inf], [1, np.inf], [np.inf, np.inf], [3, 2]]]


def test_the_turning_world_has_both_old_and_new_things_coming_in_at_its_edges():
    world = turning_world(np.random.default_rng(1), 32, N_FRAMES)
    old = (world.age > LOCAL_REACH) & np.isfinite(world.age)
    new = np.isinf(world.age[:, 1:])
    assert old.mean() > 0.02
    assert new.mean() > 0.02
    edge = np.abs(np.arange(32) - 15.5) > 8
    assert old[..., edge].sum() > 0.7 * old.sum()
    assert new[..., edge].sum() > 0.7 * new.sum()


@pytest.mark.slow
def test_three_hundred_steps_in_a_turning_world_bring_a_decibel_of_memory():
    world = turning_world(np.random.default_rng(99), 48, N_FRAMES)
    old = (world.age > LOCAL_REACH) & np.isfinite(world.age)
    new = np.isinf(world.age)
    new[:, 0] = False
    model = train(CONFIG, N_STEPS)
    whole, cut = (squared_errors(model, world, with_memory=kept) for kept in (True, False))
    memory = decibels(whole[old]) - decibels(whole[new])
    print(
        f"\nlast seen over {LOCAL_REACH} frames ago {decibels(whole[old]):.2f} dB, never seen {decibels(whole[new]):.2f} dB: "
        f"memory {memory:+.2f} dB; with the state cut {decibels(cut[old]) - decibels(cut[new]):+.2f} dB"
    )
    assert memory >= 1.0, "the addressing is broken; more training will not mend it"
    assert decibels(cut[old]) - decibels(cut[new]) < 0.5, "without the carried state there is nothing to remember with"
