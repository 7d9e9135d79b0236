"""Train every row of the table of baselines and ablations alike, score each on held-out mazes, and write the table.

Rows that are trained are not trained again, one that was stopped goes on, and the table is written anew after every row.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch

from models.checkpoint import read_tensors
from models.presets import preset
from models.training.data import find_episodes
from models.training.saved import steps_done
from simulator.commands import train
from simulator.evaluation import compare, compare_report, figures, maze, scenes
from simulator.evaluation import plan as plans
from simulator.evaluation.plan import Plan
from simulator.evaluation.rows import ROWS, Row, chosen
from simulator.load import load_engine

NO_MATTER = ("data", "threads", "device", "compile")
"""Parts of a recipe that may change while a table is made; of the data, the episodes are compared instead of the path."""


@dataclass(frozen=True, kw_only=True)
class Options(train.Recipe):
    held_out: Path
    """Folder of episodes of other mazes, to score on."""
    out: Path
    """Folder for the rows (ROW/seed-N/, each a run of `train`), compare.json, compare.md and the figure."""
    rows: str = ""
    """Rows to train and score, separated by commas; `--rows list` names them, without it all of them."""
    seeds: str = "0"
    """Seeds to train each row with, separated by commas."""
    quick: bool = False
    """Score on four mazes and fewer frames."""
    mazes: int | None = None
    """Held-out mazes at most; None keeps the plan's own number."""


def run(options: Options) -> int:
    """Prints where the table is, and whole-frame PSNR by row as one line of JSON, the last one."""
    if options.rows == "list":
        print("\n".join(f"{row.name:<24}{row.what}" for row in ROWS))
        return 0
    rows, seeds = chosen(options.rows), _seeds(options.seeds)
    plan = plans.quick() if options.quick else Plan()
    if options.mazes is not None:
        if options.mazes < 1:
            raise ValueError(f"--mazes {options.mazes} must be at least 1")
        plan = replace(plan, n_mazes=options.mazes)
    image, n_actions = preset(rows[0].preset).image, preset(rows[0].preset).n_actions
    batch, left_out = scenes.load_scenes(
        options.held_out, (*image, 3), n_actions, plan.n_mazes, plan.n_frames, maze.make_scene
    )  # first of all: what cannot be scored need not be trained
    recipe = _recipe(options, [scene.name for scene in batch], plan)
    _begin(options.out, recipe)
    n_threads = torch.get_num_threads()
    todo = [(seed, row) for seed in seeds for row in rows]
    for number, (seed, row) in enumerate(todo, 1):
        print(f"[{number} of {len(todo)}] {row.name}, seed {seed}: {row.what}", flush=True)
        folder = options.out / row.name / f"seed-{seed}"
        torch.set_num_threads(n_threads)  # scoring takes one
        _train(options, row, seed, folder)
        _score(options, batch, plan, folder)
        results = _write(options, recipe, left_out)
    print(f"table: {options.out / 'compare.md'}")
    print(json.dumps({name: row["whole_frame_psnr"] for name, row in results["rows"].items()}))
    return 0


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = [-1]
    if min(seeds) < 0:
        raise ValueError(f"--seeds {text!r}; expected whole numbers from 0 on, separated by commas")
    return seeds


def _recipe(options: Options, mazes: list[str], plan: Plan) -> dict[str, Any]:
    """What all rows of a table have in common, json-ready."""
    if options.data.resolve() == options.held_out.resolve():
        raise ValueError(f"{options.data} is both --data and --held-out; score on mazes that no row was trained on")
    if options.steps < 1:
        raise ValueError(f"--steps {options.steps}; expected at least 1")
    shared = {f.name: getattr(options, f.name) for f in fields(train.Recipe) if f.name not in NO_MATTER}
    shared["objective"], shared["stages"] = asdict(options.objective), [asdict(stage) for stage in options.stages]
    ends = [round(stage.until * options.steps) for stage in options.stages]
    n_frames = sum((b - a) * s.n_frames * s.n_rows for a, b, s in zip([0, *ends], ends, options.stages, strict=False))
    episodes = find_episodes(options.data)
    told = {"n_frames": n_frames, "n_episodes": len(episodes), "episodes": [episodes[0].name, episodes[-1].name]}
    return json.loads(json.dumps(shared | told | {"mazes": mazes, "plan": asdict(plan)}))


def _begin(out: Path, recipe: dict[str, Any]) -> None:
    """Keep the recipe, or find it as it was. ValueError names what would make rows of one table unequal."""
    path = out / "recipe.json"
    if path.exists():
        before = json.loads(path.read_text())
        for name in recipe:
            if before.get(name) != recipe[name]:
                raise ValueError(
                    f"{out} was begun with {name} {before.get(name)}, not {recipe[name]}; give the same, or another --out"
                )
    else:
        out.mkdir(parents=True, exist_ok=True)
        _save(path, json.dumps(recipe, indent=2))


