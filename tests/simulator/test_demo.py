"""The memory demonstration, judged by dreamers whose memory is known, and its command from flags to files."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from envs import episode as episodes
from envs import maze_geometry, pose
from envs.episode import Episode
from envs.memory_maze import ACTIONS
from simulator.commands import demo
from simulator.demo import film, trial
from simulator.demo.routes import LOOK_AWAY, LOOP, SETTLE, around
from simulator.demo.walk import Walk
from simulator.engine import Engine
from simulator.evaluation import circuit
from simulator.evaluation.walls import WALL_COLOURS
from simulator.load import SHIPPED
from simulator.moment import Moment
from simulator.rates import Rate
from simulator.ui.app import App
from simulator.ui.keymap import Keymap
from simulator.ui.shapes import Label
from simulator.worlds import LearnedWorld
from tests.simulator.evaluation.fakes import GREY, LAYOUT, draw
from tests.simulator.fakes import MOTIONS
from tests.simulator.playing import begun
from tests.simulator.test_app import ListScreen, keys

NO_BALLS = np.array([[-9.0, -9.0]])


class Dreamer(Engine):
    """Dreams LAYOUT, drawn, with walls to bump into. Its stream: the maze it is in and the wall parts it has seen (b, n).

    What it has not seen is grey; what it sees for the first time after `forget` it shows grey for ever.
    """

    actions, world, fps, frame_shape = ACTIONS, "memory-maze", 4.0, (64, 64, 3)
    fingerprint, description, n_steps, context_noise = "known", "cpu: a known memory", 1, 0.0
    has_ego_motion = True

    def __init__(self, remembers: bool = True) -> None:
        self.remembers = remembers
        self.contexts = {f"maze-{seed}": self.clip(seed) for seed in (1, 2)}

    def clip(self, seed: int) -> Episode:
        """A recorded full turn in the corner of the maze whose walls are coloured by `seed`."""
        turn = pose.Pose(heading=2 * np.pi / 19).array()
        stations = [pose.Pose(0.5, 0.5, heading=np.pi / 2).array()]
        for _ in range(19):
            stations.append(pose.move(stations[-1], turn))
        poses = np.stack(stations)
        layout = {"maze_layout": np.repeat(LAYOUT[None], 20, axis=0)}
        return Episode(self.look(poses, seed)[0], np.where(np.arange(20), 2, 0), ACTIONS.n_actions, poses, layout)

    def look(self, poses: np.ndarray, maze: int) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (n, 64, 64, 3) of a maze from `poses` (n, 5), and the wall part in every column (n, 64, rays)."""
        sight = maze_geometry.look(LAYOUT, poses, NO_BALLS)
        colours = np.random.default_rng(maze).integers(len(WALL_COLOURS), size=(LAYOUT.shape[0] + 2) * (LAYOUT.shape[1] + 2))
        return draw(sight, colours), sight.segment

    def begin(self, context: list[Episode] | None, seed: int, batch: int = 1) -> Moment:
        assert context is not None
        clip = context[0]
        maze = next(i for i in (1, 2) if (self.clip(i).image[0] == clip.image[0]).all())
        segments = self.look(clip.pose, maze)[1]
        seen = np.zeros(maze_geometry.n_segments(LAYOUT), bool)
        seen[segments.ravel()] = self.remembers
        stream = (maze, {maze: seen})
        return Moment(stream, clip.image[-1:], clip.pose[-1:], np.zeros((1, 5)), len(clip), seed)

    def imagine(self, moment: Moment, actions: np.ndarray, pose_given: np.ndarray | None = None) -> tuple:
        after = pose.move(moment.pose, MOTIONS[actions]) if pose_given is None else pose_given
        x, y = (int(np.floor(v)) for v in after[0, :2])
        if not (0 <= x < LAYOUT.shape[1] and 0 <= y < LAYOUT.shape[0] and LAYOUT[y, x]):
            after = np.concatenate([moment.pose[:, :3], after[:, 3:]], axis=1)
        maze, memory = moment.stream
        picture, segments = self.look(after, maze)
        known = memory.get(maze, np.zeros(maze_geometry.n_segments(LAYOUT), bool))
        picture[0][:, ~known[segments[0]].all(axis=-1)] = GREY
        return picture, after

    def absorb(
        self, moment: Moment, frame: np.ndarray, actions: np.ndarray, place: np.ndarray, noise_level=0, *, dreamt=False
    ) -> Moment:
        return Moment(moment.stream, frame, place, np.zeros((1, 5)), moment.t + 1, moment.seed)

    def forget(self, moment: Moment) -> Moment:
        return Moment((moment.stream[0], {}), moment.frame, moment.pose, moment.motion, moment.t, moment.seed)

    def swap(self, moment: Moment, other: Moment) -> Moment:
        return Moment((moment.stream[0], other.stream[1]), moment.frame, moment.pose, moment.motion, moment.t, moment.seed)


