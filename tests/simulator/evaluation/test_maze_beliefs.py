"""The look at the state on the way sees what the probe's own training sees: the same states, the same truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from envs import episode as episodes
from models.checkpoint import Checkpoint
from models.training.belief import remember
from simulator.engine import Engine, Trait
from simulator.evaluation import maze_beliefs
from simulator.evaluation.beliefs import constant_guess, score
from simulator.evaluation.onestep import one_step
from simulator.evaluation.plan import Plan
from simulator.evaluation.scenes import Scene
from tests.models.test_belief import CONFIG, maze, random_probe
from tests.models.tiny import randomised
from tests.simulator.evaluation import fakes

N_FRAMES = 9


class Plain(Scene):
    """A scene of which only the frames matter."""

    def ages(self, t: int) -> np.ndarray:
        return np.ones(16)

    def verdicts(self, *_: object) -> dict[str, int]:
        return {}

    @staticmethod
    def part_scores(dream: np.ndarray, truth: np.ndarray, border: int) -> dict[str, np.ndarray]:
        return {"mse": np.zeros((len(dream), 16))}


def engine(probe: object) -> Engine:
    trait = Trait(fakes.ACTIONS, 4.0)
    return Engine(Checkpoint(randomised(CONFIG), None, "tiny", {}, probe), trait)  # type: ignore[arg-type]


def test_scores_are_those_of_the_probe_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(maze_beliefs, "EVERY", 4)
    for seed in range(2):
        episodes.save(maze(N_FRAMES, seed), tmp_path / f"{seed}.npz")
    paths = sorted(tmp_path.glob("*.npz"))
    dreamer = engine(random_probe())
    batch = [Plain(path.name, episodes.load(path), 0) for path in paths]
    [look] = maze_beliefs.probes(dreamer, batch, Plan(), True)
    one_step(dreamer, batch, Plan(score_every=100), pose_given=True, marks=(), controls=False, probe=look)
    theirs = remember(randomised(CONFIG), paths, 4)
    order = torch.argsort(theirs.frame * 10 + theirs.maze)
    assert theirs.frame[order].tolist() == [4, 4, 8, 8]
    expected = score(random_probe(), type(theirs)(*(part[order] for part in theirs)), constant_guess(theirs))
    found = look.summary()["beliefs"]
    assert found["walls_all_by_frame"].keys() == expected["walls_all_by_frame"].keys()
    for name in ("share_seen", "walls_seen", "walls_all", "walls_all_constant", "ball_hit", "ball_rmse_cells"):
        assert found[name] == pytest.approx(expected[name], abs=1e-3), name


def test_without_a_probe_or_poses_nothing_is_read():
    assert maze_beliefs.probes(engine(None), [], Plan(), True) == []
    assert maze_beliefs.probes(engine(random_probe()), [], Plan(), False) == []
