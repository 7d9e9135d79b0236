"""A deterministic engine with the contract of `simulator.engine.Engine`, small enough to know by heart."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
import torch

from envs import pose as poses
from envs.episode import Episode
from envs.memory_maze import ACTIONS
from simulator.engine import Engine
from simulator.moment import Moment

MOTIONS = np.array(
    [[0, 0, 0, 0, 0], [0.25, 0, 0, 0, 0], [0, 0, 0, 0.32, 0], [0, 0, 0, -0.32, 0], [0.2, 0, 0, 0.32, 0], [0.2, 0, 0, -0.32, 0]]
)


class FakeLayer(NamedTuple):
    ssm: torch.Tensor  # (b, 8) float32
    conv: torch.Tensor  # (b, 3) float32


class FakeStream(NamedTuple):
    layers: tuple[FakeLayer, ...]
    ballast: torch.Tensor  # (b, n) float32: makes a moment as heavy as a test wants


class FakeEngine(Engine):
    """Walks round a striped tower; its stripes take their brightness from the memory, so forgetting shows."""

    world, actions, fps, has_ego_motion = "memory-maze", ACTIONS, 4.0, True

    def __init__(self, side: int = 32, n_steps: int = 4, fingerprint: str = "fake-1", n_ballast: int = 8) -> None:
        self.frame_shape = (side, side, 3)
        self.n_steps, self.fingerprint, self.n_ballast = n_steps, fingerprint, n_ballast
        self.description = "cpu, float32, fake: made for tests"
        self.contexts = {"hall": walk(12, side, 1), "garden": walk(8, side, 2)}
        self.context_noise = 0.0
        self.n_imagined = 0

    def begin(self, context: list[Episode] | None, seed: int, batch: int = 1) -> Moment:
        layers = tuple(FakeLayer(torch.zeros(batch, 8), torch.zeros(batch, 3)) for _ in range(2))
        stream = FakeStream(layers, torch.zeros(batch, self.n_ballast))
        moment = Moment(
            stream, np.zeros((batch, *self.frame_shape), np.uint8), np.zeros((batch, 5)), np.zeros((batch, 5)), 0, seed
        )
        for t in range(len(context[0]) if context else 0):
            frames = np.stack([episode.image[t] for episode in context])
            pose = np.stack([episode.pose[t] for episode in context])
            moment = self.absorb(moment, frames, np.array([episode.action[t] for episode in context]), pose)
        return moment

    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        self.n_imagined += 1
        pose = poses.move(moment.pose, MOTIONS[actions]) if pose is None else pose
        memory = moment.stream.layers[0].ssm.mean(dim=1).numpy()
        seeds = [moment.seed] * len(pose) if isinstance(moment.seed, int) else moment.seed
        frames = [
            paint(p, float(m), self.frame_shape[0], seed, moment.t, self.n_steps)
            for p, m, seed in zip(pose, memory, seeds, strict=True)
        ]
        return np.stack(frames), pose

    def absorb(
        self, moment: Moment, frame: np.ndarray, actions: np.ndarray, pose: np.ndarray, noise_level: float = 0.0, *, dreamt=False
    ) -> Moment:
        seen = torch.from_numpy(frame.astype(np.float32).mean(axis=(1, 2, 3)) / 255)[:, None]
        layers = tuple(FakeLayer(0.97 * layer.ssm + 0.03 * seen, layer.conv + seen) for layer in moment.stream.layers)
        stream = FakeStream(layers, moment.stream.ballast + 1)
        return Moment(stream, frame, pose, poses.motion_between(moment.pose, pose), moment.t + 1, moment.seed)

    def _walked(self, moment: Moment, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return poses.move(moment.pose, MOTIONS[actions]), MOTIONS[actions]  # there is no wall in the fake world

    def forget(self, moment: Moment) -> Moment:
        layers = tuple(FakeLayer(torch.zeros_like(layer.ssm), layer.conv) for layer in moment.stream.layers)
        return Moment(moment.stream._replace(layers=layers), moment.frame, moment.pose, moment.motion, moment.t, moment.seed)

    def repeat(self, moment: Moment, n: int) -> Moment:
        layers = tuple(FakeLayer(*(part.repeat_interleave(n, dim=0) for part in layer)) for layer in moment.stream.layers)
        stream = FakeStream(layers, moment.stream.ballast.repeat_interleave(n, dim=0))
        frame, pose, motion = (np.repeat(value, n, axis=0) for value in (moment.frame, moment.pose, moment.motion))
        return Moment(stream, frame, pose, motion, moment.t, moment.seed)

    def state_norm(self, moment: Moment) -> float:
        return float(moment.stream.layers[0].ssm.square().mean().sqrt())

    def with_steps(self, n_steps: int) -> FakeEngine:
        engine = copy.copy(self)
        engine.n_steps = n_steps
        return engine


def paint(pose: np.ndarray, memory: float, side: int, seed: int, t: int, n_steps: int) -> np.ndarray:
    """uint8 (side, side, 3): sky, floor and a striped wall seen from `pose`, with noise of (seed, t) shrinking with n_steps."""
    column = np.linspace(0.8, -0.8, side) + pose[3]
    hue = np.stack([np.sin(3 * column + shift + pose[0]) for shift in (0.0, 2.1, 4.2)], axis=-1)
    height = side // 4 + np.round(side / 16 * np.sin(2 * column + pose[1])).astype(int)
    rows = np.arange(side)[:, None]
    wall = (np.abs(rows - side // 2) <= height[None])[..., None]
    shade = np.where(rows < side // 2, 200 - 2 * rows, 60 + rows)[..., None] * np.array([0.6, 0.8, 1.0])
    picture = np.where(wall, 110 + 70 * hue[None] + 60 * memory, shade)
    noise = np.random.default_rng([seed, t]).normal(size=picture.shape) * 8 / n_steps
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def walk(n_frames: int, side: int, seed: int) -> Episode:
    """A recorded walk of the fake world."""
    actions = np.random.default_rng(seed).integers(0, ACTIONS.n_actions, n_frames)
    actions[0] = 0
    pose = [np.array([0.0, float(seed), 0.0, 0.5 * seed, 0.0])]
    for action in actions[1:]:
        pose.append(poses.move(pose[-1], MOTIONS[action]))
    image = np.stack([paint(p, 0.3, side, seed, t, 4) for t, p in enumerate(pose)])
    return Episode(image, actions, ACTIONS.n_actions, np.stack(pose))
