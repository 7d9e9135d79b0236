"""Two short recorded days on real islands, made once."""

from __future__ import annotations

import pytest

pytest.importorskip("numba")

from simulator.evaluation.voxel.scene import VoxelScene
from tests.simulator.evaluation.voxel import fakes

N_FRAMES = 125


@pytest.fixture(scope="session")
def batch() -> list[VoxelScene]:
    return [fakes.make_scene(seed, N_FRAMES) for seed in (7, 13)]
