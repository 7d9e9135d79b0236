"""What all tests share: one thread each, and a plain answer where the real Memory Maze cannot run."""

from __future__ import annotations

import functools
import os

import pytest
import torch


@functools.cache
def maze_problem() -> str | None:
    """Why the real Memory Maze cannot run here, or None where it can."""
    from envs.maze_simulator import MazeUnavailable
    from envs.memory_maze import MemoryMazeEnv

    try:
        MemoryMazeEnv().close()
    except MazeUnavailable as error:
        return str(error)
    return None


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(1)
    config.addinivalue_line(
        "markers", "real_maze: needs MuJoCo and off-screen OpenGL; fails without them where CI=true, else skips"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_maze") is None or (problem := maze_problem()) is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"the real Memory Maze must run here: {problem}", pytrace=False)
    pytest.skip(problem)
