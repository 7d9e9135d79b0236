"""Ego-motion learns from what was seen, and from what is only dreamt."""

from __future__ import annotations

import torch

from envs import episode as episodes
from models.training import ego
from tests.models.tiny import FAMILIES, episode, randomised

CONFIG = FAMILIES["maze-small"]


def test_dreamt_steps_pair_the_dreamers_own_frames_with_true_motions(tmp_path, monkeypatch):
    monkeypatch.setattr(ego, "N_CONTEXT", 4)
    monkeypatch.setattr(ego, "N_DREAMT", 6)
    monkeypatch.setattr(ego, "N_ROWS", 2)
    true = episode(10, 1)
    episodes.save(true, tmp_path / "1.npz")
    moves = ego.dream_moves(randomised(CONFIG), tmp_path, 1, seed=0)
    assert moves.frame.shape[0] == 2 * 5
    real = ego.load_moves(CONFIG, tmp_path, seed=0)
    for part in ("motion", "before", "action"):
        torch.testing.assert_close(getattr(moves, part)[:5], getattr(real, part)[4:9])
    assert (moves.frame[:5].float() - real.frame[4:9].float()).abs().mean() > 0.05, "they are dreamt, not seen"


def test_training_with_a_dreamer_predicts_the_motions_of_a_small_world(tmp_path, monkeypatch):
    monkeypatch.setattr(ego, "N_BATCH", 64)
    monkeypatch.setattr(ego, "N_CONTEXT", 8)
    monkeypatch.setattr(ego, "N_DREAMT", 24)
    for seed in range(3):
        episodes.save(episode(80, seed), tmp_path / f"{seed}.npz")
    model = ego.train_ego_motion(CONFIG, tmp_path, 150, dreamer=randomised(CONFIG), n_dreams=1)
    moves = ego.load_moves(CONFIG, tmp_path, seed=0)
    with torch.no_grad():
        error = (model.from_coarse(moves.frame.float(), moves.before, moves.action) - moves.motion).square().mean()
    assert error < 0.5 * moves.motion.var(dim=0).mean()
