"""Ego-motion learns to say how a key moves the player."""

from __future__ import annotations

import pytest
import torch

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from models.ego_motion import settled
from models.training import ego
from models.world_model import WorldModel
from tests.models.tiny import FAMILIES, episode

CONFIG = FAMILIES["maze-small"]


def test_training_predicts_the_motions_of_a_small_world(tmp_path, monkeypatch):
    monkeypatch.setattr(ego, "N_BATCH", 64)
    for seed in range(3):
        episodes.save(episode(80, seed), tmp_path / f"{seed}.npz")
    model = WorldModel(CONFIG)
    network, moves = ego.train_ego_motion(model, tmp_path, 150), ego.load_moves(model, tmp_path, seed=0)
    with torch.no_grad():
        found = network.from_coarse(moves.frame.float(), *(part[:, 0] for part in moves[1:5]))
    error = (found - moves.motion[:, 0]).square().mean()
    assert error < 0.5 * moves.motion.var(dim=0).mean()


def test_only_the_idle_who_hardly_move_are_taken_to_rest():
    motion = torch.tensor([[0.003, 0.0, 0.0, 0.004, 0.0], [0.003, 0.0, 0.0, 0.004, 0.0], [0.01, 0, 0, 0, 0], [0, 0, 0, 0.02, 0]])
    found = settled(motion, torch.tensor([True, False, True, True]))
    assert not found[0].any()
    assert torch.equal(found[1:], motion[1:])


def test_episodes_without_poses_are_left_out_and_nothing_at_all_is_an_error(tmp_path, capsys):
    plain = episode(20)
    episodes.save(Episode(plain.image, plain.action, plain.n_actions), tmp_path / "a.npz")
    with pytest.raises(EpisodeError, match="ego-motion cannot be learned"):
        ego.load_moves(WorldModel(CONFIG), tmp_path, seed=0)
    assert "a.npz" in (said := capsys.readouterr().out)
    assert "no poses" in said
    episodes.save(episode(30), tmp_path / "b.npz")
    assert len(ego.load_moves(WorldModel(CONFIG), tmp_path, seed=0).action) == 29