def _train(options: Options, row: Row, seed: int, folder: Path) -> None:
    """Train one row as `train` does, from the start or from where it was stopped; not at all where it is finished."""
    done = steps_done(folder)
    if done >= options.steps and (folder / "model").is_dir():
        print(f"already trained: {folder / 'model'}")
        return
    if done:
        with open(folder / "log.jsonl", "a") as file:
            file.write(json.dumps({"resumed_at": done}) + "\n")
    shared = {f.name: getattr(options, f.name) for f in fields(train.Recipe)}
    if row.recall_share:
        shared["objective"] = replace(options.objective, recall_share=row.recall_share)
    torch.compiler.reset()  # every row is another network: what was compiled for the last one is in the way
    train.run(
        train.Options(
            **shared, out=folder, preset=row.preset, forget_share=row.forget_share, seed=seed, ego_motion_steps=0, resume=done > 0
        )
    )


def _score(options: Options, batch: Sequence[Any], plan: Plan, folder: Path) -> None:
    """Leave scores.json beside the model, unless there is one of these weights already."""
    engine = load_engine(folder / "model", preset("maze-small").world, device=options.device)
    path = folder / "scores.json"
    if path.exists() and json.loads(path.read_text())["fingerprint"] == engine.fingerprint:
        print(f"already scored: {path}")
        return
    _save(path, json.dumps(compare.score(engine, batch, plan), allow_nan=False))


def _write(options: Options, recipe: dict[str, Any], left_out: list[str]) -> dict[str, Any]:
    """The table of all rows scored so far, also by earlier calls: compare.json, compare.md and the figure."""
    folders = {row.name: {int(at.name[5:]): at for at in sorted((options.out / row.name).glob("seed-*"))} for row in ROWS}
    found = {
        name: {seed: json.loads((at / "scores.json").read_text()) for seed, at in seeds.items() if (at / "scores.json").exists()}
        for name, seeds in folders.items()
    }
    found = {name: seeds for name, seeds in found.items() if seeds}
    rows = compare.table(ROWS, found)
    for name, row in rows.items():
        row |= _cost({seed: folders[name][seed] for seed in found[name]})
    lines = {line for seeds in found.values() for one in seeds.values() for line in one["left_out"]}
    n_seeds = sorted({seed for seeds in found.values() for seed in seeds})
    data = shlex.join(_flags(options, train.Recipe(data=Path())))
    results: dict[str, Any] = {
        "recipe": recipe,
        "command": f"run_sim.py compare {data} --held-out {options.held_out} --out {options.out} --seeds {options.seeds}"
        + (" --quick" if options.quick else "")
        + (f" --mazes {options.mazes}" if options.mazes is not None else ""),
        "command_of_a_row": f"run_sim.py train {data} --preset ROW --ego-motion-steps 0 --out RUN",
        "seeds": n_seeds,
        "left_out": [*left_out, *sorted(lines)],
        "rows": rows,
    }
    _save(options.out / "compare.json", json.dumps(results, indent=2, allow_nan=False))
    try:
        pictures = [figures.comparison(rows, options.out).name]
    except ImportError as error:
        results["left_out"].append(str(error))
        pictures = []
    _save(options.out / "compare.md", compare_report.text(results, pictures))
    return results


def _flags(value: Any, plain: Any, name: str = "") -> list[str]:
    """The flags of `train` that make `value` out of `plain`."""
    if is_dataclass(plain):
        parts = {f.name: (getattr(value, f.name), getattr(plain, f.name)) for f in fields(plain)}
    elif isinstance(plain, tuple) and len(value) == len(plain):
        parts = {str(i): pair for i, pair in enumerate(zip(value, plain, strict=True))}
    elif value == plain or name in ("threads", "device", "compile"):
        return []
    else:
        group, dot, last = name.replace("_", "-").rpartition(".")
        switched = isinstance(value, bool)
        flag = f"--{group}{dot}{'no-' if switched and not value else ''}{last}"
        return [flag] if switched else [flag, str(value)]
    return [flag for key, pair in parts.items() for flag in _flags(*pair, f"{name}.{key}" if name else key)]


def _cost(folders: dict[int, Path]) -> dict[str, Any]:
    """Parameters, seconds a step and where runs were resumed, from the runs of a row."""
    weights = read_tensors(next(iter(folders.values())) / "model" / "model.safetensors")
    logs = {
        seed: [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()] for seed, folder in folders.items()
    }
    seconds = [line["frames"] / line["frames_per_second"] for lines in logs.values() for line in lines if "frames" in line]
    return {
        "n_parameters": sum(weight.numel() for weight in weights.values()),
        "seconds_per_step": round(statistics.median(seconds), 3),
        "resumed_at": {seed: [line["resumed_at"] for line in lines if "resumed_at" in line] for seed, lines in logs.items()},
    }


def _save(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)
