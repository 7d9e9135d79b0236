"""Memory Maze as evaluated: what each image column shows, how old that is, and whether balls and wall colours are right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from envs import content_age, maze_geometry
from envs.episode import Episode, EpisodeError
from envs.maze_geometry import Sight
from simulator.evaluation import balls, maze_beliefs, walls
from simulator.evaluation.scenes import Measures, Scene
from simulator.evaluation.tally import estimate
from simulator.evaluation.target import column_scores

BORDER = 2
"""Pixels of the frame in the current target's colour that public episodes carry: it changes at random, so it is cut."""
REVISIT_AGE = 9
"""A ball out of sight for so long is out of every attention window in use: seeing it again is a revisit."""


@dataclass(frozen=True)
class MazeScene(Scene):
    """A maze, scored by image columns. age: (t, W) as in `envs.content_age`, `ball_age` likewise for the ball of a column,
    `undivided` bool (t, W), columns whose wall colour can be told, `ball_colours` (n,) as in `balls.ball_colours`."""

    sight: Sight
    age: np.ndarray
    ball_age: np.ndarray
    undivided: np.ndarray
    ball_colours: np.ndarray

    place: ClassVar[str] = "maze"
    part: ClassVar[str] = "columns"
    turn: ClassVar[float] = np.radians(18.0)  # close to the body's own (18.4 degrees), and a divisor of the circle

    def ages(self, t: int) -> np.ndarray:
        return np.asarray(self.age[t])

    def known(self, start: int) -> np.ndarray:
        return content_age.in_view_before(self.sight, start)

    def again(self, t: int, now: int, later: int) -> np.ndarray:
        return np.asarray(self.episode.image[t])

    def same_place(self, other: Any) -> bool:
        return all(
            np.array_equal(self.episode.extras[key][0], other.episode.extras[key][0]) for key in ("maze_layout", "targets_pos")
        )

    def verdicts(self, t: int, truth: np.ndarray, dream: np.ndarray, before: np.ndarray, start: int | None) -> dict[str, int]:
        """Ball verdicts. Without `start`: kind_verdict, kind being in_view, revisit or first_seen, and whether a ball is
        hallucinated. With it: verdicts on the balls that the first `start` frames have shown."""
        judged, stray = balls.judge(dream, balls.zones(self.sight, t, dream.shape[0], self.border), self.ball_colours)
        found: dict[str, int] = {}
        if start is None:
            found = {"frames": 1, "hallucinated": int(stray)}
        for ball, verdict in judged.items():
            if start is None:
                age = self.ball_age[t][self.sight.ball[t] == ball].min()
                kind = "first_seen" if np.isinf(age) else "revisit" if age >= REVISIT_AGE else "in_view"
                verdict = f"{kind}_{verdict}"
            elif ball not in self.sight.ball[:start]:
                continue
            found[verdict] = found.get(verdict, 0) + 1
        return found

    @staticmethod
    def part_scores(dream: np.ndarray, truth: np.ndarray, border: int) -> dict[str, np.ndarray]:
        return column_scores(dream, truth, border)

    @staticmethod
    def facts(batch: Sequence[Any], t: int, truth: np.ndarray, dream: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """`wall`: whether a column shows the wall colour of the truth, where one wall block alone is in it."""
        right = (walls.wall_colours(dream) == walls.wall_colours(truth)).astype(np.float64)
        return {"wall": (right, np.stack([scene.undivided[t] for scene in batch]))}

    @staticmethod
    def onestep_summary(counts: Mapping[str, np.ndarray], intervals: dict[str, Any]) -> dict[str, Any]:
        """`ball_hit_rate` on revisit, with its interval put into `intervals`, and all verdicts as shares by kind of sight."""

        def count(name: str) -> np.ndarray:
            return counts.get(name, np.zeros(1))

        shares: dict[str, Any] = {}
        for kind in ("revisit", "in_view", "first_seen"):
            n = sum(count(f"{kind}_{verdict}").sum() for verdict in balls.VERDICTS)
            shares[kind] = {"n": int(n)} | {
                verdict: round(float(count(f"{kind}_{verdict}").sum() / n), 4) if n else None for verdict in balls.VERDICTS
            }
        hits = count("revisit_hit")
        total = hits + count("revisit_miss") + count("revisit_wrong_colour")
        rate, intervals["ball_hit_rate"] = estimate(np.broadcast_to(hits, total.shape), total)
        n_frames = count("frames").sum()
        hallucinated = round(float(count("hallucinated").sum() / n_frames), 4) if n_frames else None
        return {"ball_hit_rate": rate, "balls": shares | {"hallucinated_per_frame": hallucinated}}

    @staticmethod
    def dream_summary(counts: Mapping[str, np.ndarray], intervals: dict[str, Any]) -> dict[str, Any]:
        """Verdicts on balls that the context has shown; the interval of `ball_hit_rate` is put into `intervals`."""
        each = {name: counts.get(name, np.zeros(1)) for name in balls.VERDICTS}
        total = each["hit"] + each["miss"] + each["wrong_colour"]
        rate, intervals["ball_hit_rate"] = estimate(np.broadcast_to(each["hit"], total.shape), total)
        return {"ball_hit_rate": rate, "balls": {name: int(count.sum()) for name, count in each.items()}}


def make_scene(name: str, episode: Episode) -> MazeScene:
    """Work out what `episode` shows. Raises EpisodeError where layout, targets or pose are missing or do not fit."""
    if episode.pose is None:
        raise EpisodeError(
            f"{name}: no pose (agent_pos, agent_dir); expected the public schema's ExtraObs arrays, collect with them"
        )
    missing = [key for key in ("maze_layout", "targets_pos", "target_pos", "target_color") if key not in episode.extras]
    if missing:
        raise EpisodeError(f"{name}: no array {', '.join(missing)}; expected a Memory Maze episode with ExtraObs arrays")
    layout, targets = episode.extras["maze_layout"], episode.extras["targets_pos"]
    if (layout != layout[0]).any():
        raise EpisodeError(f"{name}: maze_layout changes within the episode; expected one maze a file")
    try:
        sight = maze_geometry.look(layout[0], episode.pose, targets[0], n_columns=episode.image.shape[2])
    except ValueError as error:
        raise EpisodeError(f"{name}: {error}") from None
    colours = balls.ball_colours(targets[0], episode.extras["target_pos"], episode.extras["target_color"])
    ball_age = content_age.age_since(content_age.last_seen_balls(sight))
    return MazeScene(
        name, episode, _border(episode.image), sight, content_age.age(sight), ball_age, walls.undivided(sight), colours
    )


MEASURES = Measures(make_scene, maze_beliefs.probes)


def _border(image: np.ndarray) -> int:
    """BORDER where every frame is framed in one colour, else 0."""
    sample = image[:: max(1, len(image) // 16)]
    ring = np.concatenate([sample[:, 0], sample[:, -1], sample[:, :, 0], sample[:, :, -1]], axis=1)
    return BORDER if (ring == ring[:, :1]).all() else 0
