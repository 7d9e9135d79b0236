"""Moment x action -> Moment: the learned world, frame by frame, at constant memory and time."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from envs import pose as poses
from envs.actions import ActionSpec
from envs.episode import Episode
from models.belief import BeliefProbe, maps_of
from models.checkpoint import Checkpoint
from models.clips import check_fits, control_of, stack_controls
from models.conditioning import Control
from models.cubes import SOLID, lowest
from models.pixels import to_float, to_uint8
from models.sampler import frame_noise, sample
from models.state import LayerState, blindfolded, map_state
from simulator.accelerate import Accelerator
from simulator.bumps import among_cubes, stopped
from simulator.calls import alone, plain_calls
from simulator.locate import Imagined, located
from simulator.moment import Moment

PREFILL_FRAMES = 64
"""Frames of a start clip absorbed by one call."""


class Trait(NamedTuple):
    """What the world of a checkpoint is like: known by name, not learned."""

    actions: ActionSpec
    fps: float


class Engine:
    """A world model played frame by frame. All methods are pure: the moment handed in stays valid and unchanged.

    n_steps: denoising steps a frame. context_noise: the noise level a dreamt frame is declared to have when it is absorbed,
    so that the model does not take its own mistakes for the truth. description: device, precision, backend and why.
    """

    def __init__(
        self, checkpoint: Checkpoint, trait: Trait, *, n_steps: int = 1, context_noise: float = 0.0,
        device: str = "cpu", description: str = "",
    ) -> None:  # fmt: skip
        if n_steps < 1:
            raise ValueError(f"denoising steps {n_steps} must be at least 1")
        self._model, self._ego_motion = checkpoint.model, checkpoint.ego_motion
        self.config = checkpoint.model.config
        self.fingerprint, self.contexts, self.belief = checkpoint.fingerprint, checkpoint.contexts, checkpoint.belief
        self.actions, self.fps = trait
        self.world, self.has_pose = self.config.world, self.config.pose
        self.locates = self.config.locates and self._ego_motion is not None
        self.grows = checkpoint.model.growth is not None
        self.frame_shape = (*self.config.image, 3)
        self.n_steps, self.context_noise = n_steps, context_noise
        self.device, self.description = torch.device(device), description
        self._calls = plain_calls(checkpoint, trait.actions.idle)
        self.accelerator = Accelerator(checkpoint, self._calls, description)

    path = "plain"
    """How the network is run: one of `simulator.accelerate.PATHS`. The same path makes the same frames again, bit for bit."""
    accelerator: Accelerator | None = None
    contexts: Mapping[str, Episode]
    belief: BeliefProbe | None = None
    """Reads the long memory of a moment as a map, where the checkpoint came with such a probe: its walls stop the player."""
    lap: Callable[[str], None] | None = None
    """Called when a part of a frame is done ("denoise", "decode", "commit"), where somebody takes the time."""
    has_pose = True
    """Whether this model goes by where the player stands; where it does not, poses given to it are not looked at."""
    locates = False
    """Whether true frames tell this model where keys truly led."""
    grows = False
    """Whether a dream imagines, beyond the picture, what nobody has seen."""

    @property
    def has_ego_motion(self) -> bool:
        """Whether keys alone can drive this model."""
        return self._ego_motion is not None or not self.has_pose

    @property
    def start_pose(self) -> np.ndarray:
        """Where a cold start stands: the middle of the map, looking along +x."""
        if not self.has_pose:
            return poses.Pose().array()
        grid = self.config.grid
        middle = [(n * grid.cells_per_slot - 1) / 2 for n in (grid.n_x, grid.n_y)]
        return poses.Pose(*middle).array()

    @torch.inference_mode()
    def begin(self, context: list[Episode] | None, seed: int | tuple[int, ...], batch: int = 1) -> Moment:
        """The moment after absorbing `context` (one episode a row, equal lengths), or a cold start from nothing.

        A cold start has absorbed no frame: its picture is black until the first `step`, which dreams one.
        """
        batch = len(context) if context else batch
        if min((seed,) if isinstance(seed, int) else seed) < 0:
            raise ValueError(f"seed {seed} must be at least 0")
        if not isinstance(seed, int) and len(seed) != batch:
            raise ValueError(f"{len(seed)} seeds for {batch} rows; give one a row, or one for all")
        nothing = np.zeros((batch, *self.frame_shape), np.uint8)
        pose = np.broadcast_to(self.start_pose, (batch, poses.N_POSE)).copy()
        moment = Moment(self._model.init_state(batch), nothing, pose, np.zeros_like(pose), 0, seed)
        if not context:
            return moment
        if len({len(episode) for episode in context}) != 1:
            raise ValueError(f"context rows have {[len(e) for e in context]} frames; expected one length for all")
        context = [check_fits(episode, self.config, f"context row {i}") for i, episode in enumerate(context)]
        control = stack_controls([control_of(episode) for episode in context])
        frames, stream = np.stack([episode.image for episode in context]), moment.stream
        for start in range(0, frames.shape[1], PREFILL_FRAMES):
            part = slice(start, start + PREFILL_FRAMES)
            clean = to_float(frames[:, part], self.device)
            told = Control(*(value[:, part].to(self.device) for value in control))
            _, stream = self._model(clean, clean.new_zeros(clean.shape[:2]), told, stream, predict=False)
        if self.has_pose:
            pose = np.stack([episode.pose[-1] for episode in context if episode.pose is not None])
        motion = control.motion[:, -1].double().numpy()
        return Moment(alone(stream), frames[:, -1].copy(), pose, motion, frames.shape[1], seed)

    @torch.inference_mode()
    def imagine(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The next frame uint8 (b, H, W, 3) and its pose (b, 5) after `actions` (b,); reads the state, never writes it.

        pose: where the player truly stands after the action; None integrates the model's own ego-motion. Raises ValueError
        for unknown actions, and where poses are needed and the checkpoint has no ego-motion.
        """
        pose, control = self._told(moment, actions, pose)

        def denoise(x: torch.Tensor, level: float) -> torch.Tensor:
            return self._calls.denoise(x, x.new_full((len(x), 1), level), control, moment.stream)

        clean = sample(denoise, self._noise(moment), self.n_steps)[:, 0]
        self._lap("denoise")
        frame = to_uint8(clean)
        self._lap("decode")
        return frame, pose

    def locate(
        self, moment: Moment, actions: np.ndarray, frame: np.ndarray, imagined: Imagined | None = None
    ) -> tuple[Moment, np.ndarray]:
        """Where the player stands (b, 5) when `actions` have led to the true `frame` (b, H, W, 3), if nobody tells, after the
        moment to absorb it from: where keys lead, or, for a model that `locates`, where what is seen is plainly better explained,
        be it that the player stood elsewhere before (`simulator.locate`).

        imagined: what `imagine` found on keys alone, if known already."""
        dream, pose = self.imagine(moment, actions) if imagined is None else imagined
        if not self.locates or self._ego_motion is None or not moment.t:
            return moment, pose
        return located(self, moment, actions, frame, (dream, pose), self._ego_motion.scale.double().cpu().numpy())

    def placed(self, moment: Moment, pose: np.ndarray) -> Moment:
        """The same moment, had the player stood at `pose` (b, 5) with the same picture before him."""
        if np.array_equal(pose, moment.pose):
            return moment
        last = moment.stream.last
        there = torch.as_tensor(pose, dtype=last.pose.dtype, device=last.pose.device)
        return replace(moment, pose=pose, stream=moment.stream._replace(last=last._replace(pose=there)))

    @torch.inference_mode()
    def absorb(
        self, moment: Moment, frame: np.ndarray, actions: np.ndarray, pose: np.ndarray, noise_level: float = 0.0,
        *, dreamt: bool = False,
    ) -> Moment:  # fmt: skip
        """Commit one finished frame, `dreamt` or true: written to the state exactly once."""
        pose = np.asarray(pose, np.float64) if self.has_pose else moment.pose
        control = self._control(moment, self._checked(moment, actions), pose)
        clean = to_float(frame, self.device)[:, None]
        stream = self._calls.absorb(clean, clean.new_full((len(frame), 1), noise_level), control, moment.stream, dreamt)
        after = Moment(stream, np.ascontiguousarray(frame), pose, self._motion(moment, pose), moment.t + 1, moment.seed)
        self._lap("commit")
        return after

    def _lap(self, part: str) -> None:
        if self.lap is not None:
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            self.lap(part)

    def step(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None = None) -> Moment:
        """`imagine` then `absorb`: one frame of play. On keys alone, cubes stop the player, or walls the memory believes in; of
        these the ego-motion network is told what it said itself, or it would take one not in the picture for one it touches.
        """
        motion = None
        if self.grows:
            noise = functools.partial(frame_noise, moment.seed, moment.t)
            moment = replace(moment, stream=self._calls.grow(moment.stream, moment.pose, noise))
        if pose is None and self.belief is not None:
            pose, motion = self._walked(moment, actions)
        elif pose is None and self.grows:
            pose = self._among_cubes(moment, actions)
        if self.path != "plain" and self._calls.frame is not None:
            after = self._step_at_once(self._calls.frame, moment, actions, pose)
        else:
            frame, new_pose = self.imagine(moment, actions, pose)
            after = self.absorb(moment, frame, actions, new_pose, self.context_noise, dreamt=True)
        return after if motion is None else replace(after, motion=motion)

    @torch.inference_mode()
    def _step_at_once(self, whole: Any, moment: Moment, actions: np.ndarray, pose: np.ndarray | None) -> Moment:
        pose, control = self._told(moment, actions, pose)
        clean, stream = whole(self._noise(moment), control, moment.stream, self.n_steps, self.context_noise)
        after = Moment(stream, to_uint8(clean), pose, self._motion(moment, pose), moment.t + 1, moment.seed)
        self._lap("commit")
        return after

    def forget(self, moment: Moment) -> Moment:
        """Amnesia: the same moment with its long memory (all but window and frame before) fresh; its pose stays."""
        return self.swap(moment, replace(moment, stream=self._model.init_state(len(moment.frame))))

    def swap(self, moment: Moment, other: Moment) -> Moment:
        """`moment` with the long memory of `other`: what another maze's state does to the picture."""
        pairs = zip(moment.stream.layers, other.stream.layers, strict=True)
        layers = tuple(LayerState(theirs.long, mine.local) for mine, theirs in pairs)
        theirs = other.stream._replace(layers=layers, last=moment.stream.last)
        return replace(moment, stream=theirs)

    def blindfold(self, moment: Moment) -> Moment:
        """The same moment with its long memory alone: no frame before, no keys of the last ones. What it draws, it remembers."""
        rows = torch.ones(len(moment.frame), dtype=torch.bool, device=moment.stream.last.seen.device)
        return replace(moment, stream=blindfolded(moment.stream, rows), motion=np.zeros_like(moment.motion))

    def repeat(self, moment: Moment, n: int) -> Moment:
        """`moment` (batch of one) in `n` rows, each of which draws noise of its own from here on."""
        if len(moment.frame) != 1:
            raise ValueError(f"a moment of {len(moment.frame)} rows; one row can be repeated")
        stream = map_state(lambda value: value.repeat_interleave(n, dim=0), moment.stream)
        frame, pose, motion = (np.repeat(value, n, axis=0) for value in (moment.frame, moment.pose, moment.motion))
        return Moment(stream, frame, pose, motion, moment.t, moment.seed)

    def state_norm(self, moment: Moment) -> float:
        """Root mean square of the long memory: a state that runs away shows here first."""
        states = [layer.long.ssm for layer in moment.stream.layers if layer.long.ssm.numel()]
        squares = sum(float(state.double().square().sum()) for state in states)
        return math.sqrt(squares / max(1, sum(state.numel() for state in states)))

    def with_steps(self, n_steps: int) -> Engine:
        """The same engine with another number of denoising steps a frame (1 or more); moments carry over."""
        if n_steps < 1:
            raise ValueError(f"denoising steps {n_steps} must be at least 1")
        engine = copy.copy(self)
        engine.n_steps = n_steps
        return engine

    def with_path(self, path: str) -> Engine:
        """The same engine on another path ("auto": the fastest there is), waiting for what must be compiled; moments carry over.
        Where it cannot be had, play stays plain and `description` says why. ValueError for a path that nobody knows."""
        if self.accelerator is None or path == self.path:
            return self
        engine = copy.copy(self)
        engine.path, engine._calls, engine.description = self.accelerator.take(path)
        return engine

    def _noise(self, moment: Moment) -> torch.Tensor:
        """What the next frame begins with. A frame counts by its share of signal, so a single step never looks at the noise."""
        shape = (len(moment.frame), 1, 3, *self.config.image)
        if self.n_steps == 1:
            return torch.zeros(shape, device=self.device)
        return frame_noise(moment.seed, moment.t, shape).to(self.device)

    def _checked(self, moment: Moment, actions: np.ndarray) -> np.ndarray:
        if np.shape(actions) != (len(moment.frame),):
            raise ValueError(f"actions have shape {np.shape(actions)}; expected ({len(moment.frame)},), one a row of the moment")
        return np.array([self.actions.check(action) for action in actions])

    def _walked(self, moment: Moment, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pose after `actions` with believed walls in the way, and the motion as the ego-motion network alone has it."""
        free, walls = self._led(moment, self._checked(moment, actions))
        return stopped(walls, moment.pose, free) if walls.size else free, self._motion(moment, free)

    def _among_cubes(self, moment: Moment, actions: np.ndarray) -> np.ndarray:
        """The pose after `actions` with what is solid in the way: in a dream that is all there is."""
        pose, _ = self._led(moment, self._checked(moment, actions))
        size = self.config.cubes
        solid = (moment.stream.cubes >= SOLID).view(-1, size.n_x, size.n_y, size.n_z).cpu().numpy()
        return among_cubes(solid, np.array(lowest(self.config)), moment.pose, pose)

    @torch.inference_mode()
    def _led(self, moment: Moment, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pose after `actions` by the model's own ego-motion, and the belief in walls (of size 0 where none can be read); the
        first frame of a cold start stands still."""
        if self._calls.walk is None:
            if moment.t == 0:
                return moment.pose, np.zeros(0)
            raise ValueError("this checkpoint has no ego-motion, so keys alone cannot drive it; give the pose of every step")
        now = (moment.frame, moment.motion, actions, moment.pose)
        frame, told, action, stands = (torch.as_tensor(value, device=self.device) for value in now)
        maps = [] if self.belief is None else maps_of(self.config, moment.stream)
        motion, walls = self._calls.walk(frame, told.float(), action, stands.float(), moment.stream.cubes, *maps)
        pose = poses.move(moment.pose, motion.double().cpu().numpy()) if moment.t else moment.pose
        return pose, walls.cpu().numpy()

    def _told(self, moment: Moment, actions: np.ndarray, pose: np.ndarray | None) -> tuple[np.ndarray, Control]:
        """The pose after `actions`, given or believed, and what the network is told of the next frame."""
        actions = self._checked(moment, actions)
        if not self.has_pose:
            pose = moment.pose
        elif pose is None:
            pose, _ = self._led(moment, actions)
        return np.asarray(pose, np.float64), self._control(moment, actions, pose)

    def _motion(self, moment: Moment, pose: np.ndarray) -> np.ndarray:
        return poses.motion_between(moment.pose, pose) if moment.t else np.zeros_like(pose)

    def _control(self, moment: Moment, actions: np.ndarray, pose: np.ndarray) -> Control:
        tensors = (torch.as_tensor(value, device=self.device)[:, None] for value in (actions, pose, self._motion(moment, pose)))
        action, place, motion = tensors
        return Control(action, place.float(), motion.float())
