"""What cubes are made of: named pixel by pixel, kept by the surest look, worn as it was seen, and painted from anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from models.config import CubesSize
from models.cubes import SURE, Change, ends, look, n_cubes, slots, worked
from models.kinds import BESIDE, CERTAIN, N_FACES, N_NAMES, SIDE, TOP, Kinds, Named, after, kind_of, noted
from models.painted import painted
from models.pixels import from_bytes, to_float
from models.presets import preset
from models.reprojection import pixel_rays
from models.training.optim import EMA
from tests.models.island import walk

CONFIG = replace(preset("voxel-small"), cubes=CubesSize(channels=3, naming=4, growing=8))
RAYS = pixel_rays(CONFIG)
ROWS, WIDTH = CONFIG.bar_rows[0], CONFIG.image[1]
SHAPE = (CONFIG.cubes.n_x, CONFIG.cubes.n_y, CONFIG.cubes.n_z)


def at(x: float = 20.0, y: float = 20.5, z: float = 5.0, heading: float = 0.0, pitch: float = 0.0) -> torch.Tensor:
    return torch.tensor([[x, y, z, heading, pitch]])


def blank() -> torch.Tensor:
    return torch.zeros(1, n_cubes(CONFIG), dtype=torch.int16)


def test_the_surest_look_names_a_cube():
    eye, _, rays = look(CONFIG, RAYS, at())
    straight = rays[..., [(ROWS // 2) * WIDTH + WIDTH // 2]]

    def seen(kept: torch.Tensor, kind: int, sure: float, away: float) -> torch.Tensor:
        told = Named(torch.tensor([[kind]]), torch.tensor([[sure]]))
        return noted(CONFIG, kept, cubes, eye, straight, torch.tensor([[away]]), told)

    cubes = torch.zeros(1, *SHAPE, dtype=torch.int8)
    cubes[0, 28] = SURE
    cubes = cubes.flatten(1)
    kept = seen(blank(), 5, 0.6, 6.0)
    assert kept.dtype == torch.int16
    assert sorted(kind_of(kept).unique().tolist()) == [0, 5]
    assert 7 not in kind_of(seen(kept, 7, 0.5, 6.0)), "a look that is less sure changes nothing"
    assert 5 not in kind_of(seen(kept, 7, 0.9, 6.0)), "a surer one does"
    assert torch.equal(seen(kept, 0, 1.0, 6.0), kept), "nothing is no kind"
    assert torch.equal(seen(kept, 9, 1.0, float("inf")), kept), "nor has the sky one"
    assert torch.equal(seen(kept, 9, 1.0, 3.0), kept), "nor what is seen where nothing is known to be"
    assert int(kept.max()) < CERTAIN * N_NAMES < 2**15


def test_where_another_kind_begins_a_look_is_less_sure():
    kinds = Kinds(CONFIG)
    logits = torch.zeros(1, CONFIG.cubes.kinds, 5, 6)
    logits[:, 3, :, :3] = logits[:, 4, :, 3:] = 9.0
    kinds.forward = lambda *_: logits
    named = kinds.named(torch.zeros(1), torch.zeros(1), torch.zeros(1))
    sure = logits.softmax(dim=1).amax(dim=1)
    assert named.kind[0, 0].tolist() == [3, 3, 3, 4, 4, 4]
    for column, share in enumerate((1, 1, BESIDE, BESIDE, 1, 1)):
        assert torch.allclose(named.sure[..., column], share * sure[..., column])


def test_what_hands_change_is_of_no_known_kind_and_a_dream_names_nothing():
    kept = blank()
    cell = torch.tensor([[26.0, 20.0, 6.0]])
    slot = slots(CONFIG, cell + 0.5, torch.zeros(1, 3, 1), torch.zeros(1, 1))[0, 0, 0]
    kept[0, slot] = 5
    cubes = torch.full((1, 2, n_cubes(CONFIG)), -1, dtype=torch.int8)
    eye, _, rays = look(CONFIG, RAYS, at())
    cubes[0, :, slots(CONFIG, eye, rays, torch.full((1, 1), 3.0)).flatten().long()] = SURE
    away = ends(CONFIG, cubes[:, 1], eye, rays).away.view(1, 1, ROWS, WIDTH)
    none = Change(cell[:, None], torch.zeros(1, 1, dtype=torch.int8))
    gone = none._replace(value=torch.full((1, 1), -SURE, dtype=torch.int8))
    nothing = torch.zeros(1, 1, dtype=torch.int16)
    assert torch.equal(worked(CONFIG, kept, none, nothing)[:, -1], kept)
    assert not worked(CONFIG, kept, gone, nothing)[:, -1].any()
    assert torch.equal(worked(CONFIG, kept, gone, nothing)[:, 0], kept)
    named = Named(torch.full((1, 1, ROWS // 2, WIDTH // 2), 3), torch.ones(1, 1, ROWS // 2, WIDTH // 2))
    found = after(CONFIG, RAYS, kept, cubes, named, away, at()[None], none)
    assert torch.equal(found[:, 0], kept)
    assert 3 in kind_of(found[:, 1])


@torch.no_grad()
def test_a_cube_is_painted_in_what_its_kind_wears_on_the_side_that_shows():
    cubes = torch.zeros(1, *SHAPE, dtype=torch.int8)
    kept = torch.zeros(1, *SHAPE, dtype=torch.int16)
    cubes[0, 26, :, 5], kept[0, 26, :, 5] = SURE, 5  # seen at eye height
    cubes[0, :, :, 3] = SURE  # the ground, of kind 7 but for some of which nobody knows
    kept[0, :28, :, 3] = 7
    kinds = Kinds(CONFIG)
    kinds.worn.copy_(torch.linspace(0, 1, kinds.worn.shape[1])[:, None].expand_as(kinds.worn))
    pose = at(x=22.0, z=4.0)
    eye, _, rays = look(CONFIG, RAYS, pose)
    met = ends(CONFIG, cubes.flatten(1), eye, rays)
    found = painted(CONFIG, kinds.worn, kept.flatten(1), eye, rays, met)
    middle, foot = (ROWS // 2) * WIDTH + WIDTH // 2, (ROWS - 1) * WIDTH + WIDTH // 2

    def worn(kind: int, face: int) -> float:
        return float(2 * kinds.worn[0, N_FACES * kind + face, 0] - 1)

    assert bool(found.there[0, middle])
    assert abs(float(found.colour[0, 0, middle]) - worn(5, SIDE)) < 1e-5
    assert found.facing[0, :, middle].tolist() == [1, 0, 0]
    assert abs(float(found.colour[0, 0, foot]) - worn(7, TOP)) < 1e-5
    assert found.facing[0, :, foot].tolist() == [0, 0, 1]
    unknown = met.away.isfinite() & ~found.there
    assert unknown.any()
    assert not found.colour.movedim(1, 2)[~found.there].any()


@pytest.fixture(scope="module")
def walked() -> Episode:
    """A walk on the island of seed 900."""
    return walk(["look_down"] * 2 + (["forward"] * 3 + ["right"]) * 12)


def test_textures_are_what_was_seen(walked, monkeypatch):
    """Painted with true cubes of true kinds, in textures that are means of frames, a frame looks as it is but for its light."""
    from envs.voxel.replay import replay
    from models.training import kinds as training
    from models.training.growth import truth_of

    monkeypatch.setattr(training, "EVERY", 1)
    kinds = Kinds(CONFIG)
    steps = training.steps_of(kinds, walked, 900)
    assert torch.equal(steps.kind > 0, steps.away.isfinite())
    training.wear(kinds, steps)
    state = replay(900, walked.action)[-1]
    truth = truth_of(CONFIG, state.blocks).flatten()[None]
    pose = steps.pose[-1:]
    eye, _, rays = look(CONFIG, RAYS, pose)
    met = ends(CONFIG, torch.where(truth > 0, SURE, -SURE).to(torch.int8), eye, rays)
    found = painted(CONFIG, kinds.worn, truth.to(torch.int16), eye, rays, met)
    frame = to_float(walked.image[-1:])[0, :, :ROWS].flatten(1)
    near = found.there[0] & (met.away[0] < 10)
    assert near.sum() > 300
    due, paint = frame[:, near] + 1, found.colour[0][:, near] + 1
    off = due - paint * (due * paint).sum() / paint.square().sum()
    assert off.abs().mean() < 0.7 * (due - due.mean(dim=1, keepdim=True)).abs().mean()


def test_teaching_names_more_of_what_is_seen(walked, tmp_path):
    from models.training import kinds as training

    torch.manual_seed(0)
    episodes.save(walked, tmp_path / "voxel-00000900.npz")
    kinds, steps = Kinds(CONFIG), training.steps_of(Kinds(CONFIG), walked, 900)
    view, pitch, kind = from_bytes(steps.frame[..., :ROWS, :]), steps.pose[:, 4], steps.kind[:, ::2, ::2].long()

    def right() -> float:
        with torch.no_grad():
            found = kinds(view, pitch, steps.away.float()).argmax(dim=1) == kind
        return float(found[kind > 0].float().mean())

    before = right()
    training.train_kinds(kinds, tmp_path, 40, lr=5e-3, bf16=False)
    assert right() > max(before, 0.4)
    assert kinds.worn.std() > 0.05


def test_what_is_worn_goes_with_the_weights_and_is_not_learned():
    kinds = Kinds(CONFIG)
    with torch.no_grad():
        kinds.worn.fill_(0.9)
    assert not kinds.worn.requires_grad
    average = EMA(kinds)
    fresh = Kinds(CONFIG)
    average.copy_to(fresh)
    assert torch.equal(fresh.worn, kinds.worn)


def test_steps_of_another_island_are_refused(walked):
    from models.training import kinds as training

    with pytest.raises(EpisodeError, match="not the island of seed 901"):
        training.steps_of(Kinds(CONFIG), walked, 901)
