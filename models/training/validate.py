"""A quick score on held-out episodes while training: one-step prediction from noise alone, by age of what is seen."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import torch

from envs import episode as episodes
from envs.content_age import age
from envs.episode import EpisodeError
from envs.maze_geometry import look
from models.clips import check_fits, control_of, stack_controls
from models.config import ModelConfig
from models.pixels import to_float, to_uint8
from models.training.data import find_episodes
from models.world_model import WorldModel

BINS = {
    "lt3": (0, 2.5),
    "3_8": (2.5, 8.5),
    "9_24": (8.5, 24.5),
    "25_64": (24.5, 64.5),
    "65_256": (64.5, 256.5),
    "gt256": (256.5, 1e8),
}
WINDOW = 64


class Validation:
    """`n_rows` held-out episodes of which the first `n_frames` are streamed window by window."""

    def __init__(self, folder: Path, config: ModelConfig, device: torch.device, n_rows: int = 6, n_frames: int = 512) -> None:
        self.device, self.config = device, config
        loaded = [check_fits(episodes.load(path), config, str(path)) for path in find_episodes(folder)[:n_rows]]
        self.n_frames = min(n_frames, *(len(episode) for episode in loaded))
        if self.n_frames < WINDOW:
            raise EpisodeError(
                f"{folder}: an episode has only {self.n_frames} frames; validation needs at least {WINDOW} in each"
            )
        self.frames = torch.from_numpy(np.stack([episode.image[: self.n_frames] for episode in loaded]))
        self.control = stack_controls([control_of(episode, 0, self.n_frames) for episode in loaded])
        self.ages = None
        if all("maze_layout" in episode.extras and episode.pose is not None for episode in loaded):
            part = slice(0, self.n_frames)
            self.ages = np.stack([
                age(look(e.extras["maze_layout"][0], e.pose[part], e.extras["targets_pos"][0], config.image[1]))  # type: ignore[index]
                for e in loaded
            ])  # fmt: skip

    @torch.no_grad()
    def predict(self, model: WorldModel) -> np.ndarray:
        """Every frame predicted from the true frames before it, uint8 (b, t, H, W, 3)."""
        b = len(self.frames)
        state, parts = model.init_state(b), []
        for start in range(0, self.n_frames - WINDOW + 1, WINDOW):
            part = slice(start, start + WINDOW)
            clean = to_float(self.frames[:, part], self.device)
            control = type(self.control)(*(x[:, part].to(self.device) for x in self.control))
            level = torch.zeros(b, WINDOW, device=self.device)
            _, trail = model.trace(clean, level, control, state, predict=False)
            chosen = torch.arange(WINDOW, device=self.device).expand(b, -1)
            told = type(control)(*(x.flatten(0, 1)[:, None] for x in control))
            noise = torch.zeros_like(clean).flatten(0, 1)[:, None]
            predicted, _ = model(
                noise, torch.ones(b * WINDOW, 1, device=self.device), told, model.states_before(trail, chosen), absorb=False
            )
            parts.append(to_uint8(predicted[:, 0]).reshape(b, WINDOW, *self.frames.shape[2:]))
            state = model.state_at(trail, WINDOW)
        return np.concatenate(parts, axis=1)

    def score(self, model: WorldModel, strip: Path | None = None) -> dict[str, float]:
        """PSNR of whole frames and by age of each column's content; with `strip`, a picture of sixteen frames."""
        predicted = self.predict(model)
        truth = self.frames[:, : predicted.shape[1]].numpy()
        error = ((predicted.astype(np.float32) - truth) ** 2).mean(axis=(2, 4))  # (b, t, w)
        scores = {"whole": _psnr(error)}
        if self.ages is not None:
            ages = self.ages[:, : error.shape[1]]
            for name, (low, high) in BINS.items():
                scores[name] = _psnr(error[(ages > low) & (ages <= high)])
            scores["first_seen"] = _psnr(error[:, 1:][np.isinf(ages[:, 1:])])
        if strip is not None:
            picks = np.linspace(8, predicted.shape[1] - 1, 16).astype(int)
            rows = [
                np.concatenate([np.concatenate([source[r, i] for i in picks], 1) for source in (truth, predicted)])
                for r in range(min(2, len(truth)))
            ]
            imageio.imwrite(strip, np.concatenate(rows))
        return scores


def _psnr(error: np.ndarray) -> float:
    return round(float(10 * np.log10(255**2 / max(float(error.mean()), 1e-6))), 2) if error.size else float("nan")
