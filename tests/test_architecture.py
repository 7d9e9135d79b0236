"""The import line: run_sim -> simulator -> models -> envs. Nothing imports to its left."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("envs", "models", "simulator", "run_sim")
FILES = [*sorted(p.relative_to(ROOT) for layer in LAYERS[:3] for p in (ROOT / layer).rglob("*.py")), Path("run_sim.py")]


def imported(source):
    """Top-level modules a file imports, however late, by statement or by importlib."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            found |= {
                text.value for text in ast.walk(node.args[0]) if isinstance(text, ast.Constant) and isinstance(text.value, str)
            }
    return {name.split(".")[0] for name in found}


IMPORTS = {path: imported((ROOT / path).read_text()) for path in FILES}


def users(*modules):
    return [str(path) for path in FILES if IMPORTS[path] & set(modules)]


def layer(path):
    return LAYERS.index(path.parts[0].removesuffix(".py"))


def test_every_way_to_import_is_seen():
    source = "import a.b\nfrom c.d import e\ndef f():\n    import g\n    importlib.import_module(f'h.{x}')\nfrom . import i"
    assert imported(source) == {"a", "c", "g", "h", ""}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_imports_to_its_left(path):
    left = set(LAYERS[layer(path) + 1 :])
    assert not IMPORTS[path] & left
    assert "" not in IMPORTS[path], "relative imports hide the line"
    assert "tests" not in IMPORTS[path]


def test_there_are_files_to_check():
    assert {path.parts[0] for path in FILES} == {"envs", "models", "simulator", "run_sim.py"}
    assert len(FILES) > 60


def test_worlds_know_nothing_of_torch():
    assert not [path for path in users("torch", "safetensors") if path.startswith("envs")]


def test_the_network_knows_nothing_of_gym_or_windows():
    assert not [path for path in users("gymnasium", "gym", "pygame") if path.startswith("models")]


@pytest.mark.parametrize(
    ("modules", "home"),
    [
        (("pygame",), ["simulator/ui/window.py"]),
        (("mujoco", "memory_maze", "dm_control", "labmaze"), ["envs/maze_simulator.py"]),
    ],
    ids=["pygame", "mujoco"],
)
def test_heavy_guests_live_in_one_file(modules, home):
    assert users(*modules) == home


def test_the_optional_kernels_live_in_one_file_at_most():
    assert len(users("mamba_ssm")) <= 1


def test_no_file_is_called_utils():
    assert not [path for path in FILES if path.stem in ("utils", "util", "helpers", "misc", "common")]


def test_nothing_that_can_run_code_is_ever_loaded():
    for path in FILES:
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("torch.load", "pickle.load", "pickle.loads", "eval", "exec"), f"{path}:{node.lineno}"
                assert not any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords), (
                    f"{path}:{node.lineno}"
                )
