"""How fast the island is on this machine, split into its parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from envs.voxel.env import VoxelEnv, advance_state
from envs.voxel.light import flood
from envs.voxel.moves import MOVES
from envs.voxel.player import VoxelTour


@dataclass(frozen=True)
class Rates:
    """Steps a second: full_steps (everything a player causes), and milliseconds of one core for each part.

    step_ms: physics and hands; render_ms: the picture; info_ms: `info`; light_ms: after a block changed, only then.
    """

    resolution: int
    steps_per_second: float
    step_ms: float
    render_ms: float
    info_ms: float
    light_ms: float


def _milliseconds(call: Callable[[], object], n: int) -> float:
    started = time.process_time()
    for _ in range(n):
        call()
    return 1000.0 * (time.process_time() - started) / n


def measure(resolution: int = 64, n_steps: int = 1000, seed: int = 0) -> Rates:
    """Play the scripted player's `n_steps` again without it, and time the parts along the way. One core, processor time."""
    env, player = VoxelEnv(resolution=resolution), VoxelTour(seed)
    observation, info = env.reset(seed=seed)
    actions = []
    for _ in range(n_steps):
        actions.append(player.act(observation, info))
        observation, _, _, _, info = env.step(actions[-1])
    env.reset(seed=seed)
    started = time.process_time()
    for action in actions:
        env.step(action)
    rate = n_steps / (time.process_time() - started)
    step = render = info_time = 0.0
    n_samples = 20
    env.reset(seed=seed)
    for i, action in enumerate(actions):
        env.step(action)
        if i % max(1, n_steps // n_samples) == 0:
            move, state = MOVES[action], env.state
            step += _milliseconds(lambda state=state, move=move: advance_state(state, move), 10)  # type: ignore[misc]
            render += _milliseconds(env.render, 10)
            info_time += _milliseconds(env.describe, 10)
    light = _milliseconds(lambda: flood(env.state.blocks), 20)
    return Rates(resolution, rate, step / n_samples, render / n_samples, info_time / n_samples, light)


if __name__ == "__main__":
    print("pixels  steps/s   ms of one core: physics and hands  picture   info  light after a change")
    for size in (64, 128, 256):
        r = measure(size)
        print(
            f"{size:6d}  {r.steps_per_second:7.0f}  {r.step_ms:32.3f}  {r.render_ms:7.3f}  {r.info_ms:5.3f}  {r.light_ms:20.3f}",
            flush=True,
        )
