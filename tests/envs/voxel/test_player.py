"""The scripted player and the story it can tell."""

from itertools import pairwise

import numpy as np
import pytest

from envs.collect import rollout
from envs.policies import Policy
from envs.voxel.blocks import NOTHING, block_id, item_id
from envs.voxel.env import VoxelEnv
from envs.voxel.guide import Guide
from envs.voxel.inventory import MAX_STACK, provisions
from envs.voxel.navigate import AT, BEFORE, UNREACHED, steps_to, view_onto
from envs.voxel.player import VoxelTour
from envs.voxel.practice import VoxelPractice
from envs.voxel.state import CRAFTED, MINED, PLACED
from envs.voxel.story import GOOD_SEEDS, ORE_STEP, RETURN_STEP, TOOL_STEP, StoryFailed, tell


def _run(env, guide, info, routine, limit):
    guide.see(info)
    for _ in range(limit):
        try:
            action = next(routine)
        except StopIteration as end:
            return bool(end.value), info
        info = env.step(action)[-1]
        guide.see(info)
    return False, info


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_the_guide_makes_a_stone_pickaxe_from_nothing(seed):
    env = VoxelEnv()
    _, info = env.reset(seed=seed)
    guide = Guide(seed)
    done, info = _run(env, guide, info, guide.obtain(item_id("stone_pickaxe")), 900)
    assert done
    assert info["inventory"][item_id("stone_pickaxe")] == 1
    assert np.array_equal(guide.blocks, env.state.blocks)


def test_the_player_does_what_people_do_and_never_the_same_twice():
    env = VoxelEnv()
    episode = rollout(env, VoxelTour(1), 1000, 1)
    again = rollout(env, VoxelTour(1), 1000, 1)
    other = rollout(env, VoxelTour(2), 1000, 1)
    assert np.array_equal(episode.image, again.image)
    assert not np.array_equal(episode.action, other.action)
    kinds = set(episode.extras["event"][:, 0].tolist())
    assert {MINED, PLACED, CRAFTED} <= kinds
    assert episode.extras["landmarks_in_view"].any(axis=0).sum() >= 3
    cells = {tuple(cell) for cell in np.floor(episode.pose[:, :2]).astype(int)}
    assert len(cells) > 50


def test_the_player_comes_back_to_places_and_views():
    episode = rollout(VoxelEnv(), VoxelTour(3), 1000, 3)
    views: dict[tuple, list[int]] = {}
    for t, pose in enumerate(np.round(episode.pose * (1, 1, 1, 24 / (2 * np.pi), 0)).astype(int)):
        views.setdefault(tuple(pose), []).append(t)
    returns = sum(1 for times in views.values() for a, b in pairwise(times) if b - a > 50)
    assert returns > 20


def test_the_player_is_a_policy_that_starts_over_with_a_new_episode():
    policy: Policy = VoxelTour(0)
    env = VoxelEnv()
    for seed in (0, 1):
        assert len(rollout(env, policy, 100, seed)) == 101


def test_ways_go_up_one_down_three_and_around_walls(flat, put):
    for y in range(0, 48):
        for z in (8, 9):
            flat = put(flat, (30, y, z), "stone")
    steps = steps_to(flat.blocks, np.array([(35, 24, 8)]))
    assert steps[24, 24, 8] == UNREACHED
    opened = put(flat, (30, 24, 9), "air")
    steps = steps_to(opened.blocks, np.array([(35, 24, 8)]))
    assert steps[24, 24, 8] == 11
    assert steps[29, 24, 8] == steps[30, 24, 9] + 1


def test_views_aim_at_the_block_and_at_the_place_before_it(flat, put):
    state = put(flat, (27, 24, 9), "stone")
    eye = np.array([24.5, 24.5, 9.62])
    assert view_onto(state.blocks, eye, (27, 24, 9), AT) == (0, 0)
    assert view_onto(state.blocks, eye, (26, 24, 9), BEFORE) == (0, 0)
    assert view_onto(state.blocks, eye, (28, 24, 9), AT) is None


@pytest.mark.parametrize("seed", GOOD_SEEDS[:3])
def test_the_story_keeps_its_three_appointments(seed):
    story = tell(seed)
    env = VoxelEnv()
    _, info = env.reset(seed=story.seed)
    infos = [info] + [env.step(int(action))[-1] for action in story.actions]
    assert len(story.actions) == RETURN_STEP
    assert tuple(infos[ORE_STEP]["event"][:2]) == (MINED, item_id("coal"))
    assert tuple(infos[ORE_STEP]["last_change"]) == (ORE_STEP, *story.mined, block_id("air"))
    assert tuple(infos[TOOL_STEP]["event"][:2]) == (CRAFTED, item_id("stone_pickaxe"))
    hut = 1
    assert infos[story.seen_step]["landmarks_in_view"][hut]
    assert infos[RETURN_STEP]["landmarks_in_view"][hut]
    away = [np.hypot(*(i["pose"][:2] - infos[RETURN_STEP]["pose"][:2])) for i in infos[TOOL_STEP:RETURN_STEP]]
    assert max(away) > 8.0


def test_a_story_that_fails_says_so_in_one_line():
    with pytest.raises(StoryFailed, match=r"seed 4: .*; choose one of GOOD_SEEDS"):
        tell(4)


def test_at_practice_the_hands_are_busy_from_the_first_step():
    def events(env: VoxelEnv, player: Policy) -> float:
        kinds = np.concatenate([rollout(env, player, 400, seed).extras["event"][:, 0] for seed in (5, 6)])
        return float((kinds > 0).mean())

    full = VoxelEnv(provided=True)
    assert events(full, VoxelPractice(1)) > 1.5 * events(VoxelEnv(), VoxelTour(1))
    episode = rollout(full, VoxelPractice(2), 400, 7)
    assert (episode.extras["inventory"][0] > 0).sum() >= 2
    assert {MINED, PLACED, CRAFTED} <= set(rollout(full, VoxelPractice(3), 600, 8).extras["event"][:, 0].tolist())


def test_provisions_are_a_function_of_the_seed():
    pockets = [provisions(seed) for seed in range(40)]
    assert all(np.array_equal(slots, provisions(seed)) for seed, slots in enumerate(pockets))
    assert len({slots.tobytes() for slots in pockets}) == 40
    for slots in pockets:
        held = slots[:, 0] != NOTHING
        assert 3 <= held.sum() <= 15
        assert (slots[held, 1] >= 1).all()
        assert (slots[held, 1] <= MAX_STACK).all()
        assert (slots[~held, 1] == 0).all()
    _, info = VoxelEnv(provided=True).reset(seed=3)
    assert np.array_equal(info["hotbar"], pockets[3][:9])
    assert not VoxelEnv().reset(seed=3)[1]["inventory"].any()
