"""Wall colours and balls read from drawn frames, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from envs import episode as episodes
from simulator.evaluation import balls, maze, paths, routes, scenes, walls
from simulator.load import SHIPPED
from simulator.moment import state_bytes, take_rows
from tests.simulator.evaluation import fakes


@pytest.fixture(scope="module")
def scene() -> maze.MazeScene:
    return maze.make_scene("one", fakes.make_episode(120, 1))


def test_every_undivided_wall_column_is_read_in_its_colour(scene: maze.MazeScene):
    colours = np.random.default_rng(1).integers(len(walls.WALL_COLOURS), size=49)
    truth = colours[scene.sight.segment[..., 1] // 8]
    assert (walls.wall_colours(scene.episode.image) == truth)[scene.undivided].mean() > 0.999


def test_balls_are_found_where_they_are_and_nowhere_else(scene: maze.MazeScene):
    verdicts = [
        balls.judge(scene.episode.image[t], balls.zones(scene.sight, t, 64), scene.ball_colours) for t in range(len(scene))
    ]
    found = [verdict for each, _ in verdicts for verdict in each.values()]
    assert len(found) > 20
    assert set(found) == {"hit"}
    assert not any(stray for _, stray in verdicts)


def test_a_ball_painted_out_is_missed_recoloured_is_wrong_and_invented_is_hallucinated(scene: maze.MazeScene):
    t = next(t for t in range(len(scene)) if (balls.zones(scene.sight, t, 64).core >= 0).sum() > 30)
    zone = balls.zones(scene.sight, t, 64)
    frame = scene.episode.image[t].copy()
    floor = np.array([30, 48, 58])
    for colour, verdict in ((floor, "miss"), (balls.BALL_COLOURS[3], "wrong_colour")):
        frame[zone.core >= 0] = colour
        assert set(balls.judge(frame, zone, scene.ball_colours)[0].values()) == {verdict}
    rows, columns = np.nonzero(zone.floor)
    found = []
    for colour in balls.BALL_COLOURS:  # of one that a wall near by has too it cannot be told
        frame[rows[:8], columns[:8]] = colour
        found.append(balls.judge(frame, zone, scene.ball_colours)[1])
    assert sum(found) >= 4


def soft(frame: np.ndarray, sigma: float) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(sigma)))


def shipped() -> list[tuple[maze.MazeScene, int]]:
    """Rendered frames with a ball and some floor in view: what the judge must be fair to."""
    clips = sorted((SHIPPED / "memory-maze" / "contexts").glob("*.npz"))
    found = [
        (one, t) for path in clips for one in [maze.make_scene(path.stem, episodes.load(path))] for t in range(0, len(one), 2)
    ]
    zones = [balls.zones(one.sight, t, 64) for one, t in found]
    return [at for at, zone in zip(found, zones, strict=True) if (zone.core >= 0).sum() > 12 and zone.floor.any()]


def test_the_judge_is_fair_to_pictures_that_are_soft_or_a_pixel_aside_and_not_to_ghosts():
    verdicts: dict[str, list[bool]] = {}
    stray: dict[str, list[bool]] = {}
    for one, t in shipped():
        frame, zone = one.episode.image[t], balls.zones(one.sight, t, 64)
        ghost = frame.copy()
        ghost[zone.core >= 0] = (0.1 * frame[zone.core >= 0] + 0.9 * frame[zone.floor].mean(axis=0)).round()
        shown = {"as it is": frame, "a pixel aside": np.roll(frame, 1, axis=1), "soft": soft(frame, 1), "softer": soft(frame, 2)}
        for name, picture in (shown | {"ghost": ghost}).items():
            judged, invented = balls.judge(picture, zone, one.ball_colours)
            verdicts.setdefault(name, []).extend(verdict == "hit" for verdict in judged.values())
            stray.setdefault(name, []).append(invented)
    hits = {name: np.mean(each) for name, each in verdicts.items()}
    assert len(verdicts["soft"]) > 20
    assert min(hits["as it is"], hits["soft"]) > 0.95
    assert min(hits["a pixel aside"], hits["softer"]) > 0.85
    assert hits["ghost"] == 0
    assert max(np.mean(each) for each in stray.values()) < 0.05, "a wall's foot that runs into the floor is no ball"


def test_a_ball_nobody_knows_of_is_found_though_the_picture_is_soft():
    found = []
    for one, t in shipped():
        nobody = one.sight._replace(ball=np.full_like(one.sight.ball, -1), ball_rows=np.zeros_like(one.sight.ball_rows))
        zone = balls.zones(nobody, t, 64)
        if (zone.floor & (balls.zones(one.sight, t, 64).core >= 0)).sum() >= 12:
            found.append(
                [
                    balls.judge(picture, zone, one.ball_colours)[1]
                    for picture in (one.episode.image[t], soft(one.episode.image[t], 2))
                ]
            )
    assert len(found) > 10
    assert np.mean(found, axis=0).tolist() == pytest.approx([1.0, 0.9], abs=0.11)


def test_colours_of_balls_come_from_the_targets_the_episode_asks_for():
    targets = np.array([[0.5, 0.5], [2.5, 2.5]])
    colours = balls.ball_colours(targets, targets[[1, 1]], np.repeat(balls.BALL_COLOURS[4][None] / 255, 2, axis=0))
    assert colours.tolist() == [0, 4]


def test_the_public_border_is_noticed_and_not_scored(scene: maze.MazeScene):
    image = scene.episode.image.copy()
    image[:, :2], image[:, -2:], image[:, :, :2], image[:, :, -2:] = (200,) * 4
    assert scene.border == 0
    assert maze.make_scene("framed", type(scene.episode)(image, *_rest(scene))).border == maze.BORDER
    assert scenes.inside(image[:1], 2).shape == (1, 60, 60, 3)
    image[:, :2], image[:, -2:], image[:, :, :2], image[:, :, -2:] = (balls.BALL_COLOURS[0],) * 4
    framed = maze.make_scene("framed", type(scene.episode)(image, *_rest(scene)))
    assert not any(framed.verdicts(t, image[t], image[t], image[t], None)["hallucinated"] for t in range(len(framed)))


def _rest(scene: maze.MazeScene) -> tuple:
    return scene.episode.action, 6, scene.episode.pose, scene.episode.extras


def test_walking_back_visits_the_frames_in_reverse_and_undoes_turns(scene: maze.MazeScene):
    path = paths.backward([scene], 50, 49, fakes.ACTIONS)
    assert (path[0].truth == scene.episode.image[48]).all()
    assert (path[-1].truth == scene.episode.image[0]).all()
    assert fakes.ACTIONS.undo(2) == 3
    assert fakes.ACTIONS.undo(1) == fakes.ACTIONS.noop


def test_routes_end_where_they_began(scene: maze.MazeScene):
    here = scenes.poses([scene], 30)
    around = routes.turns(here, [1] * 20, scene.turn, fakes.ACTIONS)
    assert around[-1][1][0, 3] - here[0, 3] == pytest.approx(2 * np.pi)
    back = routes.there_and_back([scene], [30, 29, 28], fakes.ACTIONS)
    assert (back[-1][1] == here).all()
    assert len(back) == 4


def test_rows_of_a_moment_change_places_with_their_state():
    engine = fakes.PerfectMemory([fakes.make_episode(5, seed) for seed in range(2)])
    moment = engine.begin([episode.clip(0, 2) for episode in engine.truth], 0)
    turned = take_rows(moment, [1, 0])
    assert turned.stream[0].tolist() == [[1], [0]]
    assert (turned.frame[0] == moment.frame[1]).all()
    assert state_bytes(turned) == state_bytes(moment) > 0
