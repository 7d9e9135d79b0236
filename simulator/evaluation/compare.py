"""Models side by side: each scored on the same frames of the same mazes, and told by what it gains over the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from simulator.engine import Engine
from simulator.evaluation import rollout
from simulator.evaluation.balls import VERDICTS
from simulator.evaluation.maze import MazeScene
from simulator.evaluation.metrics import psnr
from simulator.evaluation.onestep import OneStep, one_step
from simulator.evaluation.plan import Plan
from simulator.evaluation.rows import OURS, REFERENCE, Row
from simulator.evaluation.tally import WHOLE, Tally, estimate
from simulator.moment import state_bytes

SCORES: dict[str, tuple[str, Callable]] = {"onestep_psnr": ("mse", psnr), "wall_colour_accuracy": ("wall", float)}
"""By age: name in the table -> name in the tally, and what is made of a mean."""


def score(engine: Engine, batch: Sequence[MazeScene], plan: Plan) -> dict[str, Any]:
    """Everything the table needs of one trained model, json-ready: one-step scores by maze and age, dreams, poses given."""
    seen = one_step(engine, batch, plan, pose_given=True, marks=rollout.marks(plan)[1:], controls=False)
    dreams, _, left_out = rollout.rollouts(engine, batch, plan, seen.marks, pose_given=True)
    return {
        "fingerprint": engine.fingerprint,
        "plan": asdict(plan),
        "mazes": [scene.name for scene in batch],
        "state_bytes": state_bytes(engine.begin(None, 0)),
        "tally": seen.tally.to_dict(),
        "ball_hits": _revisits(seen, ("hit",)).tolist(),
        "balls": _revisits(seen, VERDICTS).tolist(),
        "dreams": {name: dream["psnr_by_maze"] for name, dream in dreams.items()},
        "left_out": left_out,
    }


def _revisits(seen: OneStep, verdicts: Sequence[str]) -> np.ndarray:
    """Balls seen again that were judged so, by maze (n_mazes,)."""
    nobody = np.zeros(seen.tally.n_mazes)
    return np.sum([seen.verdicts.get(f"revisit_{verdict}", nobody) for verdict in verdicts], axis=0)


def table(rows: Sequence[Row], found: dict[str, dict[int, dict[str, Any]]]) -> dict[str, Any]:
    """The numbers of every row that has been scored. found: by row, by seed, as from `score`.

    Seeds are taken together: errors are averaged over them, and `by_seed` tells how far they lie apart. Gains are those over
    the REFERENCE row and over OURS where those are there, mazes drawn together.
    """
    tally = together(found)
    done = [row for row in rows if row.name in found]
    return {row.name: _row(row, found, tally) for row in done}


def together(found: dict[str, dict[int, dict[str, Any]]]) -> Tally | None:
    """All scores in one tally: `row/name` over all seeds, and `row/seed/name`."""
    tally = None
    for name, seeds in found.items():
        for seed, one in seeds.items():
            scores = Tally.from_dict(one["tally"], len(one["mazes"]))
            tally = tally or Tally(scores.n_mazes)
            tally.take(scores, f"{name}/")
            tally.take(scores, f"{name}/{seed}/")
    return tally


def _row(row: Row, found: dict[str, dict[int, dict[str, Any]]], tally: Tally | None) -> dict[str, Any]:
    assert tally is not None
    seeds = found[row.name]
    one = next(iter(seeds.values()))
    out: dict[str, Any] = asdict(row) | {"seeds": sorted(seeds), "n_mazes": tally.n_mazes, "state_bytes": one["state_bytes"]}
    intervals: dict[str, Any] = {}
    for name, (of, of_mean) in SCORES.items():
        out[name] = tally.by_age(f"{row.name}/{of}", of_mean)
        intervals[name] = tally.intervals_by_age(f"{row.name}/{of}", of_mean)
    out["whole_frame_psnr"] = tally.value(f"{row.name}/mse", WHOLE, psnr)
    intervals["whole_frame_psnr"] = tally.interval(f"{row.name}/mse", WHOLE, psnr)
    out["by_seed"] = {
        seed: {
            "whole_frame_psnr": tally.value(f"{row.name}/{seed}/mse", WHOLE, psnr),
            **{name: tally.by_age(f"{row.name}/{seed}/{of}", of_mean) for name, (of, of_mean) in SCORES.items()},
        }
        for seed in sorted(seeds)
    }
    hits, balls = (np.sum([seed[name] for seed in seeds.values()], axis=0) for name in ("ball_hits", "balls"))
    out["ball_hit_rate"], intervals["ball_hit_rate"] = estimate(hits, balls)
    out["n_balls"] = int(balls.sum())
    for name in one["dreams"]:
        out[name], intervals[name] = _over_mazes(_by_maze(seeds, name))
    out["gain"] = {other: _gain(row.name, other, found, tally) for other in (REFERENCE, OURS) if other in found}
    return out | {"interval95": intervals}


def _gain(name: str, other: str, found: dict[str, dict[int, dict[str, Any]]], tally: Tally) -> dict[str, Any]:
    """What row `name` scores above row `other`: values, and intervals with the mazes drawn for both at once."""
    out: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    for score_name, (of, of_mean) in SCORES.items():
        out[score_name], intervals[score_name] = tally.gain_by_age(f"{name}/{of}", f"{other}/{of}", of_mean)
    out["whole_frame_psnr"], intervals["whole_frame_psnr"] = tally.gain(f"{name}/mse", f"{other}/mse", WHOLE, psnr)
    mine, theirs = found[name], found[other]
    for dream in next(iter(mine.values()))["dreams"]:
        out[dream], intervals[dream] = _over_mazes(_by_maze(mine, dream) - _by_maze(theirs, dream))
    return out | {"interval95": intervals}


def _by_maze(seeds: dict[int, dict[str, Any]], dream: str) -> np.ndarray:
    """PSNR of a dream (n_mazes,), mean over seeds; NaN where nothing in a maze was scored."""
    return np.array([one["dreams"][dream] for one in seeds.values()], np.float64).mean(axis=0)


def _over_mazes(values: np.ndarray) -> tuple[float | None, list[float] | None]:
    known = np.isfinite(values)
    return estimate(np.where(known, values, 0.0), known.astype(np.float64))


def spread(by_seed: dict[int, dict[str, Any]], name: str, age: str | None = None) -> float | None:
    """How far the seeds lie apart in score `name` (at `age`): largest less smallest; None with one seed."""
    values = [one[name] if age is None else one[name][age] for one in by_seed.values()]
    known = [value for value in values if value is not None]
    return round(max(known) - min(known), 3) if len(known) > 1 else None
