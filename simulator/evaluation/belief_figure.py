"""What is believed of held-out mazes as the memory grows, beside the truth: a row a maze, as one PNG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from envs import episode as episodes
from models.belief import BeliefProbe
from models.training.belief import Memories
from simulator import compose
from simulator.belief_map import Chart, draw_chart, true_chart

N_MAZES, N_MOMENTS = 3, 3
N_PATH = 250
"""Frames of the path that are drawn, the last ones."""
SIDE, GAP, LETTERS = 300, 12, 15
"""Pixels of a map, between maps, and of the letters above them."""


def draw(probe: BeliefProbe, memories: Memories, paths: Sequence[Path], out: Path) -> None:
    """Write the figure to `out`. paths: the episodes that `memories` number in `maze`."""
    rows = [_row(probe, memories, int(maze), paths[int(maze)]) for maze in memories.maze.unique()[:N_MAZES]]
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    Image.fromarray(np.concatenate(rows)).save(temporary, format="png")
    os.replace(temporary, out)


def _row(probe: BeliefProbe, memories: Memories, maze: int, path: Path) -> np.ndarray:
    episode = episodes.load(path, images=False)
    assert episode.pose is not None  # such an episode has no memories
    mine = (memories.maze == maze).nonzero()[:, 0]
    cells = []
    for index in mine[np.unique(np.geomspace(1, len(mine), N_MOMENTS).round().astype(int) - 1)]:
        said, n = probe.read(memories.readings[index, None].float()), int(memories.frame[index])
        walls, inside = memories.walls[index].numpy(), memories.inside[index].numpy()
        right = ((said.walls[0] > 0.5) == walls)[inside].mean()
        chart = Chart(said.walls[0], said.balls[0], episode.pose[max(0, n - N_PATH) : n], episode.pose[n - 1])
        cells.append(_cell(f"after {n} frames: {right:.0%} of cells right", draw_chart(chart, SIDE)))
    layout, targets = episode.extras["maze_layout"][0], episode.extras["targets_pos"][0]
    truth = true_chart(layout, targets, said.walls.shape[1:], episode.pose[-N_PATH:], episode.pose[-1])
    return compose.beside(*cells, _cell("the truth", draw_chart(truth, SIDE)))


def _cell(words: str, picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[0] + GAP, picture.shape[1] + 2 * GAP
    cell = np.full((height, width, 3), compose.PAPER, np.uint8)
    cell[: len(picture), GAP:-GAP] = picture
    return np.concatenate([compose.caption((words,), width, LETTERS), cell])
