"""The drawer of what hands do: it draws where something happens, for one who stands, and nowhere else; and it can be taught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.episode import Episode
from models.conditioning import Control
from models.config import BarSize, EditsSize, HandsSize
from models.cubes import SURE, cubes_at, lowest, n_cubes
from models.hands import COMES, KINDS, N_PLACE, Done, place, stands
from models.training import hands as training
from models.world_model import WorldModel
from tests.models.tiny import FAMILIES, inputs, randomised

CONFIG = replace(FAMILIES["voxel-small"], rests=False, edits=EditsSize())
TOP, _ = CONFIG.bar_rows


def digging(n_frames: int, seed: int) -> Episode:
    """Key 1 puts a bright block into the middle of the view, key 2 takes it away; the bar tells whether it is there. Key 3 cracks
    it, which the bar does not tell."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 4, n_frames)
    image = rng.integers(60, 70, (n_frames, 16, 16, 3)).astype(np.uint8)
    there = cracked = False
    for t in range(n_frames):
        there = action[t] == 1 or (there and action[t] != 2)
        cracked = there and (cracked or action[t] == 3)
        image[t, 4:9, 5:11] = 230 if there else 64
        if cracked:
            image[t, 5:8, 6:9] = 20
        image[t, TOP:] = 200 if there else 20
    return Episode(image, action, CONFIG.n_actions, np.zeros((n_frames, 5)))


def still(n_rows: int, n_frames: int):
    frames, level, control = inputs(CONFIG, n_rows, n_frames)
    return frames, level, control._replace(motion=torch.zeros_like(control.motion))


def test_untaught_it_draws_nothing():
    torch.manual_seed(0)
    model = WorldModel(CONFIG).eval()
    plain = WorldModel(replace(CONFIG, hands=HandsSize(), edits=EditsSize())).eval()
    plain.load_state_dict({name: part for name, part in model.state_dict().items() if not name.startswith("hands.")})
    given = still(2, 6)
    with torch.no_grad():
        drawn, without = (net(*given, net.init_state(2))[0] for net in (model, plain))
    assert torch.equal(drawn, without)


def test_it_draws_into_the_middle_of_the_view_alone_and_only_for_one_who_stands():
    model = randomised(CONFIG)
    plain = WorldModel(replace(CONFIG, hands=HandsSize(), edits=EditsSize())).eval()
    plain.load_state_dict({name: part for name, part in model.state_dict().items() if not name.startswith("hands.")})
    frames, level, control = still(2, 12)
    model.hands.kind.bias.copy_(torch.tensor([0.0, 50.0, 0.0, 0.0]))
    drawn, without = (net(frames, level, control, net.init_state(2))[0] for net in (model, plain))
    other = (drawn != without).any(dim=2)
    rows, columns = model.hands.box
    assert other[:, 1:, rows, columns].any()
    assert not other[:, 0, :TOP].any(), "before the first frame there is none to draw into"
    other[:, :, rows, columns] = False
    assert not other[:, :, :TOP].any()
    walking = control._replace(motion=control.motion + 0.1)
    drawn, without = (net(frames, level, walking, net.init_state(2))[0][..., :TOP, :] for net in (model, plain))
    assert torch.equal(drawn, without)


def test_whoever_does_not_move_sees_what_he_saw_but_for_what_hands_do():
    config = replace(CONFIG, rests=True)
    model = randomised(config)
    frames, level, control = still(2, 6)
    control.action[:] = torch.tensor([0, 3, 4, 0, 5, 6])
    before = frames[:, :-1]
    model.hands.kind.bias.copy_(torch.tensor([50.0, 0.0, 0.0, 0.0]))
    pictures = model(frames, level, control, model.init_state(2))[0][:, 1:]
    assert torch.equal(pictures[..., :TOP, :], before[..., :TOP, :])
    assert torch.equal(pictures[:, 2], before[:, 2]), "nothing was done: the bar, too"
    assert not torch.equal(pictures[..., TOP:, :], before[..., TOP:, :])
    model.hands.kind.bias.copy_(torch.tensor([0.0, 50.0, 0.0, 0.0]))
    pictures = model(frames, level, control, model.init_state(2))[0][:, 1:]
    changed = (pictures != before).any(dim=2)
    rows, columns = model.hands.box
    assert changed[:, :, rows, columns].any()
    changed[:, :, rows, columns] = False
    assert not changed[:, :, :TOP].any()


