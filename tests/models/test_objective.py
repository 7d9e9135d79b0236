"""Own frames in the context: dreamt exactly as play dreams them, everything else untouched."""

from __future__ import annotations

import torch

from models.conditioning import Control
from models.config import ModelConfig
from models.reprojection import elevation, pixel_rays, unexplained
from models.state import LastFrame, blindfolded, tensors
from models.training.context import Dreamer, with_blur, with_own_frames, with_stops
from models.training.draws import Draws
from models.training.objective import (
    Objective,
    _noise_level,
    _score,
    _to_predict,
    diffusion_forcing,
)
from tests.models.tiny import FAMILIES, inputs, randomised


def draws(n_rows):
    return Draws(3, 0, range(n_rows))


def test_own_frames_are_what_step_by_step_play_dreams():
    model = randomised(FAMILIES["maze-small"])
    clean, _, control = inputs(model.config, 2, 8)
    state = model.init_state(2)
    mixed = with_own_frames(Dreamer(model), clean, control, state, 3, 1.0, draws(2))
    changed = [t for t in range(8) if not torch.equal(mixed[:, t], clean[:, t])]
    assert changed == [5, 6, 7]
    blank = torch.zeros(2, 1)
    with torch.no_grad():
        for t in range(8):
            told = Control(*(part[:, t : t + 1] for part in control))
            if t in changed:
                dreamt = model(torch.zeros_like(clean[:, :1]), blank + 1, told, state)[0].clamp(-1, 1)
                torch.testing.assert_close(mixed[:, t : t + 1], dreamt, atol=1e-4, rtol=1e-4)
            state = model(mixed[:, t : t + 1], blank, told, state, predict=False)[1]


def test_the_loss_still_compares_with_the_truth_and_reaches_the_weights():
    model = randomised(FAMILIES["maze-small"]).requires_grad_(True)
    clean, _, control = inputs(model.config, 2, 8)
    result = diffusion_forcing(model, clean, control, model.init_state(2), Objective(own_frames=4), draws(2))
    result.loss.backward()
    assert result.loss > 0
    assert all(
        p.grad is not None and torch.isfinite(p.grad).all() for n, p in model.named_parameters() if "blocks" in n and "up" in n
    )


def test_only_a_share_of_the_rows_dreams():
    model = randomised(FAMILIES["maze-small"])
    clean, _, control = inputs(model.config, 12, 8)
    mixed = with_own_frames(Dreamer(model), clean, control, model.init_state(12), 2, 0.5, draws(12))
    dreamt = [not torch.equal(mixed[i], clean[i]) for i in range(12)]
    assert 0 < sum(dreamt) < 12


def test_who_stops_sees_the_same_picture_from_the_same_place():
    model = randomised(FAMILIES["maze-small"])
    clean, _, control = inputs(model.config, 3, 8)
    still, told = with_stops(clean, control, 3, 1.0, draws(3))
    for t in (5, 6, 7):
        assert torch.equal(still[:, t], clean[:, 4])
        assert torch.equal(told.pose[:, t], control.pose[:, 4])
        assert not told.motion[:, t].any()
        assert not told.action[:, t].any()
    assert torch.equal(still[:, :5], clean[:, :5])
    untouched, _ = with_stops(clean, control, 3, 0.0, draws(3))
    assert untouched is clean


def test_a_share_of_the_rows_is_blurred_from_some_frame_to_the_last():
    context = torch.rand(12, 9, 3, 16, 16) * 2 - 1
    blurred = with_blur(context, 0.5, draws(12))
    touched = ~(blurred == context).flatten(2).all(dim=-1)  # (row, frame)
    assert touched.any(dim=1).sum() == 6
    assert (touched[:, 1:] >= touched[:, :-1]).all(), "once blurred, always blurred"
    assert not touched[:, 0].all()
    torch.testing.assert_close(blurred.mean(dim=(-1, -2)), context.mean(dim=(-1, -2)), atol=0.1, rtol=0)
    detail = lambda frames: frames.diff(dim=-1).square().mean(dim=(-1, -2, -3))  # noqa: E731
    assert (detail(blurred)[touched] < 0.5 * detail(context)[touched]).all()


def test_novelty_weighs_only_what_the_frame_before_does_not_show():
    config = FAMILIES["maze-small"]
    rays, frame = pixel_rays(config), torch.rand(2, 3, 16, 16)
    earlier = LastFrame(frame, torch.zeros(2, 5), torch.tensor([1.0, 0.0]), torch.zeros(2, 0), torch.zeros(2, 0))
    changed = frame.clone()
    changed[0, :, 4:8, 4:8] = -1.0
    novel = unexplained(config, rays, earlier, torch.zeros(2, 5), changed)
    assert (novel[0, 4:8, 4:8] > 0.9).all(), "nothing there looked like this"
    known = torch.ones(16, 16, dtype=torch.bool)
    known[4:8, 4:8] = False
    assert (novel[0, known] < 0.01).all()
    assert (novel[1] > 0.99).all(), "there was no frame before"


def test_deeds_weigh_what_is_new_in_frames_whose_bar_changes_and_in_no_others():
    model = randomised(FAMILIES["voxel-small"]).requires_grad_(True)
    top = model.config.camera.view_rows
    clean, _, control = inputs(model.config, 2, 6)
    clean[..., top:, :] = 0.0

    def loss(frames: torch.Tensor, deeds: float) -> float:
        objective = Objective(pure_share=1.0, novelty=1.0, deeds=deeds)
        return diffusion_forcing(model, frames, control, model.init_state(2), objective, draws(2)).loss.item()

    assert loss(clean, 9.0) == loss(clean, 0.0)
    clean[:, 3:, 0, top, 0] = 1.0
    assert loss(clean, 9.0) != loss(clean, 0.0)


