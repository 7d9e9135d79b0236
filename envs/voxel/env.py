"""The real voxel world behind Gymnasium: an island to walk, dig, build and craft on, exactly rewindable.

Needs numba (the `voxel` extra). Everything that happens is decided by the seed and the actions alone.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np

from envs.voxel import blocks as data
from envs.voxel import hands, hotbar, inventory, sky
from envs.voxel.light import flood
from envs.voxel.moves import ACTIONS, MOVES, Move
from envs.voxel.noise import uniform
from envs.voxel.physics import TO_EYE, advance
from envs.voxel.raycast import visible
from envs.voxel.render import HALF_WIDTH, draw
from envs.voxel.shade import Scene
from envs.voxel.state import N_HEADINGS, N_PITCHES, NO_EVENT, SNAPSHOT_VERSION, State, start
from envs.voxel.terrain import N_SEEDS, check_seed, generate
from envs.voxel.textures import atlas

FPS = 10.0
"""Actions a second at which walking feels like walking."""
RESOLUTIONS = (64, 128, 192, 256, 320, 384, 448, 512)
_LIQUID = data.SHAPE_OF == data.LIQUID


def advance_state(state: State, move: Move) -> State:
    """The world one action later: look, walk and fall, then use the hands on what is aimed at. Pure."""
    state = replace(
        state,
        t=state.t + 1,
        heading=(state.heading + move.turn) % N_HEADINGS,
        pitch=min(max(state.pitch + move.nod, -N_PITCHES), N_PITCHES),
        event=(NO_EVENT, -1, 0),
    )
    length = max(1.0, float(np.hypot(move.forward, move.strafe)))
    c, s = np.cos(state.eye_heading), np.sin(state.eye_heading)
    push = ((move.forward * c + move.strafe * s) / length, (move.forward * s - move.strafe * c) / length)
    state = replace(state, body=advance(state.blocks, data.SOLID, _LIQUID, state.body, *push, move.jump))
    return hands.act(state, move, hands.aim(state))


class VoxelEnv(gym.Env[np.ndarray, int]):
    """A Minecraft-like island with image observations (H, W, 3) uint8; the lower 12/64 of the image are the hotbar.

    Actions: see `envs.voxel.moves`. Reward 1 whenever a kind of item is carried for the first time. Never terminates.
    `info` holds arrays of fixed shape:
        pose (5,) as in `envs.pose`, feet not eye; inventory (n_items,) int16; hotbar (9, 2) int16 item and count;
        selected (); aim (4,) int16 x, y, z, block, -1 for nothing; event (3,) int16 kind, item, count (`envs.voxel.state`);
        landmarks_pos (5, 3) float32 in the order of `envs.voxel.landmarks.NAMES`; landmarks_in_view (5,) bool;
        last_change (5,) int16 step, x, y, z, new block; n_changes () int32; n_edits () int32, blocks unlike the terrain's;
        time_of_day () float32, share of the day gone by; and the plain numbers seed and t.

    resolution: pixels along one side, a multiple of 64 up to 512. n_steps: steps until truncation; None = endless.
    provided: begin with pockets filled by chance (`inventory.provisions`), not with empty hands.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": FPS}  # noqa: RUF012  (gymnasium declares it so)
    actions = ACTIONS

    def __init__(
        self, resolution: int = 64, n_steps: int | None = None, render_mode: str = "rgb_array", *, provided: bool = False
    ) -> None:
        if resolution not in RESOLUTIONS:
            raise ValueError(f"resolution {resolution} is not one of {RESOLUTIONS}; choose one of these for the voxel world")
        if n_steps is not None and n_steps < 1:
            raise ValueError(f"n_steps {n_steps} must be at least 1, or None for an endless episode")
        if render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode {render_mode!r} is unknown; the voxel world offers 'rgb_array'")
        self.resolution, self.n_steps, self.render_mode, self.provided = resolution, n_steps, render_mode, provided
        self.action_space: gym.spaces.Space = gym.spaces.Discrete(ACTIONS.n_actions)
        self.observation_space = gym.spaces.Box(0, 255, (resolution, resolution, 3), np.uint8)
        self._state: State | None = None

    @property
    def provenance(self) -> dict[str, str]:
        """Versions that decide the exact pixels."""
        names = ("numpy", "numba")
        return {name: importlib.metadata.version(name) for name in names} | {"voxel": str(SNAPSHOT_VERSION)}

    @property
    def state(self) -> State:
        """The present as a value; RuntimeError before the first reset."""
        if self._state is None:
            raise RuntimeError("there is no world yet: call reset(seed=...) first")
        return self._state

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start on the island of `seed` (the same seed is the same island, in any process); None draws a new one."""
        if seed is not None:
            check_seed(seed)
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(N_SEEDS))
        self._enter(start(generate(seed), inventory.provisions(seed) if self.provided else None))
        return self.render(), self.describe()

    def _enter(self, state: State) -> None:
        """Make `state` the present, with everything that is worked out from it once."""
        old = self._state
        if old is None or old.seed != state.seed:
            self._terrain = generate(state.seed)
            self._clouds = sky.clouds(state.seed)
            self._day_offset = 0.04 + 0.40 * float(uniform(71, state.seed))
            self._marks = np.array([(m.x, m.y, m.z) for m in self._terrain.landmarks], np.float32)
        if old is None or old.blocks is not state.blocks:
            self._light = flood(state.blocks)
            self._n_edits = int((state.blocks != self._terrain.blocks).sum())
        if old is None or old.selected != state.selected or old.slots is not state.slots:
            self._bar = hotbar.draw_bar(state.slots, state.selected, self.resolution)
            self._totals = inventory.totals(state.slots)
        self._state = state

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        state = advance_state(self.state, MOVES[ACTIONS.check(action)])
        self._enter(state)
        new = (self._totals > 0) & ~state.had
        if new.any():
            self._state = replace(state, had=state.had | new)
        truncated = self.n_steps is not None and state.t >= self.n_steps
        return self.render(), float(new.sum()), False, truncated, self.describe()

    def render(self) -> np.ndarray:  # type: ignore[override]
        """uint8 (resolution, resolution, 3): the present; drawing it again changes nothing.

        At 64 pixels, as a model sees it, there is no hand (it would hide a tenth of the view, and the hotbar tells what it
        holds), and the block in the cross is outlined only while it is mined.
        """
        state, unit = self.state, self.resolution // hotbar.UNIT
        now = sky.sky_at(sky.hour(state.t, self._day_offset))
        image = np.empty((self.resolution, self.resolution, 3), np.uint8)
        n_rows = hotbar.VIEW_ROWS * unit
        at = hands.aim(state)
        steps = data.mining_steps(at.block, hands.held(state)) if at.x >= 0 else 0
        cracked = state.mining[3] / steps if steps and state.mining[:3] == at[:3] else 0.0
        eye = state.body[:3] + TO_EYE
        fine = self.resolution > hotbar.UNIT
        scene = Scene(
            state.blocks, self._light, data.SHAPE_OF, data.LIGHT_OF, data.OPAQUE, *atlas(), self._clouds,
            np.array(at[:3] if fine or cracked else (-1, -1, -1)), cracked,
        )  # fmt: skip
        axes = hands.view_axes(state.eye_heading, state.eye_pitch)
        draw(image, n_rows, scene, now, eye, *axes, np.zeros(3), np.zeros(3))
        cell = tuple(np.clip(np.floor(eye).astype(int), 0, np.array(state.blocks.shape) - 1))
        swing = 1 + state.t % 2 if state.mining[3] else 0
        if fine:
            hotbar.draw_hand(image[:n_rows], hands.held(state), swing, now.table[self._light[cell]], unit)
        hotbar.draw_cross(image[:n_rows], unit)
        image[n_rows:] = self._bar
        return image

    def describe(self) -> dict[str, Any]:
        """The `info` of the present; asking again changes nothing."""
        state = self.state
        at = hands.aim(state)
        return {
            "pose": state.pose,
            "inventory": self._totals.copy(),
            "hotbar": state.slots[: inventory.N_HOTBAR].copy(),
            "selected": np.array(state.selected, np.int16),
            "aim": np.array(at[:4], np.int16),
            "event": np.array(state.event, np.int16),
            "landmarks_pos": self._marks.copy(),
            "landmarks_in_view": self._marks_in_view(),
            "last_change": np.array(state.last_change, np.int16),
            "n_changes": np.array(state.n_changes, np.int32),
            "n_edits": np.array(self._n_edits, np.int32),
            "time_of_day": np.array(sky.hour(state.t, self._day_offset), np.float32),
            "seed": state.seed,
            "t": state.t,
        }

    def _marks_in_view(self) -> np.ndarray:
        """bool (5,): landmarks of which something at a third, two thirds or the top of their height is in the picture."""
        state = self.state
        heights = np.array([mark.height for mark in self._terrain.landmarks], np.float64)
        points = np.repeat(self._marks[None].astype(np.float64), 3, axis=0)
        points[:, :, 2] += np.array([1 / 3, 2 / 3, 0.95])[:, None] * heights
        forward, _, _ = hands.view_axes(state.eye_heading, state.eye_pitch)
        eye = state.body[:3] + TO_EYE
        seen = visible(state.blocks, data.SOLID, eye, points.reshape(-1, 3), forward, 1.0 / np.hypot(1.0, HALF_WIDTH), 3.2)
        return np.asarray(seen.reshape(3, -1).any(axis=0))

    def snapshot(self) -> State:
        """The exact present: a value that nothing later changes, good for any VoxelEnv of this version."""
        return self.state

    def restore(self, snapshot: State) -> None:
        """Go back to `snapshot`; every later frame repeats byte for byte. ValueError, and no change, where it does not fit."""
        if not isinstance(snapshot, State):
            raise ValueError(f"cannot restore a {type(snapshot).__name__}; expected what VoxelEnv.snapshot() returned")
        if snapshot.version != SNAPSHOT_VERSION:
            raise ValueError(
                f"the snapshot is of version {snapshot.version}, this world of version {SNAPSHOT_VERSION}; take a new one"
            )
        self._enter(snapshot)
