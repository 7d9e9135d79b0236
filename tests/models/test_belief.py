"""What is read from a map lies where it was written, and the probe learns what there is to learn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.episode import EpisodeError
from models.belief import N_BALL_COLOURS, BeliefProbe, n_cells, readings
from models.config import MapGrid
from models.state import LayerState, SSMState
from models.training.belief import Memories, remember, train_belief, truth
from tests.models.tiny import FAMILIES, SMALL, episode, randomised

CONFIG = FAMILIES["map-and-ssd"]
LAYOUT = np.array([[1, 1, 1, 0], [1, 0, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1]], np.uint8)


def maze(n_frames, seed=0):
    plain = episode(n_frames, seed)
    extras = {
        "maze_layout": np.broadcast_to(LAYOUT, (n_frames, 4, 4)),
        "targets_pos": np.broadcast_to([[0.5, 3.5], [2.5, 0.5]], (n_frames, 2, 2)),
    }
    return dataclasses.replace(plain, extras=extras)


def with_maps(change):
    """A stream whose only map is `change` of an empty one (b, h, p + 1, n_y, n_x)."""
    stream = randomised(CONFIG).init_state(1)
    maps = change(stream.layers[0].long.ssm[:, 0].unflatten(-1, (12, 10)))
    layer = LayerState(SSMState(maps.flatten(-2)[:, None]), stream.layers[0].local)
    return stream._replace(layers=(layer, *stream.layers[1:]))


def random_maps(maps):
    return torch.rand(maps.shape, generator=torch.Generator().manual_seed(0))


def random_probe():
    torch.manual_seed(0)
    return BeliefProbe(CONFIG).eval()


def test_beliefs_are_probabilities_of_whole_cells():
    belief = random_probe().believe(with_maps(random_maps))
    assert n_cells(CONFIG) == (6, 5)
    assert belief.walls.shape == (1, 6, 5)
    assert belief.balls.shape == (1, 6, 5, N_BALL_COLOURS)
    assert ((belief.walls > 0) & (belief.walls < 1)).all()
    assert (belief.balls.sum(axis=-1) < 1).all()


def test_what_is_written_in_a_cell_is_read_in_it_and_its_neighbours():
    probe = random_probe()
    torch.nn.init.zeros_(probe.compare.weight)

    def mark(maps):
        marked = maps.clone()
        marked[..., 7, 3] = 1.0  # the middle of cell (1, 3)
        return marked

    changed = probe.believe(with_maps(mark)).walls != probe.believe(with_maps(lambda maps: maps)).walls
    assert {tuple(at) for at in np.argwhere(changed[0])} == {(y, x) for y in (2, 3, 4) for x in (0, 1, 2)}


def test_a_map_moved_by_whole_cells_round_the_ring_moves_the_beliefs_along():
    probe = random_probe()
    here = probe.believe(with_maps(random_maps))
    there = probe.believe(with_maps(lambda maps: random_maps(maps).roll((6, -4), (-2, -1))))
    np.testing.assert_allclose(there.walls, np.roll(here.walls, (3, -2), (1, 2)), atol=1e-6)
    np.testing.assert_allclose(there.balls, np.roll(here.balls, (3, -2), (1, 2)), atol=1e-6)


def test_models_without_a_map_of_whole_cells_are_refused_in_one_line():
    with pytest.raises(ValueError, match="none of its layers has mixer 'map'"):
        BeliefProbe(FAMILIES["maze-attention"])
    with pytest.raises(ValueError, match="do not make whole cells"):
        BeliefProbe(dataclasses.replace(CONFIG, **(SMALL | {"grid": MapGrid(cells_per_slot=0.3)})))


def test_the_truth_lies_on_the_ring_and_all_outside_the_layout_is_wall():
    walls, balls, inside = truth(maze(3), CONFIG)
    assert np.array_equal(walls[:4, :4], LAYOUT == 0)
    assert walls[4:].all()
    assert walls[:, 4].all()
    assert (balls[3, 0], balls[0, 2], (balls > 0).sum()) == (1, 2, 2)
    assert inside.sum() == 16


@pytest.mark.parametrize("targets", [[[0.5, 4.5]], [[-1.0, 0.5]], [[0.5, 0.5]] * 7, [[np.nan, 0.5]]])
def test_balls_that_cannot_be_are_refused(targets):
    good = maze(3)
    extras = {**good.extras, "targets_pos": np.broadcast_to(targets, (3, len(targets), 2))}
    with pytest.raises(EpisodeError, match="expected at most 6, all inside the maze"):
        truth(dataclasses.replace(good, extras=extras), CONFIG)


def test_memories_are_the_states_of_one_unbroken_walk(tmp_path):
    episodes.save(maze(40), tmp_path / "a.npz")
    model = randomised(CONFIG)
    found = remember(model, [tmp_path / "a.npz"], every=10)
    assert found.frame.tolist() == [10, 20, 30, 40]
    at_once = remember(model, [tmp_path / "a.npz"], every=40)
    torch.testing.assert_close(found.readings[-1:], at_once.readings, atol=2e-3, rtol=2e-3)
    assert torch.equal(found.seen[-1:], at_once.seen)
    assert remember(model, [tmp_path / "a.npz"], every=10, n_frames=25).frame.tolist() == [10, 20]
    assert (found.seen[:-1] <= found.seen[1:]).all()
    assert found.seen[0].any()


def test_a_dreamer_is_awake_for_half_of_the_walk_and_then_lost(tmp_path):
    episodes.save(maze(40), tmp_path / "a.npz")
    model = randomised(CONFIG)
    awake, dreamer = (remember(model, [tmp_path / "a.npz"], every=10, dreaming=dreaming) for dreaming in (False, True))
    assert torch.equal(awake.readings[:2], dreamer.readings[:2])
    assert not torch.allclose(awake.readings[2:], dreamer.readings[2:], atol=1e-2)
    assert torch.equal(awake.walls, dreamer.walls)
    again = remember(model, [tmp_path / "a.npz"], every=10, dreaming=True)
    assert torch.equal(dreamer.readings, again.readings)


def test_episodes_that_do_not_know_their_maze_are_left_out_and_said(tmp_path, capsys):
    episodes.save(maze(20), tmp_path / "a.npz")
    episodes.save(episode(20), tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(b"PK")
    paths = [tmp_path / f"{name}.npz" for name in "abc"]
    assert set(remember(randomised(CONFIG), paths, every=10).maze.tolist()) == {0}
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left out")]
    assert len(said) == 2
    assert "b.npz: no poses, maze_layout and targets_pos" in said[0]
    with pytest.raises(EpisodeError, match="none of 1 episodes"):
        remember(randomised(CONFIG), paths[1:2], every=10)
    with pytest.raises(EpisodeError, match="none of 1 episodes"):
        remember(randomised(CONFIG), paths[:1], every=30)
    assert "20 frames are fewer than the 30" in capsys.readouterr().out


def test_the_probe_learns_to_read_what_is_written():
    generator = torch.Generator().manual_seed(0)
    walls = torch.rand(64, 6, 5, generator=generator) < 0.4
    balls = torch.where(torch.rand(walls.shape, generator=generator) < 0.1, 2, 0)
    n_channels = readings(CONFIG, randomised(CONFIG).init_state(1)).shape[1]
    maps = 0.1 * torch.randn(64, n_channels, 12, 10, generator=generator)
    maps[:, 3] += walls.repeat_interleave(2, 1).repeat_interleave(2, 2)
    maps[:, 5] += (balls > 0).repeat_interleave(2, 1).repeat_interleave(2, 2)
    everywhere = torch.ones_like(walls)
    memories = Memories(maps.half(), walls, balls, everywhere, everywhere, torch.arange(64), torch.arange(64))
    said_walls, said_balls = train_belief(CONFIG, memories, 60)(memories.readings.float())
    assert ((said_walls > 0) == walls).float().mean() > 0.97
    assert (said_balls.argmax(dim=1) == balls).float().mean() > 0.97
