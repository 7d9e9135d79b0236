"""The score scored: a probe that knows all is right everywhere, one that knows nothing no better than a constant guess."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import run_sim
from envs import episode as episodes
from models import checkpoint
from models.belief import N_BALL_COLOURS, Belief
from models.training.belief import Memories
from simulator.evaluation.beliefs import constant_guess, score
from tests.models.test_belief import CONFIG, maze
from tests.models.tiny import randomised

N_MAZES, FRAMES = 6, (250, 500, 750, 1000)


def memories():
    """Mazes of 4 x 4 cells on a ring of 5 x 5, a ball of two colours in each; all seen but the last row."""
    generator = torch.Generator().manual_seed(0)
    walls, balls = torch.ones(N_MAZES, 5, 5, dtype=torch.bool), torch.zeros(N_MAZES, 5, 5, dtype=torch.int64)
    walls[:, :4, :4] = torch.rand(N_MAZES, 4, 4, generator=generator) < 0.3
    for i in range(N_MAZES):
        for colour in (1, 2):
            balls[i, colour - 1 : colour + 1, int(torch.randint(4, (1,), generator=generator))] = 0
            balls[i, colour, (i + colour) % 4] = colour
    inside, seen = torch.zeros(5, 5, dtype=torch.bool), torch.ones(5, 5, dtype=torch.bool)
    inside[:4, :4], seen[3] = True, False
    each = torch.arange(N_MAZES).repeat_interleave(len(FRAMES))
    m = len(each)
    frame = torch.tensor(FRAMES).repeat(N_MAZES)
    return Memories(each[:, None], walls[each], balls[each], seen.expand(m, 5, 5), inside.expand(m, 5, 5), frame, each)


class Oracle:
    """Reads the number of the maze and knows it."""

    def __init__(self, known, doubt=0.0):
        self.known, self.doubt = known, doubt

    def read(self, found):
        first = [int((self.known.maze == int(maze)).nonzero()[0, 0]) for maze in found[:, 0]]
        walls = np.abs(self.known.walls[first].numpy() - self.doubt).astype(np.float32)
        return Belief(walls, np.eye(1 + N_BALL_COLOURS)[self.known.balls[first].numpy()][..., 1:])


class Ignorant:
    def read(self, found):
        return Belief(np.zeros((len(found), 5, 5)), np.full((len(found), 5, 5, N_BALL_COLOURS), 0.01))


def test_who_knows_all_is_right_everywhere_and_with_another_memory_is_not():
    known = memories()
    scores = score(Oracle(known), known, constant_guess(known))
    assert scores["walls_seen"] == scores["walls_all"] == scores["ball_hit"] == scores["ball_within_a_cell"] == 1.0
    assert scores["ball_rmse_cells"] == 0
    assert scores["share_seen"] == 0.75
    assert scores["walls_all_other_memory"] < 0.8
    assert set(scores["walls_all_by_frame"]) == set(FRAMES)
    assert scores["interval95"]["walls_all"] == [1.0, 1.0]


def test_the_order_of_the_memories_does_not_matter():
    known = memories()
    by_frame = torch.argsort(known.frame, stable=True)
    mixed = Memories(*(values[by_frame] for values in known))
    guess = constant_guess(known)
    assert score(Oracle(known), mixed, guess) == score(Oracle(known), known, guess)


def test_who_knows_the_contrary_is_wrong_everywhere():
    known = memories()
    assert score(Oracle(known, doubt=1.0), known, constant_guess(known))["walls_all"] == 0


def test_who_knows_nothing_reaches_the_constant_guess_at_best():
    known = memories()
    scores = score(Ignorant(), known, constant_guess(known))
    assert scores["walls_all"] <= scores["walls_all_constant"] < 1
    assert scores["walls_seen"] <= scores["walls_seen_constant"]
    assert scores["ball_hit"] < 0.2
    assert scores["ball_rmse_cells"] >= scores["ball_rmse_cells_constant"]


def test_the_constant_guess_is_each_cells_commonest_content_and_each_balls_mean_place():
    known = memories()
    guess = constant_guess(known)
    assert np.array_equal(guess.walls, known.walls[:: len(FRAMES)].float().mean(dim=0).numpy() > 0.5)
    np.testing.assert_allclose(guess.balls[0], np.argwhere(known.balls[:: len(FRAMES)].numpy() == 1)[:, 1:].mean(axis=0))


def test_one_maze_alone_has_no_other_memory():
    known = memories()
    one = Memories(*(values[: len(FRAMES)] for values in known))
    scores = score(Oracle(known), one, constant_guess(known))
    assert scores["walls_all_other_memory"] is None
    assert scores["walls_all"] == 1.0


@pytest.fixture
def folder(tmp_path):
    checkpoint.save(randomised(CONFIG), tmp_path / "model")
    (tmp_path / "data").mkdir()
    for seed in range(4):
        episodes.save(maze(40, seed), tmp_path / "data" / f"{seed}.npz")
    return tmp_path


def probe(folder, *flags):
    common = ["--checkpoint", str(folder / "model"), "--data", str(folder / "data"), "--every", "10", "--steps", "3"]
    return run_sim.main(["probe", *common, *flags])


def test_the_command_puts_a_scored_probe_into_the_checkpoint_and_leaves_the_weights_alone(folder, capsys):
    before = checkpoint.fingerprint_of_weights(folder / "model")
    assert probe(folder, "--figure", str(folder / "out" / "belief.png")) == 0
    scores = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (scores["n_mazes_learned"], scores["n_mazes"], scores["from_frame"]) == (3, 1, 20)
    assert 0 <= scores["walls_all"] <= 1
    loaded = checkpoint.load(folder / "model")
    assert loaded.belief is not None
    assert checkpoint.fingerprint_of_weights(folder / "model") == before
    assert (folder / "out" / "belief.png").read_bytes()[1:4] == b"PNG"
    assert probe(folder, "--held-out", str(folder / "data"), "--episodes", "12") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["n_mazes"] == 2


def test_what_cannot_be_is_said_in_one_line(folder, capsys):
    for flags, message in (
        (["--steps", "0"], "--steps 0; expected 1 or more"),
        (["--episodes", "1"], "two or more, or others to score on with --held-out"),
        (["--every", "41"], "none of 3 episodes can teach beliefs"),
        (["--checkpoint", str(folder / "none")], "no such checkpoint folder"),
    ):
        assert probe(folder, *flags) == 2
        assert message in capsys.readouterr().err
    assert not (folder / "model" / "belief.safetensors").exists()
