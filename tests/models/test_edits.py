"""What was put or taken is noted with its cell and its looks, kept, and drawn where it lies in any later view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from envs.voxel import textures
from envs.voxel.blocks import block_id
from envs.voxel.env import VoxelEnv
from models.config import EditsSize, ModelConfig
from models.edits import KIND, N_ENTRY, STAMP, WEARS, put
from models.hands import COMES, GOES, Done
from models.pixels import to_float
from models.presets import preset
from models.textures import LOUD
from models.training import edits as training
from models.world_model import WorldModel
from tests.models.tiny import FAMILIES, inputs, randomised

CONFIG = replace(FAMILIES["voxel-small"], rests=False)
LAMP = 7
CELL = np.array([22, 20, 21])


def entry(x, y, z, kind=COMES, wears=(LAMP, 1.0, 1.0, 1.0)):
    return torch.tensor([[x, y, z, kind, 0.0, *3 * wears]])


@pytest.fixture(scope="module")
def model():
    """Untaught, but that it knows what a lamp looks like."""
    torch.manual_seed(0)
    model = WorldModel(preset("voxel-small")).eval()
    atlas, worn = textures.atlas()
    lamp = atlas[worn[block_id("red_lamp"), 1]][:256].reshape(16, 16, 4)[..., :3].transpose(2, 1, 0) / 255
    colours = torch.from_numpy(lamp).float().clamp(0.01, 0.99)
    with torch.no_grad():
        model.hands.textures.pictures[LAMP] = colours.logit() / LOUD
    return model


class Nowhere:
    """Nothing but sky, and a lamp, as the real world shows them."""

    def __init__(self) -> None:
        self.env = VoxelEnv()
        self.env.reset(seed=3)

    def seen(self, *, lamp: bool, place=(20.3, 20.6, 20.0), heading=0, pitch=0):
        """A frame (1, 3, 64, 64) and the pose (1, 5) it is seen from."""
        state = self.env.snapshot()
        blocks, body = np.zeros_like(state.blocks), state.body.copy()
        body[:3] = place
        if lamp:
            blocks[tuple(CELL)] = block_id("red_lamp")
        self.env.restore(replace(state, blocks=blocks, body=body, heading=heading, pitch=pitch))
        return to_float(self.env.render()[None]), torch.from_numpy(self.env.snapshot().pose[None]).float()


@pytest.mark.parametrize("kind", [COMES, GOES])
def test_a_change_is_noted_with_its_cell_and_what_its_sides_wear(model, kind):
    world, hands = Nowhere(), model.hands
    (without, pose), (there, _) = (world.seen(lamp=lamp) for lamp in (False, True))
    was, now = (without, there) if kind == COMES else (there, without)
    with torch.no_grad():
        looked = hands.look(hands.middle(was), hands.bar(was), torch.tensor([1]), torch.tensor([0]), pose)
        noted = model.edits.noted(hands, looked, hands.middle(now), torch.tensor([kind]))[0]
    assert noted[:3].tolist() == CELL.tolist()
    assert noted[KIND] == kind
    if kind == COMES:
        assert noted[WEARS::4].tolist() == [LAMP] * 3
        assert noted.view(-1)[WEARS + 1 : WEARS + 4].tolist() == pytest.approx([1, 1, 1], abs=0.1)


@pytest.mark.parametrize(
    ("place", "heading", "pitch"), [((20.3, 20.6, 20.0), 0, 0), ((18.4, 18.2, 20.0), 3, 0), ((24.6, 22.9, 21.0), 15, -1)]
)
def test_it_is_drawn_where_the_real_world_shows_it_from_anywhere(model, place, heading, pitch):
    frame, pose = Nowhere().seen(lamp=True, place=place, heading=heading, pitch=pitch)
    empty, _ = Nowhere().seen(lamp=False, place=place, heading=heading, pitch=pitch)
    due = model.edits.due(entry(*CELL).view(1, 1, N_ENTRY), model.hands, pose)
    rows = due.there.shape[1]
    shown = (frame - empty).abs().amax(dim=1)[:, :rows] > 0.1
    assert shown.sum() > 40
    assert (shown & due.there).sum() > 0.93 * (shown | due.there).sum()
    off = (due.colour - frame[..., :rows, :]).abs().mean(dim=1)[shown & due.there]
    assert (off < 0.2).float().mean() > 0.9, "but for the cross, and pixels on the edges of texels"


def test_all_of_a_block_that_comes_is_drawn_where_hands_drew_its_middle(model):
    world, hands = Nowhere(), model.hands
    (was, pose), (now, _) = (world.seen(lamp=lamp, place=(21.0, 20.6, 20.0)) for lamp in (False, True))
    rows, columns = hands.box
    drawn = was.clone()
    drawn[..., rows, columns] = now[..., rows, columns]
    with torch.no_grad():
        looked = hands.look(hands.middle(was), hands.bar(was), torch.tensor([1]), torch.tensor([0]), pose)
    top = model.config.bar_rows[0]
    there = ((now - was).abs().amax(dim=1) > 0.1)[:, None, :top]
    done = Done(looked, torch.tensor([COMES]), torch.zeros(1), torch.from_numpy(CELL)[None].float(), torch.zeros(1))
    whole = model.edits.whole(drawn[:, None], was[:, None], hands, done, there, pose[:, None])[:, 0]
    beside = there[:, 0].clone()
    beside[:, rows, columns] = False
    assert beside.sum() > 100
    off = (whole - now)[..., :top, :].abs().mean(dim=1)
    assert (off[beside] < 0.2).float().mean() > 0.9, "but for pixels on the edges of texels"
    assert torch.equal(whole[..., rows, columns][..., :10], drawn[..., rows, columns][..., :10])
    kept = ~torch.nn.functional.pad(there[:, 0], (0, 0, 0, 64 - top))[:, None].expand_as(now)
    assert torch.equal(whole[kept], drawn[kept])
    for nothing in (done._replace(kind=torch.tensor([GOES])), done._replace(kind=torch.tensor([0]))):
        assert torch.equal(model.edits.whole(drawn[:, None], was[:, None], hands, nothing, there, pose[:, None])[:, 0], drawn)


def test_the_nearest_is_drawn_and_what_stands_hides_a_hole(model):
    _, pose = Nowhere().seen(lamp=False)
    near, far = entry(22, 20, 21), entry(24, 20, 21, wears=(3, 1.0, 1.0, 1.0))
    both = model.edits.due(torch.stack([far, near], dim=1), model.hands, pose)
    alone = model.edits.due(near[:, None], model.hands, pose)
    inside = alone.there
    assert torch.equal(both.colour.movedim(1, -1)[inside], alone.colour.movedim(1, -1)[inside])
    hole = model.edits.due(torch.stack([entry(21, 20, 21, GOES), near], dim=1), model.hands, pose)
    assert torch.equal(hole.colour.movedim(1, -1)[inside], alone.colour.movedim(1, -1)[inside])


def test_what_is_undone_now_is_not_drawn(model):
    frame, pose = Nowhere().seen(lamp=False)
    with torch.no_grad():
        model.edits.out.bias[0] = 50.0  # whatever is due is drawn
    kept, frames = entry(*CELL).view(1, 1, 1, N_ENTRY), frame[:, None]
    shows = model.edits(frames, kept, model.hands, pose[:, None])
    assert not torch.equal(shows, frames)

    def done(kind: int, cell: tuple[int, ...]) -> Done:
        return Done(None, torch.tensor([kind]), torch.zeros(1), torch.tensor([cell]).float(), torch.zeros(1))

    assert torch.equal(model.edits(frames, kept, model.hands, pose[:, None], done(GOES, CELL)), frames)
    for other in (done(COMES, CELL), done(GOES, (CELL[0], CELL[1], CELL[2] + 1))):
        assert torch.equal(model.edits(frames, kept, model.hands, pose[:, None], other), shows)


def test_what_is_behind_or_not_kept_is_not_due(model):
    _, pose = Nowhere().seen(lamp=False)
    for one in (entry(17, 20, 21), entry(*CELL, kind=0), entry(60, 20, 21)):
        assert not model.edits.due(one[:, None], model.hands, pose).there.any()


def test_a_cell_is_kept_once_and_the_oldest_makes_room():
    kept = torch.zeros(1, 3, N_ENTRY)
    for x in (1, 2, 3):
        kept = put(kept, entry(x, 0, 0))
    kept = put(kept, entry(1, 0, 0, GOES))
    assert sorted(zip(kept[0, :, 0].tolist(), kept[0, :, KIND].tolist(), strict=True)) == [(1, GOES), (2, COMES), (3, COMES)]
    kept = put(kept, entry(4, 0, 0))
    assert sorted(kept[0, :, 0].tolist()) == [1, 3, 4]
    assert sorted(kept[0, :, STAMP].tolist()) == [3, 4, 5]


def test_frame_by_frame_the_same_is_kept_and_nothing_of_one_who_walks():
    model = randomised(CONFIG)
    frames, level, control = inputs(CONFIG, 2, 10)
    still = control._replace(motion=torch.zeros_like(control.motion))
    _, whole = model(frames, level, still, model.init_state(2), predict=False)
    state = model.init_state(2)
    for t in range(10):
        part = slice(t, t + 1)
        _, state = model(frames[:, part], level[:, part], type(still)(*(x[:, part] for x in still)), state, predict=False)
    assert (whole.edits[..., KIND] > 0).any(), "in these frames anything happens"
    assert torch.equal(whole.edits[..., :WEARS], state.edits[..., :WEARS])
    assert torch.allclose(whole.edits, state.edits, atol=1e-4)
    walking = control._replace(motion=torch.full_like(control.motion, 0.1))
    assert not model(frames, level, walking, model.init_state(2), predict=False)[1].edits.any()


def test_untaught_it_draws_nothing():
    torch.manual_seed(0)
    model = WorldModel(CONFIG).eval()
    plain = WorldModel(replace(CONFIG, edits=EditsSize())).eval()
    plain.load_state_dict({name: part for name, part in model.state_dict().items() if not name.startswith("edits.")})
    given = inputs(CONFIG, 2, 6)
    state = model.init_state(2)
    state = state._replace(edits=entry(0, 0, 0).expand(2, 4, -1))
    with torch.no_grad():
        drawn, without = (net(*given, start)[0] for net, start in ((model, state), (plain, plain.init_state(2))))
    assert torch.equal(drawn, without)


def test_episodes_of_another_island_or_without_changes_cannot_teach_it(tmp_path):
    env = VoxelEnv()
    frames = [env.reset(seed=5)[0]] + [env.step(0)[0] for _ in range(5)]
    pose = np.tile(env.snapshot().pose, (6, 1))
    still = Episode(np.stack(frames), np.zeros(6, np.int64), 40, pose)
    model = WorldModel(preset("voxel-small"))
    for name, of in (("voxel-00000005.npz", still), ("voxel-00000006.npz", still), ("nameless.npz", still)):
        episodes.save(of, tmp_path / name)
    with pytest.raises(EpisodeError, match="the edits cannot be learned"):
        training.train_edits(model.edits, model.hands, tmp_path, 1)
    with pytest.raises(ValueError, match="edits need hands"):
        ModelConfig(edits=EditsSize(n_kept=4))
