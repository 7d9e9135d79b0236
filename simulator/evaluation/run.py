"""The whole evaluation: load, predict, dream, measure, and keep what is known on disk after every part."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.engine import Engine
from simulator.evaluation import maze, on_keys, report, rollout, scenes
from simulator.evaluation.cost import cost
from simulator.evaluation.metrics import PERCEPTUAL_NET
from simulator.evaluation.onestep import one_step
from simulator.evaluation.plan import Plan
from simulator.evaluation.recall import Recall
from simulator.evaluation.routes import routes
from simulator.evaluation.scenes import Measures, Scene
from simulator.evaluation.summary import onestep_summary
from simulator.moment import Moment, take_rows

Pictures = dict[str, Any]


def evaluate(
    engine: Engine, data: Path, out: Path, plan: Plan, baselines: dict[str, Engine], left_out: list[str]
) -> dict[str, Any]:
    """Evaluate `engine` on the episodes under `data` and write report.json, report.md and figures to `out`.

    baselines: other engines by name, run on the same frames with poses given. left_out: lines known before, such as
    checkpoints that did not load. Returns the report. Raises ValueError where no episode is usable.
    """
    measures = _measures(engine.world)
    batch, skipped = scenes.load_scenes(
        data, engine.frame_shape, engine.actions.n_actions, plan.n_mazes, plan.n_frames, measures.make_scene
    )
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {
        "model": {
            "world": engine.world,
            "fingerprint": engine.fingerprint,
            "description": engine.description,
            "n_steps": engine.n_steps,
        },
        "place": batch[0].place,
        "part": batch[0].part,
        "n_mazes": len(batch),
        "n_frames": len(batch[0]),
        "border_pixels_cut": scenes.border(batch),
        "perceptual_net": PERCEPTUAL_NET,
        "mazes": [scene.name for scene in batch],
        "left_out": [*left_out, *skipped, *batch[0].left_out],
    }
    pictures: Pictures = {}
    if len(batch) == 1:
        results["left_out"].append(f"swapped control and intervals: they need two {batch[0].place}s or more, there is one")
    elif not scenes.strangers(batch):
        results["left_out"].append(f"swapped control: all episodes are of one and the same {batch[0].place}; it needs two")
    _mode(engine, batch, plan, measures, results, pictures, pose_given=True)
    _save(results, out)
    if engine.has_ego_motion:
        _mode(engine, batch, plan, measures, results, pictures, pose_given=False)
    else:
        results["keys_only"] = None
        results["left_out"].append(
            "keys_only: this checkpoint has no ego-motion, so it cannot be played on keys; train it with ego-motion"
        )
    _save(results, out)
    results["baselines"] = {}
    for name, other in baselines.items():
        results["baselines"][name] = _baseline(name, other, batch, plan, results["left_out"])
    found, lines = measures.further(engine, plan)
    results |= found
    results["left_out"] += lines
    results["cost"] = cost(engine, batch[0], plan.cost_frames)
    _save(results, out)
    report.write(results, pictures, out)
    return results


def _measures(world: str) -> Measures:
    """How `world` is evaluated; every world but the voxel one has to be a Memory Maze."""
    if world != "voxel":
        return maze.MEASURES
    from simulator.evaluation.voxel.measures import MEASURES  # needs numba, an extra

    return MEASURES


def _mode(
    engine: Engine, batch: list[Scene], plan: Plan, measures: Measures, results: dict[str, Any], pictures: Pictures,
    *, pose_given: bool,
) -> None:  # fmt: skip
    """Everything that is measured with poses given, or on keys only, into `results` and `pictures`."""
    mode = "pose_given" if pose_given else "keys_only"
    probes = measures.probes(engine, batch, plan, pose_given)
    if pose_given:
        probes = [*probes, Recall(engine, batch, plan.horizon_retrieval[0])]

    def ask(t: int, moment: Moment) -> None:
        for probe in probes:
            probe(t, moment)

    seen = one_step(engine, batch, plan, pose_given=pose_given, marks=rollout.marks(plan), controls=True, probe=ask)
    out = onestep_summary(seen, type(batch[0]))
    dreams, shown, lines = rollout.rollouts(engine, batch, plan, seen.marks, pose_given=pose_given)
    drift, more = rollout.drift(engine, batch, plan, seen.marks, pose_given=pose_given)
    pictures[mode] = {"onestep": seen.strips, **shown}
    if pose_given:
        for probe in probes:
            pictures |= getattr(probe, "pictures", {})
    results["left_out"] += lines + more
    if pose_given:
        start = plan.horizon_retrieval[0]
        moment = take_rows(seen.marks[start], range(min(plan.route_mazes, len(batch)))) if start in seen.marks else None
        out["routes"], lines = routes(engine, batch, moment, start, plan.route_mazes)
    else:
        out["routes"], lines = on_keys.walk_around(engine, batch[: plan.route_mazes], plan.horizon_retrieval[0])
        pushed, more = on_keys.push_on(engine, batch, plan.horizon_retrieval[0])
        out |= pushed
        lines += more
    results["left_out"] += lines
    for probe in probes:
        out |= probe.summary()
    if pose_given and measures is maze.MEASURES and "beliefs" not in out:
        results["left_out"].append(
            "beliefs: no probe of these very weights (run_sim.py probe teaches one), no maze that fits its map, or too few frames"
        )
    results[mode] = out | _named(plan, dreams) | ({"drift_psnr": None} | drift)


def _named(plan: Plan, dreams: dict[str, Any]) -> dict[str, Any]:
    """The rollouts, None where the episodes were too short for one that the report promises."""
    promised = (f"retrieval_{plan.horizon_retrieval[0]}_{plan.horizon_retrieval[1]}",
                f"reasoning_{plan.horizon_reasoning[0]}_{plan.horizon_reasoning[1]}")  # fmt: skip
    return dict.fromkeys(promised) | dreams


def _baseline(name: str, engine: Engine, batch: Sequence[Scene], plan: Plan, left_out: list[str]) -> dict[str, Any] | None:
    """One-step scores and rollouts of another engine on the same frames, poses given; None where it is of another size."""
    if tuple(engine.frame_shape) != batch[0].episode.image.shape[1:] or engine.actions.n_actions != batch[0].episode.n_actions:
        left_out.append(f"baseline {name}: made for {engine.world} {engine.frame_shape}, not for these episodes")
        return None
    seen = one_step(engine, batch, plan, pose_given=True, marks=rollout.marks(plan)[1:], controls=False)
    dreams, _, _ = rollout.rollouts(engine, batch, plan, seen.marks, pose_given=True)
    found = onestep_summary(seen, type(batch[0])) | _named(plan, dreams)
    return {"description": engine.description, "fingerprint": engine.fingerprint} | found


def _save(results: dict[str, Any], out: Path) -> None:
    """report.json as far as it is known, under a temporary name first: a reader never sees half a report."""
    temporary = out / ".report.json.tmp"
    temporary.write_text(json.dumps(results, indent=2, allow_nan=False))
    os.replace(temporary, out / "report.json")


def headline(results: dict[str, Any]) -> str:
    """The summary as one line of JSON."""
    wanted = (
        "onestep_psnr", "onestep_psnr_reset", "onestep_psnr_swapped", "memory_gain_over_reset", "whole_frame_psnr",
        "wall_colour_accuracy", "ball_hit_rate", "inventory", "deeds", "edits", "recipes",
        "copy_last_psnr", "drift_psnr", "drift_frames", "n_mazes", "pose_drift", "action_accuracy", "routes", "interval95",
    )  # fmt: skip
    line: dict[str, Any] = {key: results[key] for key in ("n_mazes", "perceptual_net", "left_out", "cost")}
    for mode in ("pose_given", "keys_only"):
        found = results[mode]
        if found is None:
            line[mode] = None
            continue
        rollouts = {key: value for key, value in found.items() if key.startswith(("retrieval_", "reasoning_"))}
        line[mode] = {key: found[key] for key in wanted if key in found} | rollouts
    if "story" in results:
        line["story"] = results["story"]
    return json.dumps(line, allow_nan=False)