def test_who_hardly_moves_stands():
    motion = torch.tensor([[0.0] * 5, [0.01, 0, 0, 0.01, 0], [0.03, 0, 0, 0, 0], [0, 0, 0, 0, 0.03]])
    assert stands(motion).tolist() == [True, True, False, False]


def test_it_learns_what_keys_do_to_the_view(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "N_BATCH", 32)
    for seed in range(3):
        episodes.save(digging(200, seed), tmp_path / f"{seed}.npz")
    torch.manual_seed(0)
    hands = WorldModel(CONFIG).eval().hands
    training.train_hands(hands, tmp_path, 250, lr=1e-2, bf16=False)
    steps = training.steps_of(hands, digging(200, 9))
    middle, bar, after = (part.float() / 127.5 - 1 for part in (steps.middle, steps.bar, steps.after))
    with torch.no_grad():
        looked = hands.look(middle, bar, steps.action, steps.waited, steps.pose)
        drawn = hands.draw(looked)
    assert all(0.02 < (steps.kind == kind).float().mean() < 0.9 for kind in range(3))
    assert (looked.kind.argmax(dim=1) == steps.kind).float().mean() > 0.95
    happens = steps.kind > 0
    shown = torch.where((drawn.where > 0)[:, None], hands.shown(drawn), middle)[happens]
    left = (shown - after[happens]).square().mean() / (middle - after)[happens].square().mean()
    assert left < 0.1


def looked_at(hands, n=2, config=CONFIG):
    side = config.hands.side
    middle, bar = torch.randn(n, 3, side, side), torch.randn(n, 3 * (config.image[0] - TOP) * config.image[1])
    pose = torch.tensor([[2.3, 2.6, 4.0, 0.5, -0.2]]).expand(n, -1)
    return hands.look(middle, bar, torch.arange(n), torch.zeros(n), pose)


def test_it_draws_what_was_decided_and_no_mean_of_all_that_might_be():
    hands = randomised(CONFIG).hands
    looked = looked_at(hands)
    drawn = hands.draw(looked)
    kind, cell = looked.kind.argmax(dim=1), looked.cell.argmax(dim=1)
    same, other = hands.draw(looked, kind, cell), hands.draw(looked, (kind + 1) % len(KINDS), cell)
    assert torch.equal(hands.shown(drawn), hands.shown(same))
    assert not torch.equal(hands.shown(drawn), hands.shown(other))


def test_what_happens_to_a_block_changes_nothing_beside_its_cell():
    hands = randomised(CONFIG).hands
    looked, (rows, columns) = looked_at(hands, n=1), hands.box
    with torch.no_grad():
        hands.out.bias.view(-1, 4)[0] = 1e3  # wherever it may
    pictures, at = torch.randn(1, 1, 3, *CONFIG.image), torch.tensor([1])
    for kind in (1, 2, 3):
        done = Done(looked, torch.full((1,), kind), at, looked.cells[:, 1], torch.zeros(1))
        changed = (hands(pictures, done) != pictures).any(dim=2)[0, 0]
        there = hands.draw(looked, done.kind, at).there[0]
        assert there.any()
        assert not changed[: rows.start].any()
        assert torch.equal(changed[rows, columns], there)


def test_cubes_tell_which_cell_is_looked_at():
    config = FAMILIES["voxel-cubes"]
    hands, (x, y, _) = randomised(config).hands, lowest(config)
    before, seen, waited = torch.randn(1, 1, 3, *config.image), torch.ones(1, 1), torch.zeros(1, 1)
    pose = torch.tensor([[[x + 8.3, y + 8.6, 4.0, 0.5, -0.2]]])
    control = Control(torch.ones(1, 1, dtype=torch.int64), pose, torch.zeros(1, 1, 5))
    cubes = torch.full((1, 1, n_cubes(config)), -SURE, dtype=torch.int8)
    hands.kind.bias.data[:] = torch.tensor([0.0, 0.0, 1e4, 0.0])
    cells = hands.cells(pose[0])[0]
    for solid in (1, 2):
        slot = cubes_at(config, cells[solid].view(1, 1, 3)).flatten().long()
        stands_there = cubes.clone()
        stands_there[0, 0, slot] = SURE
        none, there = (hands.done(before, seen, waited, control, known) for known in (cubes, stands_there))
        by = hands._aimed(there.looked, there.kind, stands_there[0]) - there.looked.cell
        assert by[0].nonzero().tolist() == [[solid]]
        assert torch.equal(none.at, none.looked.cell.argmax(dim=1))
        comes = hands._aimed(there.looked, torch.tensor([COMES]), stands_there[0]) - there.looked.cell
        assert comes[0].nonzero().tolist() == [[solid - 1]]


