"""Balls are found, kept at one place a kind, drawn where they should be seen, and given up where there is bare floor."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from envs.maze_geometry import look
from models.balls import LEAST, MOST, N_OTHER, told
from models.config import BallsSize, ModelConfig
from models.presets import preset
from models.state import blindfolded
from models.training import balls as training
from models.world_model import WorldModel
from tests.models.tiny import FAMILIES, inputs, randomised

CONFIG = FAMILIES["maze-balls"]
ROOM = np.ones((9, 9), np.uint8)
PLACES = np.array([[4.5, 4.5], [6.5, 3.5], [1.5, 7.5]])


def poses_around(place: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Poses (n, 5) from one to three and a half cells away from `place`, inside the room, looking roughly at it."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < n:
        way, away = rng.uniform(0, 2 * math.pi), rng.uniform(1.0, 3.5)
        x, y = place + away * np.array([math.cos(way), math.sin(way)])
        if 0.3 < x < 8.7 and 0.3 < y < 8.7:
            found.append((x, y, 0.0, way + math.pi + rng.uniform(-0.5, 0.5), 0.0))
    return np.array(found)


def believed(*rows):
    """Beliefs (1, kinds, 3) from (x, y, trust)."""
    return torch.tensor([rows], dtype=torch.float32)


@pytest.mark.parametrize("kind", range(3))
def test_where_balls_should_be_is_where_the_maze_shows_them(kind):
    balls = WorldModel(preset("maze-balls")).balls
    poses = poses_around(PLACES[kind], 40)
    what = training.shown(look(ROOM, poses, PLACES[kind : kind + 1]), 64)
    beliefs = torch.zeros(40, 3, 3)
    beliefs[:, kind] = torch.tensor([*PLACES[kind], 9.0])
    due = balls.due(beliefs, torch.from_numpy(poses).float())
    assert (what[:, : balls.top] < N_OTHER).all(), "no ball reaches above the rows that are looked at"
    true, there = what[:, balls.top :] >= N_OTHER, due[:, 0].bool().numpy()
    assert (true & there).sum() > 0.95 * (true | there).sum()
    assert np.array_equal(due[:, 5 + kind].numpy(), due[:, 0].numpy())
    facing = due[:, 2:5].norm(dim=1).numpy()
    assert np.allclose(facing[there], 1, atol=1e-4)


def test_what_cannot_be_in_the_picture_is_told_without_drawing_it(monkeypatch):
    model = randomised(CONFIG)
    balls, rng = model.balls, np.random.default_rng(0)
    poses = np.concatenate([poses_around(PLACES[0], 60), poses_around(PLACES[0], 60, 1)])
    poses[60:, 3] += rng.uniform(0, 2 * math.pi, 60)
    poses, beliefs = torch.from_numpy(poses).float(), torch.rand(120, 3, 3, generator=torch.Generator().manual_seed(0)) * 9
    may = balls.may_show(beliefs, poses)
    for kind in range(3):
        alone = torch.zeros_like(beliefs)
        alone[:, kind] = beliefs[:, kind].clamp(min=LEAST)
        assert may[balls.due(alone, poses)[:, 0].flatten(1).any(dim=1), kind].all()
    assert 0.1 < may.float().mean() < 0.5
    frames = torch.rand(120, 1, 3, *CONFIG.image, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        quick = balls.after(beliefs, frames, poses[:, None]), balls(frames, beliefs[:, None], poses[:, None])
        one = [balls.after(beliefs[i : i + 1], frames[i : i + 1], poses[i : i + 1, None]) for i in range(120)]
        monkeypatch.setattr("models.balls.can_branch", lambda like: False)
        whole = balls.after(beliefs, frames, poses[:, None]), balls(frames, beliefs[:, None], poses[:, None])
    for a, b in zip(quick, whole, strict=True):
        assert torch.equal(a, b)
    torch.testing.assert_close(torch.cat(one), whole[0])


def test_what_is_not_believed_in_is_not_due():
    balls = WorldModel(preset("maze-balls")).balls
    pose = torch.tensor([[2.5, 4.5, 0, 0, 0]])
    assert balls.due(believed((4.5, 4.5, 9), (0, 0, 0), (0, 0, 0)), pose)[:, 0].any()
    assert not balls.due(believed((4.5, 4.5, 0.5), (0, 0, 0), (0, 0, 0)), pose).any()
    assert not balls.due(believed((1.0, 4.5, 9), (0, 0, 0), (0, 0, 0)), pose).any(), "behind one's back"


@pytest.mark.parametrize(
    ("before", "seen_at", "pixels", "bare", "after"),
    [
        ((0, 0, 0), (3, 2), 8, 0, (3, 2, 8)),  # seen for the first time
        ((0, 0, 0), (3, 2), 0.5, 0, (0, 0, 0)),  # hardly seen
        ((0, 0, 0), (3, 2), 3, 0, (0, 0, 0)),  # too little to be believed anew
        ((3, 2, 8), (3, 2), 3, 0, (3, 2, 11)),  # enough where it is believed
        ((3, 2, 8), (3.4, 2), 8, 0, (3.2, 2, 16)),  # seen again, as well as before: half-way
        ((3, 2, 8), (0, 0), 0, 0, (3, 2, 8)),  # not in view
        ((3, 2, 8), (0, 0), 0, 6, (3, 2, 5)),  # bare floor where it should be
        ((3, 2, 8), (0, 0), 0, 60, (3, 2, 0)),  # and no ball
        ((3, 2, 8), (6, 2), 5, 0, (3, 2, 3)),  # seen elsewhere, less well than here before
        ((3, 2, 8), (6, 2), 9, 0, (6, 2, 9)),  # better: it is there
        ((3, 2, 99), (3, 2), 50, 0, (3, 2, MOST)),
    ],
)
def test_beliefs_follow_what_is_seen(before, seen_at, pixels, bare, after):
    beliefs = told(believed(before), torch.tensor([[seen_at]]).float(), torch.tensor([[pixels]]), torch.tensor([[bare]]))
    assert beliefs[0, 0].tolist() == pytest.approx(after)


def test_untaught_it_draws_nothing():
    torch.manual_seed(0)
    model = WorldModel(CONFIG).eval()
    plain = WorldModel(replace(CONFIG, balls=BallsSize())).eval()
    plain.load_state_dict({name: part for name, part in model.state_dict().items() if not name.startswith("balls.")})
    given = inputs(CONFIG, 2, 6)
    with torch.no_grad():
        (drawn, state), (without, _) = (net(*given, net.init_state(2)) for net in (model, plain))
    assert torch.equal(drawn, without)
    assert not state.balls.any()


def test_balls_are_long_memory_and_only_absorbed_frames_tell_of_them():
    model = randomised(CONFIG)
    frames, level, control = inputs(CONFIG, 2, 8)
    _, state = model(frames, level, control, model.init_state(2))
    assert (state.balls[..., 2] > 0).any(), "this model sees balls anywhere"
    blind = blindfolded(state, torch.ones(2, dtype=torch.bool))
    assert torch.equal(blind.balls, state.balls)
    one = [part[:, :1] for part in (frames, level)]
    told_of = type(control)(*(part[:, :1] for part in control))
    assert model(*one, told_of, state, absorb=False)[1] is state


def painted(seed: int, n_frames: int = 120) -> Episode:
    """A room with three balls as it might be seen: a bright floor, dark walls, balls of three colours, a little noise."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(np.argwhere(ROOM))[:3] + 0.5
    pose = np.concatenate([poses_around(places[i % 3], n_frames // 3, seed + i) for i in range(3)])
    what = training.shown(look(ROOM, pose, places, 32), 32)
    colours = np.array([[40, 40, 50], [150, 150, 160], [220, 40, 40], [40, 200, 40], [40, 60, 230]])
    image = (colours[what] + rng.integers(-8, 9, (*what.shape, 3))).astype(np.uint8)
    extras = {"maze_layout": np.broadcast_to(ROOM, (len(pose), 9, 9)), "targets_pos": np.broadcast_to(places, (len(pose), 3, 2))}
    return Episode(image, np.zeros(len(pose), np.int64), CONFIG.n_actions, pose, extras)


def test_it_learns_to_find_balls_and_to_draw_them_where_they_were(tmp_path):
    config = replace(CONFIG, image=(32, 32))
    for seed in range(4):
        episodes.save(painted(seed), tmp_path / f"{seed}.npz")
    torch.manual_seed(0)
    balls = WorldModel(config).balls
    training.train_balls(balls, tmp_path, 300, lr=5e-3, bf16=False)
    steps = training.steps_of(balls, painted(9))
    seen, n = steps.seen.float() / 127.5 - 1, len(steps.pose)
    frames = torch.cat([torch.zeros(n, 3, balls.top, 32), seen], dim=2)
    with torch.no_grad():
        beliefs = balls.after(torch.zeros(1, 3, 3), frames[None], steps.pose[None])[0, -1]
        assert (beliefs[:, :2] - steps.balls[0]).norm(dim=-1).max() < 0.25, "it knows where they stand"
        ball = steps.what >= N_OTHER
        bare = torch.cat([frames[:, :, : balls.top], training.without(seen, ball)], dim=2)
        drawn = balls(bare[None], beliefs.expand(1, n, -1, -1), steps.pose[None])[0][:, :, balls.top :]
    off, nothing = (((part - seen) ** 2).mean(dim=1)[ball].mean() for part in (drawn, bare[:, :, balls.top :]))
    assert off < 0.4 * nothing, "and draws them there though the picture shows none"


def test_episodes_that_do_not_tell_of_balls_cannot_teach_it(tmp_path):
    episode = painted(0)
    episodes.save(replace(episode, extras={}), tmp_path / "a.npz")
    config = replace(CONFIG, image=(32, 32))
    with pytest.raises(EpisodeError, match="balls cannot be learned"):
        training.train_balls(WorldModel(config).balls, tmp_path, 1)
    with pytest.raises(ValueError, match="need pose"):
        ModelConfig(pose=False, pose_attention=False, layers=(), balls=BallsSize(n_kinds=1))
