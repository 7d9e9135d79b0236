"""The pictures of a report. Needs matplotlib, like `simulator.benchmarks.figures`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator.evaluation.onestep import Strip
from simulator.evaluation.rows import OURS, REFERENCE
from simulator.evaluation.tally import AGE_BINS

LABELS = ("< 3", "3-8", "9-24", "25-64", "65-256", "> 256", "first\nseen")
_N_STRIPS, _N_MAZES_SHOWN, _N_DEEDS = 6, 3, 12


def draw(results: dict[str, Any], pictures: dict[str, Any], out: Path) -> list[Path]:
    """Write every figure the results allow to `out`; returns their paths."""
    plt = _pyplot()
    made = []
    for name, fill in (("gap_curves", _gap_curves), ("drift", _drift), ("strips", _strips), ("recall", _recall),
                       ("deeds", _deeds), ("dreams", _dreams), ("cost", _cost)):  # fmt: skip
        figure = plt.figure(figsize=(10, 4.5), layout="constrained")
        if fill(figure, results, pictures):
            made.append(out / f"{name}.png")
            figure.savefig(made[-1], dpi=110)
        plt.close(figure)
    return made


def comparison(rows: dict[str, dict[str, Any]], out: Path) -> Path:
    """Write compare.png, the rows of compare.json by age of content: PSNR (over the reference row, where it is) and walls."""
    groups = [
        (title, [row for row in rows.values() if row["baseline"] == baseline or row["name"] == OURS])
        for title, baseline in (("baselines", True), ("ablations", False))
        if any(row["baseline"] == baseline for row in rows.values())
    ]
    figure, colours = _pyplot().figure(figsize=(12, 4.5 * len(groups)), layout="constrained"), _pyplot().get_cmap("tab20")
    for (left, right), (title, chosen) in zip(figure.subplots(len(groups), 2, squeeze=False), groups, strict=True):
        for index, row in enumerate(chosen):
            style = {"linewidth": 2.5, "color": "k"} if row["name"] == OURS else {"color": colours(index)}
            _curve(left, row["gain"].get(REFERENCE, row)["onestep_psnr"], row["name"], **style)
            _curve(right, row["wall_colour_accuracy"], row["name"], **style)
        over = f" over {REFERENCE}" if REFERENCE in rows else ""
        left.set(title=f"{title}: PSNR, one step{over}", ylabel="dB")
        right.set(title=f"{title}: right wall colour", ylim=(0, 1.02))
        for axes in (left, right):
            _ages(axes)
    figure.savefig(out / "compare.png", dpi=110)
    _pyplot().close(figure)
    return out / "compare.png"


def _pyplot() -> Any:
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"figures need matplotlib ({error}): pip install 'revisit[train]'") from error
    return plt


def _ages(axes: Any) -> None:
    axes.set_xticks(range(len(AGE_BINS)), LABELS, fontsize=7)
    axes.set_xlabel("frames since the content was in view")
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)


def _modes(results: dict[str, Any]) -> list[str]:
    return [mode for mode in ("pose_given", "keys_only") if results.get(mode)]


def _curve(axes: Any, by_age: dict[str, float | None], label: str, **style: Any) -> None:
    values = np.array([np.nan if by_age[name] is None else by_age[name] for name in AGE_BINS], float)
    if np.isfinite(values).any():
        axes.plot(range(len(AGE_BINS)), values, marker="o", label=label, **style)


def _gap_curves(figure: Any, results: dict[str, Any], pictures: dict[str, Any]) -> bool:
    modes = _modes(results)
    walls = bool(modes) and "wall_colour_accuracy" in results[modes[0]]
    all_axes = np.atleast_1d(figure.subplots(1, max(1, len(modes) + walls)))
    for axes, mode in zip(all_axes, modes, strict=False):
        found = results[mode]
        _curve(axes, found["onestep_psnr"], "memory whole", color="C0", linewidth=2.5)
        _curve(axes, found["onestep_psnr_reset"], "memory reset", color="C1", linestyle="--")
        _curve(axes, found["onestep_psnr_swapped"], f"memory of another {results['place']}", color="C3", linestyle="--")
        _curve(axes, found["copy_last_psnr_by_age"], "copy last frame", color="0.6", linestyle=":")
        low_high = [found["interval95"]["onestep_psnr"][name] or (np.nan, np.nan) for name in AGE_BINS]
        axes.fill_between(range(len(AGE_BINS)), *np.array(low_high, float).T, color="C0", alpha=0.15)
        if mode == "pose_given":
            for index, (name, baseline) in enumerate((results.get("baselines") or {}).items()):
                if baseline:
                    _curve(axes, baseline["onestep_psnr"], name, color=f"C{4 + index}", linestyle="-.")
        axes.set(title=mode.replace("_", " "), ylabel="PSNR, one step (dB)")
    for mode, style in zip(modes if walls else (), ("-", "--"), strict=False):
        _curve(all_axes[-1], results[mode]["wall_colour_accuracy"], f"{mode.replace('_', ' ')}", color="C0", linestyle=style)
        _curve(
            all_axes[-1],
            results[mode]["wall_colour_accuracy_reset"],
            f"{mode.replace('_', ' ')}, reset",
            color="C1",
            linestyle=style,
        )
    if walls:
        all_axes[-1].set(title="right wall colour", ylim=(0, 1.02))
    for axes in all_axes:
        _ages(axes)
    return bool(modes)


def _drift(figure: Any, results: dict[str, Any], pictures: dict[str, Any]) -> bool:
    axes = figure.subplots()
    for index, mode in enumerate(_modes(results)):
        found = results[mode]
        for name, style in (("drift_psnr", "-"), ("standing_psnr", "--"), ("drift_copy_last_psnr", ":")):
            if found.get(name):
                frames = found["standing_frames"] if name == "standing_psnr" else found["drift_frames"]
                values = np.array([np.nan if value is None else value for value in found[name]], float)
                at = (np.arange(len(values)) + 0.5) * frames / len(values)
                label = f"{mode}: {name}".replace("_psnr", "").replace("_", " ")
                axes.plot(at, values, style, marker="o", color=f"C{index}", label=label)
    axes.set(xlabel="frames dreamt", ylabel="PSNR (dB)", title="drift of long dreams")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize=8)
    return bool(axes.lines)


def _row(axes: Any, images: Sequence[np.ndarray], label: str, titles: Sequence[str] = ()) -> None:
    for index, (cell, image) in enumerate(zip(axes, images, strict=False)):
        cell.imshow(image, interpolation="nearest")
        if index < len(titles):
            cell.set_title(titles[index], fontsize=8)
        if index == 0:
            cell.set_ylabel(label)


def _blank(figure: Any, n_rows: int, n_columns: int) -> Any:
    figure.set_size_inches(1.5 * n_columns, 1.5 * n_rows + 0.3)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    for cell in grid.ravel():
        cell.set(xticks=[], yticks=[])
    return grid


def _strips(figure: Any, results: dict[str, Any], pictures: dict[str, Any]) -> bool:
    """Then | truth | dream of frames whose content came back after a while, one step ahead."""
    strips: list[Strip] = sorted(pictures.get("pose_given", {}).get("onestep", []), key=lambda strip: -strip.age)[:_N_STRIPS]
    if not strips:
        return False
    grid = _blank(figure, 3, len(strips))
    _row(grid[0], [strip.then for strip in strips], "then", [f"{strip.age} frames ago" for strip in strips])
    _row(grid[1], [strip.truth for strip in strips], "truth")
    _row(grid[2], [strip.dream for strip in strips], "dream")
    return True


def _recall(figure: Any, results: dict[str, Any], pictures: dict[str, Any]) -> bool:
    """Frames gone by and what the long memory alone makes of them, a few mazes; the latest on the right."""
    rows = [row for row in pictures.get("recall", []) if row[0]][:_N_MAZES_SHOWN]
    if not rows:
        return False
    grid = _blank(figure, 2 * len(rows), len(rows[0][0]))
    for index, (truth, dream) in enumerate(rows):
        _row(grid[2 * index], truth, "truth")
        _row(grid[2 * index + 1], dream, "memory")
    return True


def _deeds(figure: Any, results: dict[str, Any], pictures: dict[str, Any]) -> bool:
    """Before | truth | dream of frames in which a block goes or comes, evenly out of all there are."""
    found = pictures.get("deeds", [])
    shown = [found[i] for i in np.linspace(0, len(found) - 1, min(_N_DEEDS, len(found))).astype(int)]
    if not shown:
        return False
    grid = _blank(figure, 3, len(shown))
    for cells, images, label in zip(grid, zip(*shown, strict=True), ("before", "truth", "dream"), strict=True):
        _row(cells, images, label)
    return True


def _dreams(figure: Any, results: dict[str, Any], pictures: dict[str, Any]) -> bool:
    """Truth and dream along every rollout of the first maze."""
    rows = [
        (f"{name}\n{mode}", shown)
        for mode in _modes(results)
        for name, shown in pictures.get(mode, {}).items()
        if name != "onestep"
    ]
    if not rows:
        return False
    grid = _blank(figure, 2 * len(rows), max(len(truth) for _, (truth, _) in rows))
    for index, (name, (truth, dream)) in enumerate(rows):
        _row(grid[2 * index], truth, f"truth\n{name}".replace("_", " "))
        _row(grid[2 * index + 1], dream, "dream")
        grid[2 * index, 0].yaxis.label.set_fontsize(6)
    return True


def _cost(figure: Any, results: dict[str, Any], pictures: dict[str, Any]) -> bool:
    if "cost" not in results:
        return False
    found = results["cost"]
    left, right = figure.subplots(1, 2)
    values = found["key_to_frame_ms_by_segment"]
    left.plot((np.arange(len(values)) + 0.5) * found["n_frames"] / len(values), values, marker="o")
    left.set(ylim=(0, None), xlabel="frames played", ylabel="ms from key to frame (median)")
    names = list(found["state_bytes"])
    for offset, (key, label) in enumerate((("state_bytes", "state"), ("resident_bytes", "process"))):
        right.bar(np.arange(len(names)) + 0.4 * offset, [found[key][name] / 2**20 for name in names], 0.35, label=label)
    right.set_xticks(np.arange(len(names)) + 0.2, [name.replace("_", " ") for name in names])
    right.set(yscale="log", ylabel="MiB")
    right.legend()
    return True