def test_the_horizon_is_where_it_is_whatever_the_pitch_and_tilt():
    config = ModelConfig()
    poses = torch.zeros(3, 5)
    poses[:, 4] = torch.deg2rad(torch.tensor([0.0, 20.0, 5.71]))
    above = torch.rad2deg(elevation(config, pixel_rays(config), poses))
    middle = above[:, 31:33, 32].mean(dim=1)
    torch.testing.assert_close(middle, torch.tensor([-5.71, 14.29, 0.0]), atol=0.1, rtol=0)
    assert (above.diff(dim=1) < 0).all(), "down the picture it goes down"


def test_weighing_the_horizon_changes_what_is_learned_there():
    model = randomised(FAMILIES["maze-small"]).requires_grad_(True)
    clean, _, control = inputs(model.config, 2, 6)
    losses = [
        diffusion_forcing(model, clean, control, model.init_state(2), Objective(pure_share=1.0, horizon=value), draws(2))
        for value in (0.0, 20.0)
    ]
    assert losses[0].loss != losses[1].loss
    torch.testing.assert_close(losses[0].pure, losses[1].pure)


def test_frames_with_a_changed_hotbar_are_the_first_to_be_predicted():
    model = randomised(FAMILIES["voxel-small"])
    top = model.config.camera.view_rows
    clean = torch.zeros(2, 12, 3, 16, 16)
    clean[:, 1:, :, :top] = torch.rand(2, 11, 3, top, 16)  # the view changes in every frame
    clean[0, 5:, :, top:], clean[1, 7:, :, top:] = 0.5, 0.5
    clean[1, 9:, :, -1, -1] = -0.5
    chosen = _to_predict(model, clean, Objective(changes_first=True, target_share=0.25), draws(2))
    assert chosen.shape == (2, 3)
    assert 5 in chosen[0]
    assert {7, 9} <= set(chosen[1].tolist())
    others = [_to_predict(model, clean, Objective(target_share=0.25), Draws(3, i, range(2)))[0] for i in range(20)]
    assert not all(5 in picked for picked in others), "where it does not count, they are frames like any other"


def test_a_weight_the_same_everywhere_changes_nothing():
    predicted, target, level = torch.rand(3, 1, 3, 4, 4), torch.rand(3, 1, 3, 4, 4), torch.ones(3, 1)
    plain = _score(predicted, target, level, ())
    torch.testing.assert_close(_score(predicted, target, level, (), torch.full((3, 1, 1, 4, 4), 5.0)).loss, plain.loss)
    half = torch.zeros(3, 1, 1, 4, 4)
    half[..., :2, :] = 1
    weighted = _score(predicted, target, level, (), half)
    torch.testing.assert_close(weighted.loss, (predicted - target)[..., :2, :].square().mean())
    torch.testing.assert_close(weighted.pure, plain.pure)


def test_noise_levels_are_pure_by_the_share_asked_for():
    level = _noise_level((100_000, 1), 0.7, Draws(0, 0, range(8)))
    assert abs((level == 1).float().mean() - 0.7) < 0.01
    assert abs(level[level < 1].mean() - 0.5) < 0.01


def test_who_is_blindfolded_has_the_long_memory_alone():
    model = randomised(FAMILIES["maze-small"])
    clean, level, control = inputs(model.config, 2, 8)
    _, seen = model(clean, level, control, model.init_state(2))
    blind = blindfolded(seen, torch.tensor([True, False]))
    for layer, was in zip(blind.layers, seen.layers, strict=True):
        assert torch.equal(layer.long.ssm, was.long.ssm)
        assert not layer.local.valid[0].any()
        assert torch.equal(layer.local.valid[1], was.local.valid[1])
    assert blind.last.seen.tolist() == [0, 1]
    assert not blind.last.frame[0].any()
    assert all(torch.equal(a[1], b[1]) for a, b in zip(tensors(blind), tensors(seen), strict=True))


def test_what_is_recalled_was_shown_before_and_hangs_on_the_long_memory():
    model = randomised(FAMILIES["maze-small"]).requires_grad_(True)
    clean, _, control = inputs(model.config, 2, 8)
    recall = Objective(recall_share=1.0, pure_share=1.0)
    result = diffusion_forcing(model, clean, control, model.init_state(2), recall, draws(2))
    result.loss.backward()
    values = [p.grad.abs().sum() for n, p in model.named_parameters() if "mixer.values" in n]
    assert values
    assert all(v > 0 for v in values)
    unshown = clean.clone()
    unshown[:, -1] = 0  # the last frame has been shown before no target: it is neither asked for nor known
    again = diffusion_forcing(model, unshown, control, model.init_state(2), recall, draws(2))
    torch.testing.assert_close(again.loss, result.loss)


def test_squares_beyond_the_tolerance_count_as_errors():
    predicted, target = torch.zeros(1, 1, 3, 4, 4), torch.zeros(1, 1, 3, 4, 4)
    costs = []
    for error in (0.001, 1.0, 2.0):
        target = torch.full_like(predicted, error)
        costs.append(_score(predicted, target, torch.ones(1, 1), None, tolerance=0.1).loss.item())
    assert abs(costs[0] / 0.001**2 - 1) < 1e-3
    assert abs((costs[2] - costs[1]) / 0.2 - 1) < 0.01