def walked(engine, route, gap=6):
    moments = [engine.begin([clip], 0) for clip in engine.contexts.values()]
    return trial.run(engine, moments[0], moments[1], route, gap)


@pytest.mark.parametrize("route", [LOOK_AWAY, LOOP], ids=["look-away", "loop"])
def test_perfect_memory_scores_the_ceiling_and_its_controls_do_not(route):
    found = walked(Dreamer(), route)
    scores = found.scores
    assert found.pose_off[0] < 0.35
    assert found.pose_off[1] < 10
    if route is LOOK_AWAY:
        assert scores["kept"].psnr == pytest.approx(60)
    assert scores["kept"].psnr > max(scores["reset"].psnr, scores["another maze"].psnr) + 3
    assert scores["kept"].ssim > scores["reset"].ssim


def test_an_amnesiac_has_nothing_to_lose():
    scores = walked(Dreamer(remembers=False), LOOK_AWAY).scores
    assert scores["kept"] == scores["reset"] == scores["another maze"]


def test_controls_differ_from_the_way_back_on_and_share_its_poses():
    found = walked(Dreamer(), LOOK_AWAY)
    for name in ("reset", "another maze"):
        same = [np.array_equal(a, b) for a, b in zip(found.frames["kept"], found.frames[name], strict=True)]
        assert all(same[: found.turned])
        assert not any(same[found.turned + 1 :])


def test_looking_away_turns_half_around_waits_and_comes_back_to_the_heading():
    found = walked(Dreamer(), LOOK_AWAY, gap=9)
    turned = np.degrees(np.abs(pose.wrap(found.poses[:, 3] - found.poses[0, 3])))
    assert turned.max() > 170
    assert (turned[found.turned - 10 : found.turned] > 170).all(), "stood there for the gap"
    assert turned[-1] < 1
    assert found.then <= SETTLE
    assert found.path_cells < 0.1


def test_a_loop_leaves_the_cell_goes_round_walls_and_comes_home():
    found = walked(Dreamer(), LOOP, gap=40)
    away = np.hypot(*(found.poses[:, :2] - found.poses[0, :2]).T)
    assert away.max() > 2
    assert away[-1] < 0.35
    assert found.path_cells > 6


def test_around_comes_home_by_another_way_to_a_view_that_only_memory_has():
    engine = Dreamer()
    clip = engine.clip(1)
    found = walked(engine, around(circuit.stations(LAYOUT, clip.pose[-1])))
    cells = [tuple(np.floor(pose[:2]).astype(int)) for pose in found.poses]
    out, home = set(cells[: found.turned]), set(cells[found.turned :])
    assert len(out | home) >= 8
    assert len(home - out) >= 3, "not back by the way it went"
    assert found.pose_off[0] < 0.35
    assert np.array_equal(found.asked["kept"], clip.image[-1])
    assert not np.array_equal(found.asked["reset"], clip.image[-1])


class DrawnMaze:
    """The real maze of a Dreamer's clip, as an env."""

    actions = ACTIONS
    closed = False

    def reset(self, *, seed):
        self.dreamer = Dreamer()
        self.moment = self.dreamer.begin([self.dreamer.clip(1).clip(0, 1)], seed)
        return self._show(self.moment.pose)

    def step(self, action):
        self.moment = self.dreamer.step(self.moment, np.array([action]))
        frame, info = self._show(self.moment.pose)
        return frame, 0.0, False, False, info

    def _show(self, poses):
        return self.dreamer.look(poses, 1)[0][0], {"pose": poses[0], "maze_layout": LAYOUT}

    def close(self):
        self.closed = True


@pytest.mark.parametrize("name", ["look-away", "around"])
def test_a_route_walked_for_real_is_dreamt_along_beside_the_truth(tmp_path, capsys, monkeypatch, name):
    real = DrawnMaze()
    spin = SimpleNamespace(act=lambda frame, info: ACTIONS.id_of("left"))
    monkeypatch.setattr(demo, "env_maker", lambda world, resolution: lambda: real)
    monkeypatch.setattr(demo, "find", lambda world: SimpleNamespace(explorer_maker=lambda: lambda seed: spin))
    assert demo.run(demo.Options(name=name, out=tmp_path, real=True, lead_in=22), Dreamer()) == 0
    summary = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert json.loads((tmp_path / f"{name}-real.json").read_text()) == summary
    assert summary["n_context"] == 23
    assert real.closed
    given, keys_only = (summary["psnr"][f"dream, {how}"] for how in ("poses given", "keys only"))
    assert given == keys_only, "its ego-motion is the body's own"
    if name == "look-away":
        assert summary["psnr_last"] == {"dream, poses given": 60.0, "dream, keys only": 60.0}, "seen before it turned away"
    frames = list(iio.imiter(tmp_path / f"{name}-real.mp4", plugin="FFMPEG"))
    assert len(frames) > summary["n_frames"]
    assert frames[0].shape[1] == 3 * 512
    assert Image.open(tmp_path / f"{name}-real.png").width > 1000


