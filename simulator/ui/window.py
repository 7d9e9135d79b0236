"""The window: the only file that knows pygame. It draws shapes and a picture, and reports events; it decides nothing."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from functools import lru_cache

import numpy as np

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

from simulator.compose import font
from simulator.ui.events import Closed, Dragged, Event, FocusLost, KeyDown, KeyUp, PadLost
from simulator.ui.shapes import PAPER, Box, Color, Dot, Image, Label, Polygon, Rect, Shape, Stroke, scaled

SMALLEST = (400, 300)
COMFORTABLE = (1280, 800)
"""Up to this size a unit is a pixel."""
STICK = 0.5
"""How far a stick must lean to count, 1 being all the way."""
BUTTONS = {1: "mouse left", 2: "mouse middle", 3: "mouse right", 4: "wheel up", 5: "wheel down"}
MOST_PIXELS = 4_000_000
"""Of scaled pictures kept to be drawn again, 4 bytes each."""
NO_DISPLAY = (
    "no display was found ({}); without one make a video instead, with the same flags for the world: "
    "`run_sim.py record --frames 300 --out dream.mp4`"
)


class NoDisplay(RuntimeError):
    """There is no screen to open a window on; the message names the headless form."""


class Window:
    """A resizable window of `size` pixels. Raises NoDisplay where there is no screen.

    All else is in units: a pixel on windows up to COMFORTABLE, more on larger ones, so that letters grow with the window.
    """

    def __init__(self, title: str, size: tuple[int, int]) -> None:
        wanted = os.environ.get("SDL_VIDEODRIVER", "")
        if (
            not wanted
            and sys.platform.startswith("linux")
            and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        ):
            raise NoDisplay(NO_DISPLAY.format("DISPLAY and WAYLAND_DISPLAY are unset"))
        try:
            pygame.display.init()
            pygame.font.init()
            if not wanted and pygame.display.get_driver() in ("dummy", "offscreen"):
                raise NoDisplay(NO_DISPLAY.format("the system offers none"))
            pygame.display.set_caption(title)
            self._screen = pygame.display.set_mode(np.maximum(size, SMALLEST).tolist(), pygame.RESIZABLE)
        except pygame.error as error:
            raise NoDisplay(NO_DISPLAY.format(error)) from None
        self._waiting: list[pygame.event.Event] = []
        self._pads = Pads()
        self._scaled = Scaled()

    @property
    def _unit(self) -> float:
        width, height = self._screen.get_size()
        return max(1.0, min(width / COMFORTABLE[0], height / COMFORTABLE[1]))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in units."""
        width, height = self._screen.get_size()
        return round(width / self._unit), round(height / self._unit)

    def poll(self) -> list[Event]:
        """Everything that happened since the last poll, in order."""
        found, self._waiting = [*self._waiting, *pygame.event.get()], []
        unit = self._unit
        return [event for raw in found for event in (*self._pads.translate(raw), _translate(raw, unit)) if event is not None]

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds`, or until something happens; what happened is kept for `poll`."""
        if not self._waiting and seconds > 0:
            event = pygame.event.wait(max(1, int(seconds * 1000)))
            if event.type != pygame.NOEVENT:
                self._waiting.append(event)

    def draw(self, picture: np.ndarray | None, rect: Rect, shapes: list[Shape]) -> None:
        """Show `picture` (H, W, 3) uint8 filling `rect`, with `shapes` above it, and put it on the screen."""
        self._screen.fill(PAPER[:3])
        if picture is not None:
            shapes = [Image(rect, picture), *shapes]
        unit = self._unit
        for shape in shapes if unit == 1 else (scaled(shape, unit) for shape in shapes):
            if isinstance(shape, Image):
                self._screen.blit(self._scaled.fit(shape), (round(shape.rect.x), round(shape.rect.y)))
            else:
                _draw(self._screen, shape)
        pygame.display.flip()

    def picture(self) -> np.ndarray:
        """What is on the screen, uint8 (H, W, 3)."""
        return pygame.surfarray.array3d(self._screen).swapaxes(0, 1)

    def toggle_fullscreen(self) -> None:
        """Fill the screen, or stop filling it; nothing happens on screens that cannot."""
        with contextlib.suppress(pygame.error):
            pygame.display.toggle_fullscreen()

    def close(self) -> None:
        pygame.display.quit()


class Scaled:
    """Pictures at the sizes they are shown at; those shown lately are kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, int], tuple[np.ndarray, pygame.Surface]] = {}
        self._n_pixels = 0

    def fit(self, image: Image) -> pygame.Surface:
        """The picture at the size of its rectangle: whole pixels first, then the rest smoothly, so that edges stay even."""
        frame, width, height = image.frame, max(1, round(image.rect.w)), max(1, round(image.rect.h))
        key = id(frame), width, height  # the array is kept beside its surface, so its id stays its own
        found = self._kept.pop(key, None)
        if found is None:
            surface = pygame.surfarray.make_surface(frame.swapaxes(0, 1))
            surface = pygame.transform.scale_by(surface, max(1, -(-width // frame.shape[1])))
            if surface.get_size() != (width, height):
                surface = pygame.transform.smoothscale(surface, (width, height))
            found = frame, surface
            self._n_pixels += width * height
        self._kept[key] = found
        while self._n_pixels > MOST_PIXELS and len(self._kept) > 1:
            _, width, height = oldest = next(iter(self._kept))
            self._kept.pop(oldest)
            self._n_pixels -= width * height
        return found[1]


class Pads:
    """Gamepads as keys: "pad left" .. "pad down" from the cross and the left stick, "pad 0" .. from the buttons.

    Pads may come and go while playing; one pulled out lets go of all that was held.
    """

    def __init__(self) -> None:
        self._pads: dict[int, pygame.joystick.JoystickType] = {}
        self._held: dict[tuple[int, str], str] = {}
        with contextlib.suppress(pygame.error):
            pygame.joystick.init()

    def translate(self, event: pygame.event.Event) -> list[Event]:
        """What `event` means where a pad sent it, else nothing."""
        match event.type:
            case pygame.JOYDEVICEADDED:
                with contextlib.suppress(pygame.error):
                    pad = pygame.joystick.Joystick(event.device_index)
                    self._pads[pad.get_instance_id()] = pad  # events stop when nobody holds it
            case pygame.JOYDEVICEREMOVED:
                self._pads.pop(event.instance_id, None)
                self._held.clear()
                return [PadLost()]
            case pygame.JOYHATMOTION:
                return self._axis(event, "hat x", "left", "right", event.value[0]) + self._axis(
                    event, "hat y", "down", "up", event.value[1]
                )
            case pygame.JOYAXISMOTION if event.axis in (0, 1):
                names = ("left", "right") if event.axis == 0 else ("up", "down")
                return self._axis(event, f"axis {event.axis}", *names, event.value)
            case pygame.JOYBUTTONDOWN:
                return [KeyDown(f"pad {event.button}", False, time.perf_counter())]
            case pygame.JOYBUTTONUP:
                return [KeyUp(f"pad {event.button}")]
        return []

    def _axis(self, event: pygame.event.Event, axis: str, low: str, high: str, value: float) -> list[Event]:
        now = f"pad {low}" if value < -STICK else f"pad {high}" if value > STICK else ""
        before = self._held.get((event.instance_id, axis), "")
        if now == before:
            return []
        self._held[event.instance_id, axis] = now
        released: list[Event] = [KeyUp(before)] if before else []
        return [*released, KeyDown(now, False, time.perf_counter())] if now else released


def _translate(event: pygame.event.Event, unit: float) -> Event | None:
    match event.type:
        case pygame.KEYDOWN:
            return KeyDown(pygame.key.name(event.key), bool(getattr(event, "mod", 0) & pygame.KMOD_CTRL), time.perf_counter())
        case pygame.KEYUP:
            return KeyUp(pygame.key.name(event.key))
        case pygame.MOUSEBUTTONDOWN if event.button in BUTTONS:
            return KeyDown(BUTTONS[event.button], False, time.perf_counter(), _in_units(event.pos, unit))
        case pygame.MOUSEMOTION if event.buttons[0]:
            return Dragged(_in_units(event.pos, unit))
        case pygame.MOUSEBUTTONUP if event.button in BUTTONS:
            return KeyUp(BUTTONS[event.button])
        case pygame.WINDOWFOCUSLOST:
            return FocusLost()
        case pygame.QUIT:
            return Closed()
    return None


def _in_units(where: tuple[int, int], unit: float) -> tuple[int, int]:
    return round(where[0] / unit), round(where[1] / unit)


@lru_cache(maxsize=64)
def _font(size: int) -> pygame.font.Font:
    """The letters that words are measured in, where Pillow has them as a file, else pygame's."""
    data = getattr(font(size), "font_bytes", None)
    return pygame.font.Font(io.BytesIO(data), size) if data else pygame.font.Font(None, round(size * 1.3))


@lru_cache(maxsize=512)
def _text(text: str, size: int, color: Color) -> pygame.Surface:
    return _font(size).render(text, True, color[:3])


def _draw(screen: pygame.Surface, shape: Shape) -> None:
    match shape:
        case Label(x, y, text, size, color, anchor):
            surface = _text(text, size, color)
            left = x - surface.get_width() * {"l": 0.0, "m": 0.5, "r": 1.0}[anchor]
            screen.blit(surface, (round(left), round(y - surface.get_height() / 2)))
        case Box(rect, color, radius, edge):
            _draw_box(screen, pygame.Rect(*(round(v) for v in rect)), color, radius, edge)
        case Stroke(points, color, width):
            pygame.draw.lines(screen, color[:3], False, points, width)
        case Polygon(points, color):
            pygame.draw.polygon(screen, color[:3], points)
            pygame.draw.aalines(screen, color[:3], True, points)
        case Dot(x, y, radius, color):
            pygame.draw.aacircle(screen, color[:3], (round(x), round(y)), round(radius))


def _draw_box(screen: pygame.Surface, rect: pygame.Rect, color: Color, radius: int, edge: Color | None) -> None:
    if color[3] == 255:
        pygame.draw.rect(screen, color[:3], rect, border_radius=radius)
    else:
        veil = pygame.Surface(rect.size, pygame.SRCALPHA)
        pygame.draw.rect(veil, color, veil.get_rect(), border_radius=radius)
        screen.blit(veil, rect)
    if edge is not None:
        pygame.draw.rect(screen, edge[:3], rect, 1, border_radius=radius)
