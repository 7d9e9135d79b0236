"""What nobody has looked at is imagined, stays so, and gives way to what is truly seen."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from envs import episode as episodes
from models.config import CubesSize
from models.cubes import SOLID, SURE, lowest
from models.growth import APART, FREE, UNKNOWN, Growth, told
from models.kinds import N_NAMES, kind_of
from models.presets import preset
from models.sampler import frame_noise
from tests.models.tiny import FAMILIES, episode, randomised

CONFIG = replace(preset("voxel-small"), cubes=CubesSize(channels=3, naming=4, growing=8, sown=((13, 4), (27, 2))))
SHAPE = (CONFIG.cubes.n_x, CONFIG.cubes.n_y, CONFIG.cubes.n_z)


def grown_of(
    cubes: torch.Tensor, kept: torch.Tensor, pose: torch.Tensor, growth: Growth, seed: int | tuple[int, ...] = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    found = growth.grown(cubes.flatten(1), kept.flatten(1), pose, partial(frame_noise, seed, 0))
    return found[0].view_as(cubes), found[1].view_as(kept)


@pytest.fixture
def growth() -> Growth:
    torch.manual_seed(1)
    made = Growth(CONFIG)
    with torch.no_grad():
        made.out.weight.normal_(std=2.0)
        made.out.bias.view(SHAPE[2], -1)[12:, 0] = 1e3  # the sky is free
    return made


@pytest.fixture
def known() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Some cubes, their kinds, and where one stands among them."""
    cubes, kept = torch.zeros(1, *SHAPE, dtype=torch.int8), torch.zeros(1, *SHAPE, dtype=torch.int16)
    cubes[0, 20:30, 20:30, 7], kept[0, 20:30, 20:30, 7] = SURE, 5 * N_NAMES + 6
    cubes[0, 20:30, 20:30, 8:12] = -SURE
    return cubes, kept, torch.tensor([[22.5, 22.5, 8.0, 0.0, 0.0]])


def test_all_that_is_unknown_is_imagined_and_nothing_else(growth, known):
    cubes, kept, pose = known
    before = cubes.clone(), kept.clone()
    found, names = grown_of(cubes, kept, pose, growth)
    assert torch.equal(cubes, before[0])
    assert torch.equal(kept, before[1]), "states are values"
    seen = cubes != 0
    assert torch.equal(found[seen], cubes[seen])
    assert torch.equal(names[seen], kept[seen])
    assert (found != 0).all()
    assert (found[0, 0] == -1).all(), "the outermost stand for all beyond them"
    assert (found == SOLID).any()
    assert (found == -1).any()
    solid = found == SOLID
    assert (kind_of(names[solid]) > 0).all()
    assert (names[solid] < N_NAMES).all(), "any look is surer"
    again = grown_of(found, names, pose, growth, seed=1)
    assert torch.equal(again[0], found), "what is imagined stays"
    assert torch.equal(again[1], names)


def test_what_is_solid_but_could_not_be_named_is_named_along_with_the_rest(growth, known):
    cubes, kept, pose = known
    kept[0, 25, 25, 7] = 0
    found, names = grown_of(cubes, kept, pose, growth)
    assert torch.equal(found[cubes != 0], cubes[cubes != 0])
    assert 0 < int(names[0, 25, 25, 7]) < N_NAMES, "any look is surer"


def test_the_name_of_a_cube_that_cannot_have_been_seen_is_not_believed(growth, known):
    cubes, kept, pose = known
    names = kept.clone()
    names[0, 25, 25, 6] = names[0, 25, 25, 7] = 250 * N_NAMES + 4
    solid = cubes.clone()
    solid[0, 25, 25, 6] = SURE
    found = grown_of(solid, names, pose, growth)[1]
    assert kind_of(found)[0, 25, 25, 7] == 4
    assert kind_of(found)[0, 25, 25, 6] > 0
    assert found[0, 25, 25, 6] < N_NAMES, "as it is of what is imagined"


def test_trees_are_drawn_by_lot_as_often_as_they_are_likely_and_apart(growth, known):
    _, _, pose = known
    trunk, share = CONFIG.cubes.sown[0][0], 0.01
    with torch.no_grad():
        growth.out.weight.zero_()
        bias = growth.out.bias.view(SHAPE[2], -1)
        bias.fill_(-1e4)
        bias[:, 0] = 0.0
        bias[5:9, trunk] = math.log(share / (1 - share))
    nothing = [torch.zeros(1, *SHAPE, dtype=kind) for kind in (torch.int8, torch.int16)]
    drawn = [grown_of(*nothing, pose, growth, seed) for seed in range(4)]
    columns = [(cubes[0] >= SOLID).any(dim=-1) for cubes, _ in drawn]
    assert not torch.equal(columns[0], columns[1])
    n = sum(int(part.sum()) for part in columns) / (4 * (SHAPE[0] - 2) * (SHAPE[1] - 2))
    assert 0.6 * share < n < share, "some stood too near to another"
    for (cubes, names), there in zip(drawn, columns, strict=True):
        assert (cubes[0] >= SOLID)[..., 5:9].all(dim=-1).equal(there), "a trunk is whole"
        assert int((cubes >= SOLID).sum()) == 4 * int(there.sum())
        assert (names[cubes >= SOLID] == trunk).all()
        place = there.nonzero()
        away = (place[:, None] - place[None]).abs().amax(dim=-1) + 99 * torch.eye(len(place), dtype=torch.int64)
        assert (away > APART).all()


