"""The controls cut exactly what they say: from when on a memory is empty, and whose it is, to the frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.evaluation import maze, scenes
from simulator.evaluation.onestep import one_step
from simulator.evaluation.plan import Plan
from simulator.evaluation.summary import onestep_summary
from simulator.moment import Moment
from tests.simulator.evaluation import fakes

N_FRAMES = 120
PLAN = Plan(n_frames=N_FRAMES, onestep_frames=N_FRAMES, control_every=1, reset_every=(3, 9, 25))


class Diary(fakes.Fake):
    """Remembers nothing but the numbers of the frames it took in, by maze, and notes its memory whenever it is to dream."""

    def __init__(self, truth: list) -> None:
        super().__init__(truth)
        self.asked: dict[int, list[np.ndarray]] = {}

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        self.asked.setdefault(moment.t, []).append(moment.stream[1])
        return np.zeros_like(moment.frame), super().imagine(moment, actions, pose)[1]

    def absorb(
        self, moment: Moment, frame: np.ndarray, actions: np.ndarray, pose: np.ndarray, noise_level: float = 0.0, *, dreamt=False
    ) -> Moment:
        maze, read = moment.stream
        read = read.copy()
        read[np.arange(len(maze)), maze[:, 0], moment.t] = True
        return replace(moment, stream=(maze, read), frame=frame, pose=pose, t=moment.t + 1)


def numbers(memory: np.ndarray, row: int, of_maze: int) -> list[int]:
    return np.flatnonzero(memory[row, of_maze]).tolist()


def scene(seed: int) -> maze.MazeScene:
    return maze.make_scene(str(seed), fakes.make_episode(N_FRAMES, seed))


@pytest.fixture(scope="module")
def apart() -> list[maze.MazeScene]:
    return [scene(seed) for seed in range(3)]


def test_a_life_is_emptied_every_so_many_frames_before_the_frame_is_predicted_and_the_whole_memory_never(apart):
    engine = Diary([scene.episode for scene in apart])
    one_step(engine, apart, PLAN, pose_given=True, marks=(), controls=True)
    lengths: set[int] = set()
    for t in range(1, N_FRAMES):
        whole, *lives, strange = engine.asked[t]
        since = [list(range(t - t % every, t)) for every in PLAN.reset_every]
        for row in range(3):
            assert numbers(whole, row, row) == list(range(t))
            for life in lives:
                assert numbers(life, row, row) in since
                lengths.add(len(numbers(life, row, row)))
            other = (row + 1) % 3
            assert numbers(strange, row, other) == list(range(t)), "all that the other maze has shown"
            assert not strange[row, row].any(), "and nothing of its own"
    assert 0 in lengths, "some were asked right after"
    assert max(lengths) > 8, "and some long after they were emptied"


def test_what_was_last_seen_before_the_cut_is_as_gone_as_for_an_amnesiac(apart):
    found = {}
    for fake in (fakes.PerfectMemory, fakes.Amnesiac):
        engine = fake([scene.episode for scene in apart])
        found[fake] = one_step(engine, apart, PLAN, pose_given=True, marks=(), controls=True).tally
    cut, never = (found[fake].by_age(name) for fake, name in ((fakes.PerfectMemory, "reset_mse"), (fakes.Amnesiac, "mse")))
    old = [name for name in ("age_3_8", "age_9_24", "age_25_64") if never[name] is not None]
    assert len(old) >= 2
    assert {name: cut[name] for name in old} == {name: never[name] for name in old}


def test_the_memory_of_the_same_maze_is_no_strangers(apart):
    again = scene(0)
    assert scenes.strangers([again, again]) == []
    assert scenes.strangers([again]) == []
    assert scenes.strangers([apart[0], apart[0], apart[1]]) == [2, 2, 0]
    engine = fakes.PerfectMemory([again.episode])
    found = one_step(engine, [again, again], PLAN, pose_given=True, marks=(), controls=True)
    assert onestep_summary(found, maze.MazeScene)["onestep_psnr_swapped"]["age_3_8"] is None
