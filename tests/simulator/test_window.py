"""Lengths on small and large windows, and gamepads that come and go: nothing here needs a screen."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.ui.shapes import INK, Box, Dot, Image, Label, Polygon, Rect, Stroke, scaled
from tests.simulator.test_app import run_python

SHAPES = [
    Box(Rect(1, 2, 3, 4), INK, 5), Label(1, 2, "x", 12), Stroke(((1, 2), (3, 4)), INK, 2), Polygon(((1, 2), (3, 4)), INK),
    Dot(1, 2, 3, INK), Image(Rect(1, 2, 3, 4), np.zeros((2, 2, 3), np.uint8)),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_every_shape_grows_with_its_window(shape):
    there_and_back = scaled(scaled(shape, 2.0), 0.5)
    for name in shape.__slots__:
        assert getattr(there_and_back, name) is getattr(shape, name) or getattr(there_and_back, name) == getattr(shape, name)
    assert repr(scaled(shape, 2.0)) != repr(shape)


SIZE_SCRIPT = """
import numpy as np, pygame
from simulator.ui.events import KeyDown, PadLost
from simulator.ui.shapes import Box, INK, Rect
from simulator.ui.window import Window

for size, units in (((640, 480), (640, 480)), ((1920, 1080), (1422, 800)), ((3840, 2160), (1422, 800))):
    window = Window("test", size)
    assert window.size == units, (size, window.size)
    window.poll()
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=(size[0] // 2, size[1] // 2)))
    where = next(event.where for event in window.poll() if isinstance(event, KeyDown))
    assert abs(where[0] - units[0] / 2) <= 1 and abs(where[1] - units[1] / 2) <= 1, where
    window.draw(None, Rect(0, 0, 1, 1), [Box(Rect(0, 0, units[0] / 2, units[1]), INK)])
    shown = window.picture()
    assert shown.shape == (size[1], size[0], 3)
    assert (shown[:, : size[0] // 2 - 2] == INK[:3]).all() and not (shown[:, size[0] // 2 + 2 :] == INK[:3]).any()
    pygame.event.post(pygame.event.Event(pygame.JOYDEVICEREMOVED, instance_id=0))
    assert PadLost() in window.poll()
    window.close()
print("well")
"""


def test_a_large_window_is_drawn_larger_and_clicked_where_it_shows():
    done = run_python(SIZE_SCRIPT, SDL_VIDEODRIVER="dummy")
    assert done.stdout.strip() == "well", done.stderr
