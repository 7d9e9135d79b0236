"""The album keeps one view a stretch and sector, lets go of the longest unvisited, and finds the nearest to look from."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from models import album
from models.config import AlbumSize, ModelConfig
from models.outlook import of_album
from models.pixels import quantised
from models.presets import preset
from models.state import blindfolded, map_state
from models.world_model import WorldModel
from tests.models.tiny import FAMILIES, inputs, randomised

CONFIG = dataclasses.replace(ModelConfig(), image=(8, 8), patch=(8, 4), album=AlbumSize(n_views=4, n_shown=2))


def poses(*places):
    """(1, t, 5) from (x, y, degrees)."""
    return torch.tensor([[[x, y, 0.0, math.radians(degrees), 0.0] for x, y, degrees in places]])


def colours(*values):
    """Frames (1, t, 3, 8, 8), each of one brightness that survives being a byte."""
    return torch.tensor(values).div(127.5).sub(1).view(1, -1, 1, 1, 1).expand(-1, -1, 3, 8, 8)


def kept(pages, t):
    """Brightness of the views after `t` frames by what they are stamped, those never filled left out."""
    one = album.at(pages, torch.tensor([0]), torch.tensor([t]))
    return {int(stamp): int(frame[0, 0, 0]) for stamp, frame in zip(one.stamp[0], one.frame[0], strict=True) if stamp > 0}


def filled(brightness, where):
    nothing = album.blank(CONFIG, CONFIG.album.n_views, 1, torch.device("cpu"))
    return album.leaf_through(CONFIG, nothing, colours(*brightness), poses(*where))


def test_of_a_stretch_and_sector_the_latest_view_is_kept():
    pages = filled((10.0, 20.0, 30.0), [(0.2, 0.2, 0), (0.8, 0.9, 10), (0.2, 0.2, 90)])
    assert kept(pages, 0) == {}
    assert kept(pages, 1) == {1: 10}
    assert kept(pages, 2) == {2: 20}, "the second stands on the same ground and looks the same way"
    assert kept(pages, 3) == {2: 20, 3: 30}


def test_full_it_lets_go_of_what_was_longest_not_seen():
    where = [(0.5, 0.5, 0), (1.5, 0.5, 0), (2.5, 0.5, 0), (0.5, 0.5, 0), (3.5, 0.5, 0), (4.5, 0.5, 0)]
    pages = filled((10.0, 20.0, 30.0, 40.0, 50.0, 60.0), where)
    assert kept(pages, 5) == {2: 20, 3: 30, 4: 40, 5: 50}
    assert kept(pages, 6) == {3: 30, 4: 40, 5: 50, 6: 60}, "the first place was visited again; the second was not"


def test_headings_a_full_turn_apart_are_one_sector():
    assert kept(filled((10.0, 20.0), [(0.5, 0.5, 179), (0.5, 0.5, -179)]), 2) == {2: 20}


def test_the_nearest_views_are_taken_out_but_never_the_frame_before():
    pages = filled((10.0, 20.0, 30.0, 40.0), [(0.5, 0.5, 0), (0.5, 0.5, 90), (5.5, 0.5, 0), (0.5, 0.5, 180)])
    now = poses(*[(0.5, 0.5, 0)] * 4, (0.5, 0.5, 170))[:, -1:]
    last = pages._replace(place=pages.place[:, -1:], stamp=pages.stamp[:, -1:], now=pages.now[:, -1:])
    frame, pose, known = album.take_out(CONFIG, last, now)
    assert known.all()
    assert quantised(frame)[0, 0, 0, 0, 0, 0] == 20, "at 90 degrees; the one at 180 is the frame before"
    assert quantised(frame)[0, 0, 1, 0, 0, 0] == 10
    torch.testing.assert_close(pose[0, 0], poses((0.5, 0.5, 90), (0.5, 0.5, 0))[0])


def test_of_two_alike_the_later_is_taken():
    pages = filled((10.0, 20.0, 30.0), [(0.9, 0.5, 0), (1.1, 0.5, 0), (9.0, 9.0, 0)])
    last = pages._replace(place=pages.place[:, -1:], stamp=pages.stamp[:, -1:], now=pages.now[:, -1:])
    frame, _, _ = album.take_out(CONFIG, last, poses((1.0, 0.5, 0)))
    assert quantised(frame)[0, 0, 0, 0, 0, 0] == 20


def test_what_is_not_there_is_said_not_to_be():
    pages = filled((10.0, 20.0), [(0.5, 0.5, 0), (0.5, 0.5, 90)])
    _, _, known = album.take_out(CONFIG, pages, poses((0.5, 0.5, 0), (0.5, 0.5, 0)))
    assert known.tolist() == [[[False, False], [False, False]]], "nothing before the first frame, only the frame before then"


def test_not_absorbing_leaves_the_album_as_it_was():
    carried = album.at(filled((10.0, 20.0), [(0.5, 0.5, 0), (0.5, 0.5, 90)]), torch.tensor([0]), torch.tensor([2]))
    pages = album.leaf_through(CONFIG, carried, colours(90.0), poses((5.0, 5.0, 0)), absorb=False)
    assert pages.frame is carried.frame
    assert pages.place.tolist() == [[[0, 1, 2, 3]]]


def test_a_place_seen_again_is_drawn_from_the_album_with_all_other_memory_gone():
    config = FAMILIES["maze-album"]
    model = randomised(config)
    frames, level, control = inputs(config, 1, 6)
    away = control.pose.clone()
    away[:, :, 3] = torch.tensor([0.0, 1.6, 3.1, -1.6, 3.0, 1.5])
    control = control._replace(pose=away)
    _, state = model(frames, level, control, model.init_state(1))
    rows = torch.ones(1, dtype=torch.bool)
    alone = blindfolded(state, rows)._replace(album=state.album)
    alone = alone._replace(layers=model.init_state(1).layers)
    empty = map_state(torch.zeros_like, alone)
    told = type(control)(*(part[:, :1] for part in control))
    noise = torch.zeros_like(frames[:, :1])
    pages = album.leaf_through(config, alone.album, noise, told.pose, absorb=False)
    views = of_album(model, pages, told.pose, predict=True)
    own = quantised(frames[0, 0]).float().movedim(-1, 0) / 127.5 - 1
    torch.testing.assert_close(views[0, 0, 0, :3], own, atol=1e-5, rtol=0)  # seen from where it was taken, it is itself
    drawn, _ = model(noise, torch.ones(1, 1), told, alone, absorb=False)
    without, _ = model(noise, torch.ones(1, 1), told, empty, absorb=False)
    assert (drawn - without).abs().max() > 0.05


def test_where_no_picture_reaches_nothing_is_copied():
    config = FAMILIES["voxel-small"]
    assert config.reached_only
    model = randomised(config)
    tokens = torch.randn(1, 1, config.n_tokens, config.d_model)
    offered = torch.rand(1, 1, config.n_tokens, model.n_moved, 4, config.patch[0] * config.patch[1])
    offered[..., 3, :] = 0
    assert not model._copied(tokens, offered).any()
    offered[..., 2, 3, :] = 1  # one picture reaches: it, and no other, may be copied
    copied = model._copied(tokens, offered).unflatten(-1, (3, -1))
    share = copied / offered[..., 2, :3, :]
    torch.testing.assert_close(share[..., 0, :], share[..., 1, :])
    assert ((share > 0) & (share < 1)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"album": AlbumSize(n_views=3, n_shown=3)}, "an album of 3 views .* cannot show 3; expected fewer"),
        ({"album": AlbumSize(n_views=8, degrees=50.0)}, "sectors of 50.0 degrees"),
        ({"album": AlbumSize(n_views=8), "nearness": ()}, "an album goes by poses and beside the frame before"),
        ({"album": AlbumSize(n_views=8, nearness=(1.0,))}, "and 0 as its first"),
    ],
)
def test_albums_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**changes)


def test_a_model_without_an_album_carries_none_of_it():
    state = WorldModel(preset("maze-small")).init_state(2)
    assert all(part.numel() == 0 for part in state.album)