def test_nothing_is_imagined_where_one_stands(growth, known):
    _, _, pose = known
    with torch.no_grad():
        growth.out.bias.view(SHAPE[2], -1)[:, 3] = 1e4
    found, _ = grown_of(*(torch.zeros(1, *SHAPE, dtype=kind) for kind in (torch.int8, torch.int16)), pose, growth)
    x, y, z = (int(part) for part in (pose[0, :3] - torch.tensor(lowest(CONFIG))).floor())
    assert found[0, x, y, z : z + 2].tolist() == [-1, -1]
    assert found[0, x, y, z - 1] == SOLID


def test_rows_do_not_mix_and_borders_are_no_trouble(growth, known):
    cubes, kept, pose = known
    corner = torch.tensor([[-1.5, 49.0, 8.0, 0.0, 0.0]])
    both = grown_of(cubes.repeat(2, 1, 1, 1), kept.repeat(2, 1, 1, 1), torch.cat([pose, corner]), growth, (0, 1))
    for row, at in enumerate((pose, corner)):
        alone = grown_of(cubes, kept, at, growth, (row,))
        assert torch.equal(both[0][row], alone[0][0])
        assert torch.equal(both[1][row], alone[1][0])


def test_the_network_is_told_what_is_known():
    cubes = torch.tensor([-5, 0, SOLID - 1, SOLID, SURE], dtype=torch.int8)
    kept = torch.tensor([0, 0, 9, 0, 3 * N_NAMES + 9], dtype=torch.int16)
    assert told(39, cubes, kept).tolist() == [FREE, UNKNOWN, UNKNOWN, 40, 10]


def test_a_dream_imagines_and_true_frames_do_not(tmp_path):
    from models import checkpoint
    from simulator.load import load_engine

    model = randomised(FAMILIES["voxel-cubes"])
    checkpoint.save(model, tmp_path / "model")
    engine = load_engine(tmp_path / "model", "voxel")
    moment = engine.begin([replace(episode(8), n_actions=engine.config.n_actions)], 0)
    pose = moment.pose
    dreamt = engine.step(moment, np.array([0]), pose)
    true = engine.absorb(moment, moment.frame, np.array([0]), pose)
    unknown = moment.stream.cubes == 0
    assert unknown.any()
    assert (dreamt.stream.cubes[unknown] != 0).sum() > (true.stream.cubes[unknown] != 0).sum()


def test_an_island_is_learned(tmp_path, monkeypatch):
    pytest.importorskip("numba")
    from models.training import growth as training

    monkeypatch.setattr(training, "N_WALKS", 1)
    monkeypatch.setattr(training, "LOOKS", (1, 2, 4))
    torch.manual_seed(0)
    episodes.save(replace(episode(4), n_actions=CONFIG.n_actions), tmp_path / "voxel-00000900.npz")
    growth, draws = Growth(CONFIG), np.random.default_rng(0)
    walks = training.walks_of(growth, 900, draws)
    assert walks.cubes.shape == (3, *SHAPE)
    known = [int((cubes != 0).sum()) for cubes in walks.cubes]
    assert known == sorted(known)
    assert known[0] > 0
    solid, truly = walks.cubes >= SOLID, walks.truth > 0
    assert (truly[solid]).float().mean() > 0.9, "what is taken to be solid is"
    named = kind_of(walks.kept)
    assert (named[named > 0] == walks.truth[named > 0]).float().mean() > 0.9
    told_of, truth, columns = training.windows(walks, 8, CONFIG.cubes.kinds, draws)
    where = growth.where().flatten(1)[:, columns].movedim(1, 0)

    def loss() -> float:
        with torch.no_grad():
            guessed = growth(told_of, where).permute(0, 4, 1, 2, 3)
        each = training.counts(told_of, truth)
        return float((torch.nn.functional.cross_entropy(guessed, truth, reduction="none") * each).sum() / each.sum())

    before = loss()
    training.train_growth(growth, tmp_path, 25, lr=1e-2, bf16=False)
    assert loss() < 0.8 * before