def test_sides_are_shown_where_the_cell_is_and_only_where_a_block_goes_or_comes():
    hands = randomised(CONFIG).hands
    looked = looked_at(hands, n=3)
    near, far = (hands.draw(looked, torch.full((3,), 2), torch.full((3,), cell)).share[:, 0] < 1 for cell in (1, 6))
    assert 0 < far.sum() < near.sum()
    assert near[far].float().mean() > 0.9, "both lie in the middle of the view"
    assert (hands.draw(looked, torch.tensor([0, 1, 0])).share[:, 0] == 1).all()
    goes, comes = (hands.draw(looked, torch.full((3,), kind), torch.full((3,), 1)).share for kind in (2, 3))
    assert (goes[:, 1] == 0).all()
    assert (goes[:, 2:].amax(dim=1) > 0)[near].all()
    assert (comes[:, 2:] == 0).all()
    assert (comes[:, 1] > 0)[near].all()


def test_sides_wear_their_textures():
    """One texture worn everywhere: the cell shows it, and shows it alike in training and in play."""
    hands = randomised(replace(CONFIG, hands=replace(CONFIG.hands, n_textures=3))).hands
    hands.textures.pictures.data[1] = torch.tensor([2.0, -2.0, 2.0]).view(3, 1, 1)
    hands.wears.bias.data[:] = torch.tensor([-500.0, 500.0, -500.0])
    for part in (hands.out.weight, hands.out.bias):
        part.data[-24:] = 0  # no light but the texture's own
    looked = looked_at(hands)
    drawn = hands.draw(looked, torch.full((2,), 2), torch.full((2,), 1))
    drawn = drawn._replace(share=torch.where(drawn.share[:, :1] < 1, torch.tensor([0.0, 0, 1, 0]).view(4, 1, 1), drawn.share))
    hit = drawn.share[:, 0] < 1
    shown = hands.shown(drawn).movedim(1, -1)[hit]
    assert len(shown) > 10
    torch.testing.assert_close(shown, torch.tensor([1.0, -1.0, 1.0]).expand_as(shown), atol=0.01, rtol=0)
    due = torch.where(hit[:, None], torch.tensor([1.0, -1.0, 1.0]).view(3, 1, 1), drawn.free)
    torch.testing.assert_close(hands.off(drawn, due), torch.zeros(hit.shape), atol=0.01, rtol=0)
    torch.testing.assert_close(hands.off(drawn, due + 0.5), torch.full(hit.shape, 0.5), atol=0.01, rtol=0)


def test_how_long_a_key_is_held_is_counted_while_one_stands_and_no_block_goes():
    hands = WorldModel(CONFIG).eval().hands
    frames = torch.zeros(2, 8, 3, 16, 16)
    rows, columns = hands.box
    frames[1, 4:, :, rows, columns] = 1.0  # something changes in the view,
    frames[1, 6:, :, rows, columns] = -1.0
    frames[1, 6:, :, TOP:] = 1.0  # and later in the view and the bar
    action = torch.tensor([[2, 2, 2, 3, 3, 3, 3, 3], [2, 2, 2, 2, 2, 2, 2, 2]])
    motion = torch.zeros(2, 7, 5)
    motion[0, 5, 0] = 0.1
    found = hands.since(frames, action, motion, torch.tensor([4.0, 0.0]))
    assert found.tolist() == [[4, 5, 6, 1, 2, 3, 0, 1], [0, 1, 2, 3, 4, 5, 0, 1]]
    parts = [hands.since(frames[:, :4], action[:, :4], motion[:, :3], torch.tensor([4.0, 0.0]))]
    parts.append(hands.since(frames[:, 3:], action[:, 3:], motion[:, 3:], parts[0][:, -1])[:, 1:])
    assert torch.equal(torch.cat(parts, dim=1), found)


