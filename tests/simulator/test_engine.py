"""The streaming engine: moments are values, play is the model's own pass, and nothing grows."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch

from envs import pose as poses
from envs.episode import EpisodeError
from envs.memory_maze import ACTIONS
from models import checkpoint as checkpoints
from models.checkpoint import Checkpoint
from models.conditioning import Control
from models.config import AlbumSize, BallsSize
from models.ego_motion import EgoMotion
from models.pixels import to_float
from models.sampler import frame_noise
from models.state import tensors
from simulator.engine import PREFILL_FRAMES, Engine, Trait
from tests.models.tiny import FAMILIES, episode, randomised

CONFIG = dataclasses.replace(FAMILIES["map-and-ssd"], album=AlbumSize(n_views=6), balls=BallsSize(n_kinds=2))
TRAIT = Trait(ACTIONS, 4.0)
WALK = [1, 1, 4, 2, 2, 0, 5, 1, 3, 3, 1, 4]


def ego_motion():
    torch.manual_seed(3)
    network = EgoMotion(CONFIG).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape))
    return network


def make(belief=None, **options):
    model = randomised(CONFIG)
    return Engine(Checkpoint(model, ego_motion(), "tiny", {"hall": episode(20)}, belief), TRAIT, **options)


@pytest.fixture(scope="module")
def engine():
    return make(n_steps=2)


def play(engine, moment, actions, poses_given=None):
    moments = []
    for t, action in enumerate(actions):
        given = None if poses_given is None else poses_given[t]
        moment = engine.step(moment, np.full(len(moment.frame), action), given)
        moments.append(moment)
    return moments


def assert_same(one, other):
    assert (one.t, one.seed) == (other.t, other.seed)
    for name in ("frame", "pose", "motion"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert all(torch.equal(a, b) for a, b in zip(tensors(one.stream), tensors(other.stream), strict=True))


def test_the_same_seed_and_actions_are_the_same_dream_and_another_seed_is_another(engine):
    first, second = (play(engine, engine.begin([episode(5)], seed=1), WALK) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert_same(one, other)
    other = play(engine, engine.begin([episode(5)], seed=2), WALK)
    assert not np.array_equal(first[0].frame, other[0].frame)


def test_rewind_then_replay_repeats_every_frame(engine):
    moments = play(engine, engine.begin([episode(5)], seed=1), WALK)
    for back in range(len(WALK) - 1):
        for one, other in zip(moments[back + 1 :], play(engine, moments[back], WALK[back + 1 :]), strict=True):
            assert_same(one, other)


def test_a_moment_is_unchanged_by_all_that_is_done_with_it(engine):
    moment = play(engine, engine.begin([episode(5)], seed=1), WALK)[-1]
    kept = copy.deepcopy(moment)
    frame, pose = engine.imagine(moment, np.array([1]))
    engine.absorb(moment, frame, np.array([1]), pose)
    engine.step(moment, np.array([4]))
    engine.forget(moment)
    engine.swap(moment, engine.begin([episode(5, seed=9)], seed=1))
    engine.with_steps(4).step(moment, np.array([2]))
    assert_same(moment, kept)


def test_imagining_only_reads(engine):
    moment = engine.begin([episode(5)], seed=1)
    first = engine.imagine(moment, np.array([1]))
    engine.imagine(moment, np.array([2]))
    assert np.array_equal(first[0], engine.imagine(moment, np.array([1]))[0])


def test_a_step_is_imagining_and_then_absorbing(engine):
    moment = engine.begin([episode(5)], seed=1)
    frame, pose = engine.imagine(moment, np.array([4]))
    assert_same(engine.step(moment, np.array([4])), engine.absorb(moment, frame, np.array([4]), pose, engine.context_noise))


def test_streaming_frame_by_frame_leaves_the_state_of_one_prefill(engine):
    clip = episode(12)
    at_once = engine.begin([clip], seed=0)
    moment = engine.begin(None, seed=0)
    for t in range(12):
        moment = engine.absorb(moment, clip.image[t][None], clip.action[t : t + 1], clip.pose[t][None])
    assert moment.t == at_once.t == 12
    assert np.array_equal(moment.frame, at_once.frame)
    np.testing.assert_allclose(moment.motion, at_once.motion, atol=1e-6)
    for a, b in zip(tensors(moment.stream), tensors(at_once.stream), strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=2e-5)


def test_a_dream_from_the_middle_of_a_clip_is_one_from_its_first_part(engine):
    clip = episode(20)
    dreams = [play(engine, engine.begin([part], seed=4), WALK[:3]) for part in (clip.clip(0, 8), episode(20).clip(0, 8))]
    assert_same(dreams[0][-1], dreams[1][-1])
    assert engine.begin([clip.clip(5, 13)], seed=4).t == 8


def test_a_clip_longer_than_one_call_is_absorbed_whole(engine):
    clip = episode(PREFILL_FRAMES + 7)
    moment = engine.begin([clip], seed=0)
    assert moment.t == PREFILL_FRAMES + 7
    model, control = randomised(CONFIG), Control(*(part[None] for part in _control(clip)))
    _, state = model(to_float(clip.image[None]), torch.zeros(1, len(clip)), control, model.init_state(1))
    for a, b in zip(tensors(moment.stream), tensors(state), strict=True):
        torch.testing.assert_close(a, b, atol=5e-5, rtol=5e-5)


def _control(clip):
    from models.clips import control_of

    return control_of(clip)


def test_a_cold_start_needs_no_frame_and_dreams_its_first_one_where_it_stands(engine):
    moment = engine.begin(None, seed=3, batch=2)
    assert (moment.t, moment.frame.any()) == (0, False)
    first = engine.step(moment, np.array([1, 2]))
    assert np.array_equal(first.pose, moment.pose)
    assert not first.motion.any()
    assert first.frame.std() > 0
    assert not np.array_equal(first.frame[0], first.frame[1]), "every row has noise of its own"


def test_rows_of_a_batch_dream_what_they_would_alone(engine):
    clips = [episode(6, seed) for seed in (1, 2, 3)]
    together = engine.begin(clips, seed=5)
    alone = engine.begin(clips[:1], seed=5)
    for action in WALK[:5]:
        together = engine.step(together, np.array([action, 0, 3]))
        alone = engine.step(alone, np.array([action]))
        assert np.abs(together.frame[:1].astype(int) - alone.frame).max() <= 1, "one level: sums run in another order"
    np.testing.assert_allclose(together.pose[:1], alone.pose, atol=1e-4)


def test_keys_alone_move_the_player_by_the_models_own_ego_motion(engine):
    moment = engine.begin([episode(5)], seed=1)
    after = engine.step(moment, np.array([4]))
    with torch.no_grad():
        was, place = (torch.as_tensor(value).float() for value in (moment.motion, moment.pose))
        motion = ego_motion()(to_float(moment.frame), was, torch.tensor([4]), place, moment.stream.cubes).double().numpy()
    np.testing.assert_allclose(after.motion[0, :3], motion[0, :3], atol=1e-6)
    np.testing.assert_allclose(poses.move(moment.pose, motion), after.pose, atol=1e-6)
    assert not np.array_equal(after.pose, engine.step(moment, np.array([1])).pose)


def test_whoever_waits_stands_where_he_stood_and_sees_what_he_saw():
    still = ego_motion()
    for layer in (still.typical, still.out):
        layer.weight.zero_()
        layer.bias.fill_(0.001)  # what a network says of somebody who stands: nearly nothing, and never quite
    engine = Engine(Checkpoint(randomised(dataclasses.replace(CONFIG, rests=True)), still, "tiny", {}), TRAIT)
    moment = engine.step(engine.begin([episode(5)], seed=1), np.array([1]))
    waited = moment
    for _ in range(30):
        waited = engine.step(waited, np.array([0]))
    assert np.array_equal(waited.pose, moment.pose)
    assert np.array_equal(waited.frame, moment.frame)
    moved = engine.step(waited, np.array([1]))
    assert not np.array_equal(moved.pose, moment.pose)
    assert not np.array_equal(moved.frame, moment.frame)


def test_a_pose_that_is_given_is_believed(engine):
    moment = engine.begin([episode(5)], seed=1)
    given = moment.pose + np.array([0.1, 0.2, 0, 0.3, 0])
    after = engine.step(moment, np.array([1]), given)
    assert np.array_equal(after.pose, given)
    np.testing.assert_allclose(after.motion, poses.motion_between(moment.pose, given))


class Walled:
    """A probe that believes in walls everywhere but in the cells given, whatever the memory holds."""

    def __init__(self, *free):
        self.found = torch.ones(1, 10, 10)
        for x, y in free:
            self.found[0, y, x] = 0

    def walls(self, maps):
        return self.found


def test_on_keys_alone_a_believed_wall_stops_the_player_and_a_given_pose_does_not_ask(engine):
    moment = engine.begin([episode(20)], seed=0)
    cell = tuple(np.mod(np.floor(moment.pose[0, :2]).astype(int), 10))
    walled = make(n_steps=2, belief=Walled(cell))
    n_held = 0
    for _ in range(40):
        before, moment = moment, walled.step(moment, np.array([1]))
        free = engine.step(before, np.array([1]))
        np.testing.assert_allclose(moment.motion, free.motion)  # what ego-motion said, not what the wall left of it
        n_held += not np.allclose(moment.pose, free.pose)
        assert tuple(np.mod(np.floor(moment.pose[0, :2]).astype(int), 10)) == cell
    assert n_held > 0
    heedless = copy.copy(walled)
    heedless.belief = None
    assert_same(heedless.step(moment, np.array([1])), engine.step(moment, np.array([1])))
    free = engine.step(moment, np.array([1]), moment.pose + 3.0)
    assert_same(walled.step(moment, np.array([1]), moment.pose + 3.0), free)


def test_a_model_without_ego_motion_must_be_given_poses():
    blind = Engine(Checkpoint(randomised(CONFIG), None, "tiny", {}), TRAIT)
    moment = blind.begin([episode(5)], seed=0)
    assert not blind.has_ego_motion
    with pytest.raises(ValueError, match="no ego-motion, so keys alone cannot drive it; give the pose"):
        blind.step(moment, np.array([1]))
    blind.step(moment, np.array([1]), moment.pose)


def test_a_clip_without_poses_is_refused_by_a_model_that_remembers_by_them(engine):
    clip = episode(5)
    with pytest.raises(EpisodeError, match="context row 0: no poses, by which this model remembers"):
        engine.begin([type(clip)(clip.image, clip.action, 6)], seed=0)


def test_more_denoising_steps_are_another_picture_from_the_same_moment(engine):
    moment = engine.begin([episode(5)], seed=1)
    frames = [engine.with_steps(n).imagine(moment, np.array([1]))[0] for n in (1, 2, 8)]
    assert not np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[1], frames[2])
    assert engine.n_steps == 2


def test_a_single_step_draws_no_noise_since_it_never_looks_at_it(monkeypatch):
    engine = make(n_steps=1)
    moment = play(engine, engine.begin([episode(5)], seed=1), WALK[:3])[-1]
    frame = engine.imagine(moment, np.array([1]))[0]
    monkeypatch.setattr(Engine, "_noise", lambda engine, moment: frame_noise(moment.seed, moment.t, (1, 1, 3, *CONFIG.image)))
    assert np.array_equal(frame, engine.imagine(moment, np.array([1]))[0])


def test_forgetting_clears_the_long_memory_and_nothing_else(engine):
    moment = play(engine, engine.begin([episode(5)], seed=1), WALK)[-1]
    forgotten = engine.forget(moment)
    for before, after in zip(moment.stream.layers, forgotten.stream.layers, strict=True):
        assert before.long.ssm.abs().max() > 0
        assert not after.long.ssm.any()
        assert all(torch.equal(a, b) for a, b in zip(before.local, after.local, strict=True))
    assert moment.stream.album.stamp.any()
    assert not forgotten.stream.album.stamp.any()
    assert moment.stream.balls.any()
    assert not forgotten.stream.balls.any()
    assert forgotten.stream.last is moment.stream.last
    assert np.array_equal(forgotten.pose, moment.pose)
    assert not np.array_equal(engine.step(moment, np.array([1])).frame, engine.step(forgotten, np.array([1])).frame)


def test_another_memory_can_be_swapped_in(engine):
    mine, theirs = (engine.begin([episode(9, seed)], seed=1) for seed in (1, 2))
    swapped = engine.swap(mine, theirs)
    for a, b, c in zip(swapped.stream.layers, theirs.stream.layers, mine.stream.layers, strict=True):
        assert torch.equal(a.long.ssm, b.long.ssm)
        assert torch.equal(a.local.k, c.local.k)
    assert swapped.stream.album is theirs.stream.album
    assert swapped.stream.balls is theirs.stream.balls
    assert_same(engine.swap(swapped, mine), mine)


@pytest.mark.parametrize("n_frames", [1, 30])
def test_a_kept_moment_holds_its_own_bytes_and_no_more(engine, n_frames):
    started = engine.begin([episode(n_frames)], seed=1)
    for moment in (started, engine.step(started, np.array([1]))):
        for part in tensors(moment.stream):
            assert part.untyped_storage().nbytes() == part.numel() * part.element_size()
        assert moment.frame.base is None or moment.frame.base.nbytes <= 2 * moment.frame.nbytes


def test_five_hundred_frames_keep_every_size_and_stay_finite(engine):
    moment = engine.begin([episode(5)], seed=1)
    shapes = [part.shape for part in tensors(moment.stream)]
    rng = np.random.default_rng(0)
    for _ in range(500):
        moment = engine.step(moment, rng.integers(0, 6, 1))
    assert [part.shape for part in tensors(moment.stream)] == shapes
    assert all(torch.isfinite(part.float()).all() for part in tensors(moment.stream))
    assert np.isfinite(moment.pose).all()


def test_a_finished_frame_is_declared_as_noisy_as_asked():
    moment = make().begin([episode(5)], seed=1)
    sure, unsure = make(context_noise=0.0), make(context_noise=0.3)
    one, other = sure.step(moment, np.array([1])), unsure.step(moment, np.array([1]))
    assert np.array_equal(one.frame, other.frame)
    assert not torch.equal(one.stream.layers[0].long.ssm, other.stream.layers[0].long.ssm)


@pytest.mark.parametrize("n_steps", [0, -3])
def test_no_denoising_steps_is_an_error(engine, n_steps):
    for attempt in (lambda: make(n_steps=n_steps), lambda: engine.with_steps(n_steps)):
        with pytest.raises(ValueError, match=f"denoising steps {n_steps} must be at least 1"):
            attempt()


def test_what_cannot_be_begun_or_done_is_one_line(engine):
    moment = engine.begin([episode(5)], seed=1)
    with pytest.raises(ValueError, match="seed -1 must be at least 0"):
        engine.begin(None, seed=-1)
    with pytest.raises(ValueError, match=r"context rows have \[5, 6\] frames; expected one length"):
        engine.begin([episode(5), episode(6)], seed=0)
    with pytest.raises(ValueError, match=r"context row 0: frames \(32, 32\)"):
        engine.begin([episode(5, side=32)], seed=0)
    for attempt in (engine.imagine, lambda m, a: engine.absorb(m, m.frame, a, m.pose)):
        with pytest.raises(ValueError, match="action 6 is outside"):
            attempt(moment, np.array([6]))
        with pytest.raises(ValueError, match=r"actions have shape \(2,\); expected \(1,\)"):
            attempt(moment, np.array([1, 1]))
    with pytest.raises(ValueError, match="NaN or infinite pixels"):
        engine.step(moment, np.array([1]), np.full((1, 5), np.nan))


def test_a_moment_saved_and_loaded_goes_on_bit_for_bit(engine, tmp_path):
    from simulator import snapshot_file
    from simulator.worlds import LearnedWorld

    world = LearnedWorld(engine)
    world.reset(3)
    for action in WALK:
        world.step(action)
    snapshot_file.save(world.snapshot(), tmp_path / "m.safetensors", engine)
    expected = [world.step(action).frame for action in WALK]
    other = LearnedWorld(engine)
    other.restore(snapshot_file.load(tmp_path / "m.safetensors", engine))
    assert all(np.array_equal(frame, other.step(action).frame) for frame, action in zip(expected, WALK, strict=True))


def test_an_engine_from_a_folder_dreams_as_the_one_in_memory(engine, tmp_path):
    checkpoints.save(randomised(CONFIG), tmp_path / "ck", ego_motion=ego_motion())
    loaded = Engine(checkpoints.load(tmp_path / "ck"), TRAIT, n_steps=2)
    for one, other in zip(
        play(engine, engine.begin([episode(5)], 1), WALK), play(loaded, loaded.begin([episode(5)], 1), WALK), strict=True
    ):
        assert_same(one, other)
    assert loaded.fingerprint == checkpoints.fingerprint(tmp_path / "ck")


def test_what_drawing_and_absorbing_a_frame_share_is_found_once_and_serves_no_other(monkeypatch):
    one, other = make(n_steps=2), make(n_steps=2)
    asked, find = [], one._model.outlook
    monkeypatch.setattr(one._model, "outlook", lambda *given: asked.append(given) or find(*given))
    moment = one.begin([episode(6)], 0)
    one.step(moment, np.array([1]))
    assert len(asked) == 1, "for two steps of denoising and for absorbing"
    frame, pose = one.imagine(moment, np.array([2]))
    assert len(asked) == 2, "another action, another outlook"
    aside = pose + np.array([0.2, 0.1, 0.0, 0.3, 0.0])
    for where, what in ((pose, 2), (aside, 2), (pose, 1)):
        assert_same(*(engine.absorb(moment, frame, np.array([what]), where) for engine in (one, other)))
    assert len(asked) == 2
