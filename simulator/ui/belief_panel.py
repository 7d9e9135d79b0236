"""The map of what is believed, over the picture, while it is switched on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator import beliefs
from simulator.belief_map import Chart, draw_chart
from simulator.session import Session
from simulator.ui.hud import Layout
from simulator.ui.letters import shortened
from simulator.ui.shapes import VEIL, Box, Image, Label, Rect, Shape

LARGEST = 0.42
"""Share of the picture's height that a map takes at most."""
HEAD, EDGE = 24, 8
"""Pixels above each map for its name, and around it."""


class BeliefPanel:
    """Maps of `session`, drawn anew when what is shown changes. notify: called with one line where there is nothing to show."""

    def __init__(self, session: Session, notify: Callable[[str], None]) -> None:
        self.shown = False
        self._session, self._notify = session, notify
        self._moment: object = None
        self._charts: dict[str, Chart] = {}
        self._drawn: dict[tuple[str, int], np.ndarray] = {}

    def toggle(self) -> None:
        """Show the maps, or stop showing them."""
        self.shown = not self.shown

    def shapes(self, layout: Layout) -> list[Shape]:
        """The maps at the right of the picture, side by side."""
        if not self.shown:
            return []
        try:
            self._look()
        except ValueError as error:
            self.shown = False
            self._notify(str(error))
            return []
        picture, n_maps = layout.picture, len(self._charts)
        side = int(min(LARGEST * picture.h, picture.w / 2 / n_maps - EDGE))
        width = n_maps * (side + EDGE) + EDGE
        box = Rect(picture.x + picture.w - width - 10, picture.y + 10, width, side + HEAD + EDGE)
        shapes: list[Shape] = [Box(box, VEIL, 8)]
        for i, (name, chart) in enumerate(self._charts.items()):
            if (name, side) not in self._drawn:
                self._drawn[name, side] = draw_chart(chart, side)
            cell = Rect(box.x + EDGE + i * (side + EDGE), box.y + HEAD, side, side)
            title = Label(cell.x + side / 2, box.y + HEAD / 2, shortened(name, 13, side), 13, anchor="m")
            shapes += [title, Image(cell, self._drawn[name, side])]
        return shapes

    def _look(self) -> None:
        """Bring the charts to the moment that is shown."""
        timeline = self._session.timeline
        moment = (timeline, timeline.branch, timeline.position, self._session.settled)
        if moment != self._moment:
            self._charts, self._drawn = beliefs.charts(self._session), {}
            self._moment = moment
