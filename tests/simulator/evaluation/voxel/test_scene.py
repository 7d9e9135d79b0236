"""Ages of pixels and true pictures, from islands replayed beside their episodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs.episode import EpisodeError
from envs.voxel import sight
from envs.voxel.moves import ACTIONS
from simulator.evaluation.voxel.scene import VoxelScene, make_scene, replayed


def test_the_replayed_island_draws_every_recorded_frame(batch: list[VoxelScene]):
    scene = batch[0]
    for t in range(0, len(scene), 9):
        assert np.array_equal(scene.picture(scene.states[t]), scene.episode.image[t])


def test_what_one_looks_back_at_is_as_old_as_the_look_away(batch: list[VoxelScene]):
    scene = batch[0]
    turned = [t for t, action in enumerate(scene.episode.action) if action == ACTIONS.id_of("left")]
    away = next(t for t in turned if (scene.episode.action[t : t + 12] == ACTIONS.id_of("left")).all())
    back = away + 35  # twelve turns there, twelve frames of standing, twelve turns back
    assert np.array_equal(scene.states[away - 1].pose, scene.states[back].pose)
    ages = scene.ages(back)
    assert np.nanmax(ages[np.isfinite(ages)]) == 36
    assert not np.isinf(ages).any()
    assert scene.known(away)[back][np.isfinite(ages)].all()


def test_what_was_never_in_view_is_new_and_sky_hand_and_hotbar_have_no_age(batch: list[VoxelScene]):
    first = batch[0].ages(0)
    assert np.isinf(first[np.isfinite(first) | np.isinf(first)]).all()
    assert np.isnan(first[52 * 64 :]).all()
    assert np.isnan(first.reshape(64, 64)[51, 58])  # the bare arm
    assert np.isnan(first.reshape(64, 64)[26, 32])  # the cross


def test_a_changed_block_is_new_on_all_sides(batch: list[VoxelScene]):
    scene = batch[0]
    t = next(t for t, event in enumerate(scene.episode.extras["event"]) if event[0] == 2)  # placed
    faces = sight.face_numbers(np.array([scene.states[t].last_change[1:4]]))
    shown = np.isin(sight.faces(scene.states[t], 64).ravel(), faces)
    assert shown.sum() > 10
    assert np.isinf(scene.ages(t)[: 52 * 64][shown]).all()


def test_an_earlier_view_is_shown_as_the_island_is_by_now(batch: list[VoxelScene]):
    scene = batch[0]
    t = next(t for t, event in enumerate(scene.episode.extras["event"]) if event[0] == 2)
    now = scene.again(t - 1, t, 0)
    assert not np.array_equal(now, scene.episode.image[t - 1])
    assert np.array_equal(scene.again(t, t, 0), scene.picture(replace(scene.states[t], mining=(-1, -1, -1, 0))))


def test_hands_rest_on_foot(batch: list[VoxelScene]):
    moved = {"mine_forward": "forward", "place_jump": "jump", "craft_planks": "noop", "slot_3": "noop", "left": "left"}
    for name, walked in moved.items():
        assert batch[0].on_foot(ACTIONS.id_of(name)) == ACTIONS.id_of(walked)


def test_an_episode_that_cannot_be_replayed_is_refused_in_one_line(batch: list[VoxelScene]):
    episode = batch[0].episode
    with pytest.raises(EpisodeError, match="tells no seed"):
        make_scene("walk.npz", episode)
    with pytest.raises(EpisodeError, match="not those of island 8"):
        make_scene("voxel-8.npz", episode)
    with pytest.raises(EpisodeError, match="no array hotbar"):
        make_scene("voxel-7.npz", replace(episode, extras={}))
    with pytest.raises(EpisodeError, match="no pose"):
        make_scene("voxel-7.npz", replace(episode, pose=None))
    other = episode.action.copy()
    other[3] = ACTIONS.id_of("left")
    with pytest.raises(EpisodeError, match="frame 3 is not what its actions lead to"):
        replayed("voxel-7.npz", replace(episode, action=other, pose=episode.pose), 7)


def test_cells_in_sight_are_those_a_ray_reaches(batch: list[VoxelScene]):
    state = batch[0].states[0]
    faces = sight.faces(state, 64)
    shown, n_pixels = np.unique(faces[faces != sight.NO_FACE] // 6, return_counts=True)
    cells = np.stack([shown // (48 * 24), shown // 24 % 48, shown % 24], axis=1)
    clear = n_pixels >= 12
    assert clear.sum() > 20
    assert sight.in_sight(state, cells[clear]).all()
    behind = (2 * state.body[:3] - cells[clear] - 1).astype(int)
    assert not sight.in_sight(state, behind).any()
