"""The README's commands are the ones that are run."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def commands(block):
    return [
        part.strip()
        for line in block.splitlines()
        for part in line.split("&&")
        if part.strip() and not part.strip().startswith("#")
    ]


def test_ci_runs_the_test_command_of_the_readme():
    blocks = re.findall(r"^```(?:bash|sh|console|shell)?\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    told = [command for command in commands(blocks[1]) if "venv" not in command and not command.startswith(("git ", "cd "))]
    assert told == ["pip install torch==2.13.0", 'pip install -e ".[test]"', "pytest"]
    run = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in run if line in told] == told
