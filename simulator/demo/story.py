"""The island story for an audience: ore mined at frame 120, a tool crafted at 450, back at the landmark at 900.

Writes the three appointments dreamt after the true past (story.mp4), the whole story dreamt without it (story-own-dream.mp4),
both as a figure (story.png) and as a table (story.md). Needs the real island: numba.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator import compose
from simulator.demo import figure, film
from simulator.evaluation.voxel import story as stories
from simulator.evaluation.voxel.report import story_table
from simulator.evaluation.voxel.scene import VoxelScene
from simulator.evaluation.voxel.story import PLOT, Appointment, Plot, Scores, Told
from simulator.world import Tick

if TYPE_CHECKING:
    from simulator.engine import Engine

N_SHOWN_BEFORE = 20
"""Real frames that the video shows before each dream begins."""
N_HELD = 20
"""Frames that an appointment stays, with what became of it."""
WHAT = {"ore": "ore mined", "tool": "tool crafted", "landmark": "back at the landmark"}
INK, RIGHT, WRONG = "#1b2430", "#1f9d63", "#d0552f"


def run(
    engine: Engine, scene: VoxelScene, out: Path, seed: int, fps: float, say: Callable[[], object], plot: Plot = PLOT
) -> dict[str, Any]:
    """Tell the story recorded in `scene` and write everything to `out`; the scores and the files' names."""
    dreams, own = stories.tell(engine, scene, seed, say, plot)
    scores = stories.scores(scene, dreams, own, plot)
    appointments = stories.appointments(scene, plot)
    table = {"out_of_view": [stories.out_of_view(scene, plot)], **stories.means([scores])}
    names = {"video": "story.mp4", "video_own_dream": "story-own-dream.mp4", "figure": "story.png", "table": "story.md"}
    files = {what: out / name for what, name in names.items()}
    ticks = list(_shown(scene, appointments, dreams, scores["true_past"]))
    film.write(iter(ticks), len(ticks), files["video"], fps)
    whole = list(_on_its_own(scene, appointments, own, scores["own_dream"]))
    film.write(iter(whole), len(whole), files["video_own_dream"], fps)
    drawn = figure.drawn(files["figure"], lambda: _draw(scene, appointments, (dreams, own), scores, files["figure"]))
    files["table"].write_text(f"# The story of island {scene.states[0].seed}\n\n{story_table(table)}\n")
    return {"island": scene.states[0].seed, **table} | {what: str(path) for what, path in files.items()} | {"figure": drawn}


def _shown(scene: VoxelScene, appointments: Sequence[Appointment], dreams: dict[str, Told], scores: Scores) -> Iterator[Tick]:
    """Each appointment: the real frames before it, the dreams beside what is real, and how they end."""
    for one in appointments:
        told = dreams[one.name]
        for t in range(max(0, one.start - N_SHOWN_BEFORE), one.start):
            yield _tick(scene, t, {name: scene.episode.image[t] for name in told.frames}, ["the same"] * len(told.frames))
        for t in range(one.start, one.at + 1):
            yield _tick(scene, t, told.at(t), list(told.frames))
        verdict = _tick(scene, one.at, told.at(one.at), _verdicts(one, scores), f"{WHAT[one.name]}, frame {one.at}")
        yield from [verdict] * N_HELD


def _on_its_own(scene: VoxelScene, appointments: Sequence[Appointment], own: Told, scores: Scores) -> Iterator[Tick]:
    """The whole story, dreamt from its first frames on, and how it stands at each appointment."""
    due = {one.at: one for one in appointments}
    for t in range(own.start, own.start + len(next(iter(own.frames.values())))):
        yield _tick(scene, t, own.at(t), list(own.frames))
        if t in due:
            verdict = _tick(scene, t, own.at(t), _verdicts(due[t], scores), f"{WHAT[due[t].name]}, frame {t}")
            yield from [verdict] * N_HELD


def _tick(scene: VoxelScene, t: int, frames: Any, names: list[str], real: str = "") -> Tick:
    pictures = compose.beside(scene.episode.image[t], *frames.values())
    return Tick(pictures, t, 0, info={"panels": (real or f"real, frame {t}", *names)})


def _verdicts(one: Appointment, scores: Scores) -> list[str]:
    """What became of an appointment, by condition."""
    found = []
    for how, score in scores[one.name].items():
        thing = {"ore": f"its place {score['thing']}, ", "landmark": f"landmark {score['thing']}, "}.get(one.name, "")
        found.append(f"{how}: {thing}bar {score['slots_right']} of 9")
    return found


def _draw(
    scene: VoxelScene,
    appointments: Sequence[Appointment],
    told: tuple[dict[str, Told], Told],
    scores: dict[str, Scores],
    path: Path,
) -> None:
    """The three appointments by way of telling and condition, as pictures. ImportError without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f"the figure needs matplotlib ({error}): pip install 'revisit[train]'") from error
    (dreams, own), conditions = told, list(told[1].frames)
    columns = [(way, one) for way in stories.WAYS for one in appointments]
    sheet = plt.figure(figsize=(2.5 * len(columns), 2.9 * (1 + len(conditions))), dpi=100, layout="constrained")
    grid = sheet.subplots(1 + len(conditions), len(columns))
    for column, (way, one) in zip(grid.T, columns, strict=True):
        label = "after the true past" if way == "true_past" else f"on its own since frame {own.start}"
        column[0].set_title(f"{WHAT[one.name]}, {one.at}\n{label}", fontsize=11, color=INK)
        dreamt = dreams[one.name] if way == "true_past" else own
        pictures = [scene.episode.image[one.at], *dreamt.at(one.at).values()]
        for cell, picture, how in zip(column, pictures, ["real", *conditions], strict=True):
            cell.imshow(picture, interpolation="nearest")
            cell.set(xticks=[], yticks=[])
            if column is grid.T[0]:
                cell.set_ylabel(how, fontsize=12, color=INK)
            if how != "real":
                score = scores[way][one.name][how]
                good = score["items_right"] and score["thing"] in (None, "right")
                thing = "" if score["thing"] is None else f"{score['thing']}, "
                text = f"{thing}bar {score['slots_right']}/9, {score['psnr']:.1f} dB"
                cell.set_xlabel(text, fontsize=10, color=RIGHT if good else WRONG)
    sheet.savefig(path)
    plt.close(sheet)
