"""The drawer of the bar: what it leaves alone it leaves exactly, and what keys do to a bar it can be taught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs import episode as episodes
from envs.episode import Episode, EpisodeError
from models.bar import cells, put_back
from models.config import BarSize, EditsSize, HandsSize
from models.training import bar as training
from models.world_model import WorldModel
from tests.models.tiny import FAMILIES, inputs, randomised

CONFIG = replace(FAMILIES["voxel-small"], hands=HandsSize(), edits=EditsSize())  # which read the bar's cells, too
TOP, _ = CONFIG.bar_rows


def bar_episode(n_frames: int, seed: int) -> Episode:
    """Key k (1 .. 3) lights cell k - 1 and darkens the others; key 4 inverts all; key 0 does nothing. The view says nothing."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 5, n_frames)
    image = rng.integers(100, 120, (n_frames, 16, 16, 3)).astype(np.uint8)
    lit = np.array([True, False, False])
    for t in range(n_frames):
        lit = np.arange(3) == action[t] - 1 if 0 < action[t] < 4 else ~lit if action[t] == 4 else lit
        image[t, TOP:, :15] = (50 + 150 * lit.repeat(5))[None, :, None]
        image[t, TOP:, 15] = 9
    return Episode(image, action, CONFIG.n_actions, np.zeros((n_frames, 5)))


def test_a_bar_cut_into_cells_is_put_back_as_it_was():
    bar = torch.rand(2, 3, 16 - TOP, 16)
    cut = cells(CONFIG.bar, bar)
    assert cut.shape == (2, 3, 3 * (16 - TOP) * 5)
    assert torch.equal(cut[:, 1].reshape(2, 3, 16 - TOP, 5), bar[..., 5:10])
    assert torch.equal(put_back(CONFIG.bar, cut, bar), bar)


def test_untaught_it_keeps_the_bar_of_the_frame_before_exactly_and_touches_nothing_else():
    torch.manual_seed(0)
    model = WorldModel(CONFIG).eval()
    plain = WorldModel(replace(CONFIG, bar=BarSize())).eval()
    plain.load_state_dict({name: part for name, part in model.state_dict().items() if not name.startswith("bar.")})
    frames, level, control = inputs(CONFIG, 2, 6)
    with torch.no_grad():
        drawn, without = (net(frames, level, control, net.init_state(2))[0] for net in (model, plain))
    assert torch.equal(drawn[..., :TOP, :], without[..., :TOP, :])
    assert torch.equal(drawn[:, 1:, :, TOP:], frames[:, :-1, :, TOP:])
    assert torch.equal(drawn[:, 0, :, TOP:], without[:, 0, :, TOP:]), "before the first frame there is none to keep"


def test_only_cells_that_change_are_drawn_anew():
    model = randomised(CONFIG)
    frames, level, control = inputs(CONFIG, 2, 12)
    drawn, _ = model(frames, level, control, model.init_state(2))
    before, after = (cells(CONFIG.bar, part.flatten(0, 1)) for part in (frames[:, :-1, :, TOP:], drawn[:, 1:, :, TOP:]))
    kept = (before == after).all(dim=2)
    assert 0 < kept.float().mean() < 1, "some change and some do not"
    assert ((before != after).all(dim=2) == ~kept).all()


def test_it_learns_what_keys_do_to_a_bar(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "N_BATCH", 32)
    for seed in range(4):
        episodes.save(bar_episode(200, seed), tmp_path / f"{seed}.npz")
    torch.manual_seed(0)
    model = WorldModel(CONFIG).eval()
    training.train_bar(model.bar, tmp_path, 400, lr=1e-2, bf16=False)
    steps = training.load_steps(CONFIG, _folder(tmp_path / "new", bar_episode(200, 9)), seed=0)
    was, due = (part.float() / 127.5 - 1 for part in (steps.cells[:-1], steps.cells[1:]))
    views = [torch.cat([part[:-1], part[1:]], dim=1).float() / 127.5 - 1 for part in (steps.middle, steps.coarse)]
    with torch.no_grad():
        likely, drawn = model.bar.judge(*views, was, steps.action[1:])
    changed = training.changed_cells(was, due)
    assert 0.2 < changed.float().mean() < 0.8
    assert ((likely > 0) == changed).float().mean() > 0.9
    assert (drawn - due).abs().mean(dim=-1)[changed].mean() < 0.1


def _folder(path, episode):
    path.mkdir()
    episodes.save(episode, path / "0.npz")
    return path


def test_what_cannot_be_read_is_left_out_and_nothing_at_all_is_an_error(tmp_path, capsys):
    (tmp_path / "bad.npz").write_bytes(b"no episode")
    with pytest.raises(EpisodeError, match="the bar cannot be learned"):
        training.load_steps(CONFIG, tmp_path, seed=0)
    assert "left out" in capsys.readouterr().out
    episodes.save(bar_episode(20, 0), tmp_path / "good.npz")
    assert len(training.load_steps(CONFIG, tmp_path, seed=0).action) == 20


def test_the_first_frame_of_an_episode_is_no_step(tmp_path):
    for seed in range(2):
        episodes.save(bar_episode(20, seed), tmp_path / f"{seed}.npz")
    assert training.load_steps(CONFIG, tmp_path, seed=0).first.nonzero()[:, 0].tolist() == [0, 20]


@pytest.mark.parametrize("size", [BarSize(n_cells=4, width=5), BarSize(n_cells=1, width=17)])
def test_a_bar_that_does_not_fit_is_refused(size):
    with pytest.raises(ValueError, match="does not fit below"):
        replace(CONFIG, bar=size)


def test_a_bar_below_no_view_is_refused():
    with pytest.raises(ValueError, match="fewer rows of view"):
        replace(CONFIG, camera=replace(CONFIG.camera, view_rows=16))
