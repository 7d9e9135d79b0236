"""Episodes as the network is told of them: whether they fit, and the control of their frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from envs import pose as poses
from envs.episode import Episode, EpisodeError
from models.conditioning import Control
from models.config import ModelConfig


def check_fits(episode: Episode, config: ModelConfig, name: str) -> Episode:
    """The episode as the model may see it, or an EpisodeError naming what does not fit."""
    if episode.image.shape[1:3] != config.image or episode.n_actions != config.n_actions:
        raise EpisodeError(
            f"{name}: frames {episode.image.shape[1:3]} with {episode.n_actions} actions; a {config.world!r} model expects "
            f"{config.image} with {config.n_actions}"
        )
    if config.pose and episode.pose is None:
        raise EpisodeError(f"{name}: no poses, by which this model remembers; one of --preset generic-small does without")
    return episode if config.pose else replace(episode, pose=None)


def control_of(episode: Episode, start: int = 0, stop: int | None = None) -> Control:
    """The control of frames start .. stop - 1, without a batch dimension. A missing pose stays where it is."""
    pose = np.zeros((len(episode), poses.N_POSE)) if episode.pose is None else episode.pose
    motion = np.zeros_like(pose)
    motion[1:] = poses.motion_between(pose[:-1], pose[1:])
    part = slice(start, stop)
    return Control(
        torch.as_tensor(episode.action[part]), torch.as_tensor(pose[part]).float(), torch.as_tensor(motion[part]).float()
    )


def stack_controls(controls: Sequence[Control]) -> Control:
    """Controls of equal length as the rows of one."""
    return Control(*(torch.stack(parts) for parts in zip(*controls, strict=True)))
