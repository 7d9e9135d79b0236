"""The commands that the pages tell are commands, and the README's are the ones that are run."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

import run_sim

ROOT = Path(__file__).parents[1]


def commands(block):
    return [
        part.strip()
        for line in block.splitlines()
        for part in line.split("&&")
        if part.strip() and not part.strip().startswith("#")
    ]


def blocks_of(page):
    return re.findall(r"^```(?:bash|sh|console|shell)?\n(.*?)^```", page.read_text(), re.M | re.S)


def test_ci_runs_the_test_command_of_the_readme():
    blocks = blocks_of(ROOT / "README.md")
    told = [command for command in commands(blocks[1]) if "venv" not in command and not command.startswith(("git ", "cd "))]
    assert told == ["pip install torch==2.13.0", 'pip install -e ".[test]"', "pytest"]
    run = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in run if line in told] == told


PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if "python run_sim.py" in page.read_text()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_that_a_page_tells_is_understood(page, monkeypatch):
    for name in run_sim.COMMANDS:
        monkeypatch.setattr(importlib.import_module(f"simulator.commands.{name}"), "run", lambda options: 0)
    for command in (command for block in blocks_of(page) for command in commands(block)):
        if command.startswith("python run_sim.py"):
            words = shlex.split(command, comments=True)[2:]
            assert run_sim.main(words) == 0, command
            assert all((ROOT / word).exists() for word in words if word.startswith(("examples/", "checkpoints/"))), command
