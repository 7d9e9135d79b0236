"""Cells and their sides lie where rays meet them in the real world, and texels are found where the real picture shows them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.voxel import textures
from envs.voxel.blocks import block_id
from envs.voxel.env import VoxelEnv
from envs.voxel.raycast import FACES, march
from models.lattice import cells_along, sides
from models.presets import preset
from models.world_model import WorldModel


def rays_and_blocks(n: int):
    rng = np.random.default_rng(0)
    blocks = (rng.random((12, 12, 12)) < 0.15).astype(np.uint8)
    eyes, directions = rng.uniform(4, 8, (n, 3)), rng.normal(size=(n, 3))
    return blocks, eyes, directions / np.linalg.norm(directions, axis=1, keepdims=True)


def test_a_ray_meets_the_cells_and_sides_that_it_meets_in_the_real_world():
    blocks, eyes, directions = rays_and_blocks(300)
    met = 0
    eye, ray = torch.from_numpy(eyes), torch.from_numpy(directions)
    cells = cells_along(eye, ray, 12)
    for i in range(len(eyes)):
        x, y, z, face, away = march(blocks, np.array([False, True]), *eyes[i], *directions[i], 6.0)
        if x < 0 or face < 0:
            continue
        met += 1
        along = cells[i].int().tolist()
        assert [x, y, z] in along
        before = along[: along.index([x, y, z])]
        assert not any(blocks[tuple(cell)] for cell in before)
        hit, found = sides(eye[i, None], ray[i].view(1, 1, 1, 3), torch.tensor([[x, y, z]]).double(), 3)
        assert hit.all()
        assert found.away[0, 0, 0, 0] == pytest.approx(away)
        assert FACES[face][found.axis[0, 0, 0, 0]] == -np.sign(directions[i][found.axis[0, 0, 0, 0]])
        entries = [found.away[0, k, 0, 0].item() for k in range(3)]
        assert entries == sorted(entries)
    assert met > 100


def test_cells_that_a_ray_passes_by_are_not_hit_and_all_stays_finite():
    eye = torch.tensor([[0.5, 0.5, 0.5]])
    rays = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).view(1, 1, 3, 3)
    hit, found = sides(eye, rays, torch.tensor([[3.0, 0.0, 0.0]]), 3)
    assert hit.flatten().tolist() == [True, False, False]
    assert all(part.isfinite().all() for part in found)
    assert found.away[0, :, 0, 0].tolist() == pytest.approx([2.5, 3.5, 4.5])
    assert ((found.across >= 0) & (found.across <= 1) & (found.up >= 0) & (found.up <= 1)).all()


@pytest.mark.parametrize(
    ("heading", "pitch", "ahead"), [(0, 0, (2, 0, 1)), (7, -3, (0, 2, 0)), (14, 2, (-2, 0, 3)), (20, 0, (1, -2, 1))]
)
def test_the_texels_of_a_side_are_those_of_the_real_picture(heading, pitch, ahead):
    """A lamp shines as bright as its texture, whatever the hour: its pixels are its texels."""
    env = VoxelEnv()
    env.reset(seed=3)
    state = env.snapshot()
    blocks = np.zeros_like(state.blocks)
    body = state.body.copy()
    body[:3] = [20.3, 20.6, 20.0]
    cell = np.array([20, 20, 20]) + ahead
    blocks[tuple(cell)] = block_id("red_lamp")
    env.restore(replace(state, blocks=blocks, body=body, heading=heading, pitch=pitch))
    picture = env.render()
    hands = WorldModel(preset("voxel-small")).hands
    pose = torch.from_numpy(env.snapshot().pose[None]).float()
    eye, _, rays = hands._ahead(pose)
    hit, found = sides(eye, rays, torch.from_numpy(cell[None]).float(), 1)
    atlas, worn = textures.atlas()
    lamp = atlas[worn[block_id("red_lamp"), 1]]
    copies = [lamp[first : first + n * n].reshape(n, n, 4) for n, first in ((16, 0), (8, 256), (4, 320))]
    texels = np.concatenate([copy.swapaxes(0, 1).reshape(-1, 4) for copy in copies])  # the real ones go column by column
    due = texels[hands.textures.texels(found)[0, 0].numpy(), :3].astype(int)
    real = picture[hands.box[0], hands.box[1]].astype(int)
    off = np.abs(due - real).max(axis=-1)[hit[0].numpy()]
    assert len(off) > 60
    assert (off < 24).mean() > 0.93, "but for the cross and single pixels on the edge of a texel"