def test_it_learns_when_a_block_breaks_that_looks_as_it_did(tmp_path, monkeypatch):
    """Key 2 takes the block away when it has been held for five frames; nothing in the picture tells how long it was."""

    def mining(n_frames: int, seed: int) -> Episode:
        rng = np.random.default_rng(seed)
        action, image = np.zeros(n_frames, int), np.full((n_frames, 16, 16, 3), 64, np.uint8)
        held, there = 0, True
        for t in range(n_frames):
            action[t] = 2 if rng.random() < 0.9 else 1
            held = held + 1 if action[t] == 2 else 0
            there, held = (False, 0) if held == 5 and there else (there or action[t] == 1, held)
            image[t, 4:9, 5:11] = 230 if there else 64
            image[t, TOP:] = 200 if there else 20
        return Episode(image, action, CONFIG.n_actions, np.zeros((n_frames, 5)))

    monkeypatch.setattr(training, "N_BATCH", 32)
    for seed in range(3):
        episodes.save(mining(200, seed), tmp_path / f"{seed}.npz")
    torch.manual_seed(0)
    hands = WorldModel(CONFIG).eval().hands
    training.train_hands(hands, tmp_path, 400, lr=1e-2, bf16=False)
    steps = training.steps_of(hands, mining(300, 9))
    middle, bar = (part.float() / 127.5 - 1 for part in (steps.middle, steps.bar))
    with torch.no_grad():
        likely = hands.look(middle, bar, steps.action, steps.waited, steps.pose).kind
    breaks = (steps.kind == 2) & (steps.action == 2)
    assert breaks.sum() > 10
    assert (likely.argmax(dim=1) == steps.kind).float().mean() > 0.95
    assert (likely.argmax(dim=1) == steps.kind)[breaks].float().mean() > 0.9


def test_where_one_stands_counts_within_a_block_and_not_from_one_to_the_next():
    pose = torch.tensor([[1.3, 2.6, 4.0, 0.5, 0.2]])
    torch.testing.assert_close(place(pose), place(pose + torch.tensor([1.0, -2.0, 3.0, 2 * torch.pi, 0.0])), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(place(pose), place(pose + torch.tensor([0.2, 0.0, 0.0, 0.0, 0.0])))
    assert place(pose).shape == (1, N_PLACE)


def test_steps_of_one_who_walks_teach_nothing():
    episode = digging(40, 0)
    walked = replace(episode, pose=np.cumsum(np.full((40, 5), 0.05), axis=0) * [1, 0, 0, 0, 0])
    assert len(training.steps_of(randomised(CONFIG).hands, walked).action) == 0


def test_whether_a_block_came_and_where_is_told_by_the_episode_or_not_known():
    pose = np.tile([2.3, 2.6, 4.0, 0.0, 0.0], (40, 1))
    told = replace(digging(40, 0), pose=pose)
    hands = randomised(CONFIG).hands
    assert (training.steps_of(hands, told).cell == -1).all()
    cells = hands.cells(torch.from_numpy(pose[:1]).float())[0].numpy().astype(np.int16)
    aim, changed = np.zeros((40, 4), np.int16), np.zeros((40, 5), np.int16)
    aim[:, :3], changed[:, 1:4] = cells[4], cells[3]
    event = np.stack([np.where(told.action == 1, 2, 1), *np.zeros((2, 40), int)], axis=1)
    steps = training.steps_of(hands, replace(told, extras={"aim": aim, "last_change": changed, "event": event}))
    assert steps.cell.unique().tolist() == [-1, 3, 4]
    for kind, cell in ((0, -1), (1, 4), (2, 3), (3, 3)):
        assert (steps.cell[steps.kind == kind] == cell).all()
    assert (steps.action[steps.kind == 2] == 2).all()
    assert (steps.action[steps.kind == 3] == 1).all()


@pytest.mark.parametrize("side", [7, 14, 4])
def test_hands_that_do_not_fit_are_refused(side):
    with pytest.raises(ValueError, match="choose an even side"):
        replace(CONFIG, hands=HandsSize(side=side))


def test_hands_without_a_bar_to_read_are_refused():
    with pytest.raises(ValueError, match="over a bar of 0 cells"):
        replace(CONFIG, bar=BarSize())
