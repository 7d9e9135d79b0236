"""The command line: what a person sees when all is well, and when it is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import run_sim
from models.presets import PRESETS

ROOT = Path(__file__).parents[1]
COMMANDS = [name for name in run_sim.COMMANDS if (ROOT / "simulator" / "commands" / f"{name}.py").exists()]


def run(*args):
    return subprocess.run([sys.executable, "run_sim.py", *args], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_help_lists_every_command(capsys):
    for flag in ("-h", "--help", "help"):
        assert run_sim.main([flag]) == 0
        said = capsys.readouterr().out
        assert all(f"  {name}" in said for name in run_sim.COMMANDS)


def test_an_unknown_command_names_the_known_ones(capsys):
    assert run_sim.main(["walk"]) == 2
    assert capsys.readouterr().err == f"error: unknown command 'walk'; known: {', '.join(run_sim.COMMANDS)}\n"


def test_every_command_listed_is_a_file():
    assert set(COMMANDS) == set(run_sim.COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_its_flags(command, capsys):
    with pytest.raises(SystemExit) as left:
        run_sim.main([command, "--help"])
    assert left.value.code == 0
    assert f"run_sim.py {command}" in capsys.readouterr().out


def test_no_command_means_play(monkeypatch):
    asked = []
    monkeypatch.setattr(
        run_sim.importlib, "import_module", lambda name: asked.append(name) or (_ for _ in ()).throw(ValueError("stop"))
    )
    assert run_sim.main([]) == 2
    assert run_sim.main(["--seed", "3"]) == 2
    assert asked == ["simulator.commands.play"] * 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["collect", "--out", "{tmp}", "--world", "atlantis"], "error: unknown world 'atlantis'; known: "),
        (["collect", "--out", "{tmp}/x", "--world", "memory-maze", "--episodes", "0"], "error: episodes 0"),
        (["collect", "--out", "{tmp}/x", "--world", "memory-maze", "--steps", "-4"], "error: "),
        (
            ["collect", "--out", "{tmp}/x", "--world", "memory-maze-10"],
            "error: unknown world 'memory-maze-10'; known: memory-maze,",
        ),
        (["train", "--data", "{tmp}", "--out", "{tmp}/run", "--no-compile"], "error: {tmp}: no episodes"),
        (
            ["train", "--data", "{tmp}", "--out", "{tmp}/run", "--preset", "huge"],
            "error: unknown preset 'huge'; known: maze-small",
        ),
        (["train", "--data", "{tmp}", "--out", "{tmp}/run", "--seed", "-1"], "error: --seed -1; expected 0 or more"),
        (["train", "--data", "{tmp}", "--out", "{tmp}/run", "--device", "tpu"], "error: device 'tpu' is not available here"),
        (
            ["train", "--data", "{tmp}", "--out", "{tmp}/run", "--stages.0.n-rows", "0"],
            "error: a stage of 0 rows of 64 frames; expected 1 or more of each",
        ),
        (["train", "--data", "{tmp}", "--out", "{tmp}/run", "--steps", "0"], "error: --steps 0; expected at least 1"),
        (["train", "--data", "{tmp}", "--out", "{tmp}/run", "--resume", "--no-compile"], "error: "),
    ],
)
@pytest.mark.real_maze
def test_what_cannot_be_done_is_one_line_and_a_code(args, message, tmp_path, capsys):
    assert run_sim.main([part.format(tmp=tmp_path) for part in args]) == 2
    said = capsys.readouterr().err
    assert said.startswith(message.format(tmp=tmp_path))
    assert said.count("\n") == 1


def test_errors_reach_the_shell_without_a_traceback(tmp_path):
    result = run("train", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "run"), "--no-compile")
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_a_traceback_can_be_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("REVISIT_TRACEBACK", "1")
    with pytest.raises(ValueError, match="unknown preset"):
        run_sim.main(["train", "--data", str(tmp_path), "--out", str(tmp_path), "--preset", "huge"])


def test_an_interrupted_command_says_that_nothing_is_lost(monkeypatch, capsys):
    monkeypatch.setattr(run_sim.importlib, "import_module", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run_sim.main(["train"]) == 130
    assert "what was written so far is on disk" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'x'"), "No module named 'x'; activate the environment that has Revisit"),
        (FileExistsError(17, "File exists", "a/b"), "a/b: a file is there, expected a folder; choose another path"),
    ],
)
def test_what_python_says_alone_is_told_with_what_to_do(monkeypatch, capsys, error, said):
    monkeypatch.setattr(run_sim.importlib, "import_module", lambda _: (_ for _ in ()).throw(error))
    assert run_sim.main(["train"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")


@pytest.mark.skipif(sys.platform == "win32", reason="signals to process groups are of POSIX systems")
def test_being_told_to_end_ends_the_helpers_too(tmp_path):
    command = [sys.executable, "run_sim.py", "collect", "--world", "voxel", "--episodes", "50", "--out", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    give_up = time.monotonic() + 60
    while not (tmp_path / "manifest.json").exists() and time.monotonic() < give_up:
        time.sleep(0.1)
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "what was written so far is on disk" in said
    give_up = time.monotonic() + 10  # the last helper may take a moment
    while _alive(process.pid) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert not _alive(process.pid)


def _alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_presets_can_be_listed(tmp_path, capsys):
    assert run_sim.main(["train", "--data", str(tmp_path), "--out", str(tmp_path), "--preset", "list"]) == 0
    assert capsys.readouterr().out.split() == list(PRESETS)


def test_help_comes_up_without_the_heavy_libraries():
    script = "import sys, run_sim; run_sim.main(['--help']); assert not {'torch', 'pygame', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, timeout=60)