def test_a_dreamer_that_cannot_turn_is_said_to_be_lost():
    class Stiff(Dreamer):
        def imagine(self, moment, actions, pose_given=None):
            return moment.frame, moment.pose

    with pytest.raises(RuntimeError, match="did not turn"):
        walked(Stiff(), LOOK_AWAY)


@pytest.mark.parametrize("name", ["look-away", "amnesia"])
def test_the_command_leaves_a_video_a_figure_and_one_line_of_scores(tmp_path, capsys, name):
    assert demo.run(demo.Options(name=name, out=tmp_path, gap=3), Dreamer()) == 0
    line = capsys.readouterr().out.strip().splitlines()[-1]
    summary = json.loads(line)
    assert (tmp_path / f"{name}.json").read_text().strip() == line
    assert summary["n_clips"] == 2
    assert summary["psnr"]["kept"] > summary["psnr"]["reset"]
    assert Image.open(tmp_path / f"{name}.png").width > 1000
    frames = list(iio.imiter(tmp_path / f"{name}.mp4", plugin="FFMPEG"))
    assert len(frames) > summary["n_frames_between"][0] + 30, "the last picture is held"
    assert frames[0].shape[1] == (2048 if name == "amnesia" else 1536)


def test_without_matplotlib_the_figure_alone_is_left_out_and_that_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert demo.run(demo.Options(name="look-away", out=tmp_path, gap=3), Dreamer()) == 0
    said = capsys.readouterr().out.strip().splitlines()
    assert said[-2].startswith("left out: the figure needs matplotlib")
    assert json.loads(said[-1])["figure"] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["look-away.json", "look-away.mp4"]


def test_a_start_clip_by_name_by_file_and_by_frame(tmp_path):
    engine = Dreamer()
    episodes.save(engine.clip(2), tmp_path / "walk.npz")
    for context in ("maze-2", str(tmp_path / "walk.npz")):
        starts, n_walked = demo.start_clips(demo.Options(name="loop", out=tmp_path, context=context, at=12), engine.contexts)
        assert n_walked == 1
        assert all(len(start) == 13 for start in starts)
        assert np.array_equal(starts[0].image, engine.clip(2).image[:13])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"gap": 0}, "--gap 0; expected 1 frame or more"),
        ({"seed": -1}, "--seed -1"),
        ({"context": "hall"}, "--context 'hall'; expected an episode"),
        ({"lead_in": -1}, "--lead-in -1; expected 0 or more"),
        ({"real": True, "at": 3}, "with --real the walk begins in the maze of --seed"),
        ({"real": True, "name": "story"}, "--real is for routes: look-away, loop, around, amnesia; not for story"),
        ({"name": "around", "gap": 3}, "--gap 3; around goes as far as the maze leads"),
        ({"at": 20}, "--at 20 is outside clip 'maze-1' of 20 frames"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(tmp_path, flags, message):
    with pytest.raises(ValueError, match=message):
        demo.run(demo.Options(**{"name": "look-away", "out": tmp_path, **flags}), Dreamer())


def test_the_story_without_a_model_of_its_world_says_so(tmp_path):
    with pytest.raises(ValueError, match="is a model of 'memory-maze'; story needs one of 'voxel'"):
        demo.run(demo.Options(name="story", out=tmp_path, checkpoint=SHIPPED / "memory-maze"))


def test_a_key_runs_the_memory_test_live_and_leaves_the_dream_as_it_was(tmp_path):
    session = begun(LearnedWorld(Dreamer()), clip="maze-1")
    before = session.tick
    screen = ListScreen([keys("f6")] + [[]] * 400)
    app = App(session, screen, Keymap(ACTIONS), tmp_path, Rate("smooth", 10.0), clock=screen.clock)
    app.turn()
    page = app.controls.page
    page._job.wait(60.0)
    app.turn()
    labels = [shape.text for shape in app._shown[2] if isinstance(shape, Label)]
    assert "memory kept" in labels
    assert f"{film.TITLES['reset']}  {page._trial.scores['reset'].psnr:.1f} dB" in labels
    assert page._trial.scores["kept"].psnr > page._trial.scores["reset"].psnr + 6
    assert len(list(tmp_path.glob("memory-test-001.*"))) == 2, "a video and a figure"
    screen.turns = [keys("x"), []]
    app.turn()
    assert app.controls.page is None
    assert session.tick is before


def test_the_walk_needs_a_world_that_tells_poses():
    with pytest.raises(ValueError, match="does not tell where one stands"):
        Walk(LOOK_AWAY, ACTIONS).act(np.zeros((8, 8, 3), np.uint8), {})
