"""The display as shapes: nothing of it needs a window."""

from __future__ import annotations

from itertools import combinations, pairwise, permutations

import pytest
from PIL import ImageFont

from envs.voxel.moves import ACTIONS as VOXEL
from simulator.intents import Mark, Rewind
from simulator.ui import hud, timeline_bar
from simulator.ui.keymap import COMMANDS, Keymap, choices, move_help
from simulator.ui.shapes import BLUE, Box, Label, Rect
from tests.simulator.playing import begun, play


def view(session, **changes):
    values = {
        "title": "Memory Maze", "details": "seed 1", "mode": "playing · you", "timeline": session.timeline,
        "keys": frozenset({"up", "left", "right"}), "down": frozenset({"up"}), "action": "forward", "fps": 9.8,
        "rate": "10 Hz smooth (natural 4 Hz)", "frame_ms": "3.0 / 4.0 ms", "latency_ms": "20.0 / 30.0 ms", "device": "cpu",
    }  # fmt: skip
    return hud.View(**(values | changes))


def texts(shapes):
    return [shape.text for shape in shapes if isinstance(shape, Label)]


@pytest.mark.parametrize("size", [(400, 300), (480, 400), (960, 800), (2000, 700), (700, 1600)])
@pytest.mark.parametrize("n_panels", [0, 3])
def test_the_picture_fits_between_the_bars_and_keeps_its_shape(size, n_panels):
    shape = (64, 64 * max(1, n_panels), 3)
    picture = hud.arrange(size, shape, n_panels, bare=False).picture
    assert picture.x >= 0
    assert picture.y >= hud.TOP
    assert picture.x + picture.w <= size[0]
    assert picture.y + picture.h <= size[1] - (hud.SLIM if size == (400, 300) else hud.BOTTOM)
    assert picture.w / picture.h == pytest.approx(shape[1] / shape[0], rel=0.02)


def test_bare_is_the_picture_alone():
    session = begun()
    layout = hud.arrange((800, 600), (64, 64, 3), 0, bare=True)
    assert layout.picture == Rect(100, 0, 600, 600)
    assert hud.draw(view(session), layout, (800, 600)) == []


def test_what_is_measured_and_what_is_asked_stand_on_screen():
    session = begun()
    found = texts(hud.draw(view(session), hud.arrange((960, 800), (64, 64, 3), 0, False), (960, 800)))
    for text in ("9.8", "frame 3.0 / 4.0 ms", "key to picture 20.0 / 30.0 ms", "10 Hz smooth (natural 4 Hz)", "forward"):
        assert text in found


def test_a_held_key_is_lit():
    session = begun()
    caps = [s for s in hud.key_caps(view(session), 0, 0) if isinstance(s, Box)]
    assert [cap.color == BLUE for cap in caps] == [True, False, False, False]


def test_long_notes_wrap_and_do_not_overlap():
    session = begun()
    layout = hud.arrange((600, 600), (64, 64, 3), 0, False)
    shapes = hud.draw(view(session, notes=("word " * 40, "short", "other " * 30)), layout, (600, 600))
    boxes = sorted((s.rect for s in shapes if isinstance(s, Box) and s.rect.w == layout.picture.w - 24), key=lambda r: r.y)
    assert len(boxes) == 3
    assert all(a.y + a.h <= b.y for a, b in pairwise(boxes))


def test_a_click_on_the_bar_is_the_position_drawn_there():
    session = begun()
    play(session, [1] * 90)
    session.apply(Mark("door"))
    session.apply(Rewind(30))
    play(session, [2] * 10)
    bar = Rect(100, 0, 450, 30)
    assert timeline_bar.position_at(session.timeline, bar, 100) == 0
    assert timeline_bar.position_at(session.timeline, bar, 550) == 90
    assert "door" in texts(timeline_bar.draw(session.timeline, bar))
    assert "branch 2 of 2" in texts(timeline_bar.caption(session.timeline, bar))[0]


@pytest.mark.parametrize("size", [(400, 300), (640, 480), (960, 800)])
def test_the_keys_are_readable_on_small_windows_page_by_page_and_do_not_overlap(size):
    pairs = (*move_help(VOXEL, Keymap(VOXEL)), *((command.keys[0], command.what) for command in COMMANDS))
    session, layout, told = begun(), hud.arrange(size, (64, 64, 3), 0, False), []
    plain = hud.draw(view(session, help=pairs), layout, size)
    for turns in range(1, 9):
        shapes = hud.draw(
            view(session, help=pairs, help_turns=turns, device="a long word or two on the machine " * 4), layout, size
        )
        shapes = shapes[len(plain) :]
        if not shapes:
            break
        labels = [s for s in shapes if isinstance(s, Label)]
        left = [s for s in labels if s.text in {what for _, what in pairs} and s.anchor == "l"]
        told += [s.text for s in left]
        assert all(s.size >= 12 for s in labels)
        assert all(b.y - a.y >= a.size for a, b in pairwise(sorted(left, key=lambda s: s.y)) if a.x == b.x), "lines do not touch"
        for label in labels:
            start = label.x - {"l": 0.0, "m": 0.5, "r": 1.0}[label.anchor] * width(label)
            assert start >= 12
            assert start + width(label) <= size[0] - 12, label
            assert label.y + label.size / 2 <= size[1] - 12
        for one, other in combinations(labels, 2):
            if abs(one.y - other.y) < 6:
                first, second = sorted((one, other), key=lambda s: s.x)
                assert first.x + width(first) * (first.anchor == "l") <= second.x - width(second) * (second.anchor == "r")
    assert told == [what for _, what in pairs], "every key is told once, and then the pages are gone"


@pytest.mark.parametrize("size", [(400, 300), (480, 400), (960, 800)])
def test_words_of_the_strips_do_not_run_into_each_other(size):
    session = begun()
    layout = hud.arrange(size, (64, 64, 3), 0, False)
    seen = view(session, title="Memory Maze · side by side", mode="waiting · press a key to walk", recording={"episode": 3.0},
                details="seed 1 · start maze-a · 1 step · time waits for keys")  # fmt: skip
    labels = [s for s in hud.draw(seen, layout, size) if isinstance(s, Label)]
    spans = [(s.y, s.x - {"l": 0.0, "m": 0.5, "r": 1.0}[s.anchor] * width(s), width(s)) for s in labels]
    for (y, x, w), (other_y, other_x, _) in permutations(spans, 2):
        assert y != other_y or x > other_x or x + w <= other_x, labels
    assert all(x >= 0 and x + w <= size[0] for _, x, w in spans)


def test_an_alert_longer_than_the_picture_is_wide_is_wrapped():
    box, *labels = hud.alert(
        "reality is lost: the process of the real world ended; restart to have it back", Rect(60, 0, 300, 200)
    )
    assert len(labels) > 1
    assert all(width(label) <= box.rect.w for label in labels)
    assert box.rect.x >= 60
    assert box.rect.x + box.rect.w <= 360


@pytest.mark.parametrize("size", [(400, 300), (640, 480), (960, 800)])
def test_what_a_craft_takes_does_not_run_into_its_name(size):
    rows = tuple(choices(VOXEL, Keymap(VOXEL), frozenset({"craft"})))
    shapes = hud.draw(view(begun(), rows=rows), hud.arrange(size, (64, 64, 3), 0, False), size)
    labels = {s.text: s for s in shapes if isinstance(s, Label)}
    for name, takes in rows:
        left, right = labels[name], labels[takes]
        assert left.x + width(left) < right.x - width(right), name
        assert right.x <= size[0]


def width(label):
    return ImageFont.load_default(label.size).getlength(label.text)
