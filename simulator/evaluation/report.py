"""report.md: the numbers of report.json as tables a person reads, with the figures beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.evaluation.figures import draw
from simulator.evaluation.tally import AGE_BINS
from simulator.evaluation.voxel import report as voxel

FEWEST_FRAMES = 20
"""A span of fewer frames is not told of by itself."""
_COLUMN_NAMES = ("< 3", "3-8", "9-24", "25-64", "65-256", "> 256", "first seen")


def write(results: dict[str, Any], pictures: dict[str, Any], out: Path) -> None:
    """Write the figures and report.md to `out`; without matplotlib the report says so and has tables only."""
    try:
        figures = draw(results, pictures, out)
    except ImportError as error:
        figures = []
        results["left_out"].append(str(error))
    (out / "report.md").write_text(text(results, [path.name for path in figures]))


def text(results: dict[str, Any], figures: list[str]) -> str:
    """The report in Markdown."""
    model = results["model"]
    parts = [
        "# What the model remembers",
        f"{model['description']}, {model['world']}, fingerprint `{model['fingerprint']}`, {model['n_steps']} denoising steps.",
        f"{results['n_mazes']} {results['place']}s of {results['n_frames']} frames; brackets are 95% bootstrap intervals over "
        f"them. Scores by age are over {results['part']}. "
        f"Perceptual distance: {results['perceptual_net']}. Compare models within a column, never columns with each other.",
    ]
    for mode in ("pose_given", "keys_only"):
        if results.get(mode):
            parts += [f"## {mode.replace('_', ' ').capitalize()}", *_mode(results[mode], results["place"])]
    baselines = {name: found for name, found in (results.get("baselines") or {}).items() if found}
    if baselines:
        rows = [("this model", results["pose_given"]), *baselines.items()]
        parts += [
            "## Baselines, poses given",
            _table([(name, found["onestep_psnr"]) for name, found in rows]),
            _rollouts(dict(rows)),
        ]
    if "story" in results:
        parts += [f"## The story of {len(results['story']['islands'])} islands", voxel.story_table(results["story"])]
    if "cost" in results:
        parts += ["## Cost", _cost(results["cost"])]
    if results["left_out"]:
        parts += ["## Left out", "\n".join(f"- {line}" for line in results["left_out"])]
    parts += [f"![{name}]({name})" for name in figures]
    return "\n\n".join(parts) + "\n"


def _number(value: float | None, interval: list[float] | None = None, digits: int = 2) -> str:
    if value is None:
        return ""
    return f"{value:.{digits}f}" + (f" [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]" if interval else "")


def _table(rows: list[tuple[str, dict[str, float | None]]], digits: int = 2) -> str:
    head = "| age of content, frames | " + " | ".join(_COLUMN_NAMES) + " |"
    rule = "|" + "---|" * (len(_COLUMN_NAMES) + 1)
    body = [
        f"| {label} | " + " | ".join(_number(by_age[name], digits=digits) for name in AGE_BINS) + " |" for label, by_age in rows
    ]
    return "\n".join([head, rule, *body])


def _mode(found: dict[str, Any], place: str) -> list[str]:
    spread = found["interval95"]
    wall = [("right wall colour", "wall_colour_accuracy"), ("... memory reset", "wall_colour_accuracy_reset"),
            ("... copy last frame", "wall_colour_accuracy_copy_last")]  # fmt: skip
    psnr = [("PSNR, memory whole", "onestep_psnr"), ("... memory reset", "onestep_psnr_reset"),
            (f"... memory of another {place}", "onestep_psnr_swapped"), ("... copy last frame", "copy_last_psnr_by_age"),
            ("gain over reset, same frames", "memory_gain_over_reset"),
            (f"gain over another {place}'s", "memory_gain_over_swapped")]  # fmt: skip
    lines = [
        f"One step, whole frame: {_number(found['whole_frame_psnr'], spread['whole_frame_psnr'])} dB, SSIM "
        f"{_number(found['whole_frame_ssim'], digits=3)}, perceptual {_number(found['whole_frame_perceptual'], digits=4)}; "
        f"copying the last frame {_number(found['copy_last_psnr'])} dB.",
        _by_frame(found["onestep_psnr_by_frame"]),
        _table([(label, found[key]) for label, key in psnr]),
        _table([(label, found[key]) for label, key in wall if key in found] + [("share", found["column_share"])], digits=3),
        *_balls(found),
        _rollouts({"": found}),
        *_recall(found, place),
        *_beliefs(found),
        *voxel.mode_lines(found),
    ]
    if found["drift_psnr"]:
        lines.append(f"Drift over {found['drift_frames']} frames, PSNR by segment: {_list(found['drift_psnr'])}.")
    if found.get("standing_psnr"):
        still = found.get("standing_accuracy")
        believed = "" if still is None else f"; believed to stand still in {_number(still, digits=3)} of them"
        lines.append(f"Standing still for {found['standing_frames']} frames{believed}: {_list(found['standing_psnr'])}.")
    if found.get("action_accuracy") is not None:
        lines.append(f"Dreamt motions that match the true ones: {_number(found['action_accuracy'], digits=3)}.")
    if "pushing" in found:
        lines.append(_pushing(found["pushing"]))
    if any(error["cells"] for error in found["pose_drift"].values()):
        drift = ", ".join(
            f"{key.replace('_', ' ')}: {e['cells']} cells {e['degrees']} degrees" for key, e in found["pose_drift"].items()
        )
        lines.append(f"Believed against true pose on true frames: {drift}.")
    lines += [
        f"{name.replace('_', ' ').capitalize()}: {_number(route['psnr'], route['interval95'])} dB after "
        f"{route['n_frames']} frames, {route['path_cells']} cells, {route['path_degrees']} degrees{_homecoming(route)}."
        for name, route in found.get("routes", {}).items()
    ]
    return lines


def _by_frame(found: dict[str, float]) -> str:
    """Whether it holds past the length it was trained on."""
    spans = {tuple(map(int, span.split("_"))): value for span, value in found.items()}
    parts = ", ".join(
        f"{first} to {last}: {value:.1f}" for (first, last), value in spans.items() if last - first >= FEWEST_FRAMES
    )
    return f"The same in dB by frames since the start, all of them in the one carried state: {parts}."


def _pushing(told: dict[str, Any]) -> str:
    heedless = told.get("inside_unstopped")
    against = "" if heedless is None else f" ({_number(heedless, digits=3)} where believed walls stop nobody)"
    return (
        f"Pushing on for {told['n_frames']} frames, a turn now and then: inside walls in {told['inside']:.3f} of them{against}."
    )


def _homecoming(route: dict[str, Any]) -> str:
    """What a route walked on keys has besides: its controls, and how nearly home it came."""
    if "off_cells" not in route:
        return ""
    other = "" if route["psnr_swapped"] is None else f" or another's {_number(route['psnr_swapped'])}"
    return (
        f", home to within {route['off_cells']} cells and {route['off_degrees']} degrees; with the memory emptied half-way "
        f"{_number(route['psnr_reset'])} dB{other}"
    )


def _balls(found: dict[str, Any]) -> list[str]:
    if "balls" not in found:
        return []
    balls = found["balls"]["revisit"]
    return [
        f"Balls on revisit ({balls['n']}): hit {_number(balls['hit'], found['interval95']['ball_hit_rate'])}, "
        f"missed {_number(balls['miss'])}, wrong colour {_number(balls['wrong_colour'])}; hallucinated in "
        f"{_number(found['balls']['hallucinated_per_frame'], digits=4)} of frames."
    ]


def _recall(found: dict[str, Any], place: str) -> list[str]:
    if "recall" not in found:
        return []
    told = found["recall"]
    rows = [("drawn from memory alone", told["psnr"]), ("... memory emptied", told["psnr_reset"]),
            (f"... memory of another {place}", told["psnr_swapped"])]  # fmt: skip
    words = f"Frames gone by, drawn after {told['after_frames']} frames from the long memory alone, by how long ago they were:"
    return [words, _table(rows)]


def _beliefs(found: dict[str, Any]) -> list[str]:
    if "beliefs" not in found:
        return []
    told, spread = found["beliefs"], found["beliefs"]["interval95"]
    columns = ("walls_seen", "walls_all", "ball_hit", "ball_within_a_cell", "ball_rmse_cells")
    others = (("read from the state", ""), ("the best constant guess", "_constant"), ("read from another's", "_other_memory"))
    rows = [
        f"| {label} | " + " | ".join(_number(told.get(name + end), spread.get(name + end), 3) for name in columns) + " |"
        for label, end in others
    ]
    head = f"| frames {told['from_frame']} on | " + " | ".join(name.replace("_", " ") for name in columns) + " |"
    return ["\n".join([head, "|" + "---|" * (len(columns) + 1), *rows])]


def _list(values: list[float | None]) -> str:
    return ", ".join(_number(value, digits=1) or "-" for value in values)


def _rollouts(models: dict[str, dict[str, Any]]) -> str:
    rows = ["| dream | PSNR | SSIM | perceptual | first frame kept, PSNR | balls hit | path |", "|---|---|---|---|---|---|---|"]
    for label, found in models.items():
        for name, dream in found.items():
            if name.startswith(("retrieval_", "continuation_", "reasoning_")) and dream:
                cells = (_number(dream["psnr"], dream["interval95"]["psnr"]), _number(dream["ssim"], digits=3),
                         _number(dream["perceptual"], digits=4), _number(dream["copy_last_psnr"]),
                         _number(dream.get("ball_hit_rate")), dream["protocol"])  # fmt: skip
                rows.append(f"| {label} {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _cost(found: dict[str, Any]) -> str:
    sizes = [
        f"{what}: " + ", ".join(f"{size / 2**20:.1f} MiB at {frame.replace('_', ' ')}" for frame, size in found[key].items())
        for what, key in (("State", "state_bytes"), ("Process", "resident_bytes"))
    ]
    times = f"Key to frame: p50 {found['key_to_frame_ms_p50']} ms, p95 {found['key_to_frame_ms_p95']} ms. "
    return times + ". ".join(sizes) + "."
