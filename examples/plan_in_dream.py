"""Plan in the dream, act in the real maze: walk to the ball of the colour that is asked for, by trying ways in the mind first.

    python examples/plan_in_dream.py --seed 8

A guide walks through a real maze while the model watches. What the model then believes is read from its state: where walls are,
and where the ball. From then on, every few steps: the present moment of the dream is put into all rows of a vector env, random
ways (turn, walk, turn, walk) are dreamt side by side, and the way along which one comes nearest to the ball, through what is
believed to be open, is really begun; the dream absorbs what is really seen, and plans anew. A ball out of sight is planned
towards as well as one in view, as far as the model remembers it. Where none is believed in, the explorer walks on.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

from models.belief import Belief
from simulator.drivers import Explorer
from simulator.evaluation.balls import BALL_COLOURS
from simulator.gym_env import LearnedVectorEnv
from simulator.load import load_engine
from simulator.recipe import Recipe, open_world
from simulator.twin import BesideWorld
from simulator.world import Snapshot

FORWARD, LEFT, RIGHT = 1, 2, 3
LEAST_SURE = 0.3
"""Probability of the ball in its likeliest cell below which no plan is made."""
WALL_COST = 20.0
"""Cells of way around that are taken rather than one through a wall that is believed in for sure."""
GLANCE = 0.7
"""Cells ahead of where a plan ends that count too: a plan that looks the right way is better than one that does not."""


class Goal(NamedTuple):
    """How far every cell is from the ball, walked through what is believed to be open. cells: (n_y, n_x). sure: 0..1."""

    cells: np.ndarray
    sure: float

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Cells to walk from the places (x, y), arrays of one shape: by way of the own cell's centre or a neighbour's."""
        n_y, n_x = self.cells.shape
        column, row = np.floor(x).astype(int), np.floor(y).astype(int)
        by_way_of = [
            self.cells[(row + dy) % n_y, (column + dx) % n_x] + np.hypot(column + dx + 0.5 - x, row + dy + 0.5 - y)
            for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
        ]
        return np.min(by_way_of, axis=0)


def believed_goal(belief: Belief, colour: np.ndarray) -> Goal:
    """The way to the ball whose colour is `colour` (3,), 0..255, as row 0 of `belief` has it."""
    walls, balls = belief.walls[0], belief.balls[0][..., np.abs(BALL_COLOURS - colour).sum(axis=1).argmin()]
    cells, cost = np.full(walls.shape, 1e3), 1 + WALL_COST * walls
    cells[np.unravel_index(balls.argmax(), balls.shape)] = 0
    for _ in range(cells.size):  # no way is longer
        nearest = np.min([np.roll(cells, by, axis) for by in (1, -1) for axis in (0, 1)], axis=0)
        cells = np.minimum(cells, cost + nearest)
    return Goal(cells, float(balls.max()))


def random_ways(n_plans: int, horizon: int, rng: np.random.Generator) -> np.ndarray:
    """Actions (horizon, n_plans): turn, walk, turn, walk, each for a random while. The first one only walks."""
    ways = np.full((n_plans, 2 * horizon), FORWARD)
    for i in range(1, n_plans):
        turn, walk, turn_again = rng.integers(0, horizon), rng.integers(1, horizon), rng.integers(0, horizon)
        ways[i, :turn] = rng.choice([LEFT, RIGHT])
        ways[i, turn + walk : turn + walk + turn_again] = rng.choice([LEFT, RIGHT])
    return ways[:, :horizon].T


def think(envs: LearnedVectorEnv, moment: Snapshot, goal: Goal, horizon: int, rng: np.random.Generator) -> np.ndarray:
    """The actions (horizon,) of the best of `envs.num_envs` random ways from `moment`, each dreamt to its end."""
    ways = random_ways(envs.num_envs, horizon, rng)
    envs.restore(moment)
    far = np.zeros(envs.num_envs)
    for actions in ways:
        x, y, _, heading, _ = envs.step(actions)[-1]["pose"].T
        far += goal.distance(x, y) / horizon
    far += goal.distance(x + GLANCE * np.cos(heading), y + GLANCE * np.sin(heading))
    return ways[:, far.argmin()]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=8, help="of the maze and of all chance")
    options.add_argument("--watched", type=int, default=240, help="real steps the guide walks first")
    options.add_argument("--steps", type=int, default=160, help="real steps after that at most")
    options.add_argument("--plans", type=int, default=16, help="ways tried side by side")
    options.add_argument("--horizon", type=int, default=12, help="steps of a plan")
    options.add_argument("--done", type=int, default=4, help="steps of a plan that are done before the next one is made")
    options.add_argument("--explore", action="store_true", help="never plan: what the explorer alone needs, for comparison")
    chosen = options.parse_args()

    engine = load_engine(None, "memory-maze")
    assert engine.belief is not None, "planning reads the shipped model's beliefs"
    world = open_world(Recipe(kind="beside", n_lead_in=chosen.watched), engine)
    assert isinstance(world, BesideWorld)
    envs = LearnedVectorEnv(chosen.plans, engine)
    rng, explorer = np.random.default_rng(chosen.seed), Explorer(world.actions, chosen.seed)
    tick = world.reset(chosen.seed)
    n_planned = n_done = 0
    reached = False
    while n_done < chosen.steps and not reached:
        moment = world.dream.snapshot()
        goal = believed_goal(engine.belief.believe(moment.state.moment.stream), 255 * np.asarray(tick.info["target_color"]))
        planned = goal.sure >= LEAST_SURE and not chosen.explore
        plan = think(envs, moment, goal, chosen.horizon, rng) if planned else None
        for i in range(min(chosen.done, chosen.steps - n_done)):
            if plan is not None:
                action = int(plan[i])
            else:
                real = np.split(tick.frame, len(tick.info["panels"]), axis=1)[1]
                action = explorer.act(real, {**tick.info, "pose": tick.info["right_pose"]})
            tick = world.step(action, true=True)
            n_done, n_planned, reached = n_done + 1, n_planned + planned, tick.info["reward"] > 0
            if reached:
                break
        far = goal.distance(*tick.info["right_pose"][:2])
        told = f"planned, {far:.1f} cells from where the ball is believed to be ({100 * goal.sure:.0f}% sure)"
        print(f"{n_done:4d} steps: {told if planned else 'exploring'}")
    world.close()
    outcome = "reached after" if reached else "not reached in"
    print(f"the ball was {outcome} {n_done} real steps, {n_planned} of them planned in the dream")


if __name__ == "__main__":
    main()
