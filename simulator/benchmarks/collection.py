"""Steps a second of the scripted explorer in the real world, in one process and on all cores."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium as gym

from envs import episode as episodes
from envs.catalog import find
from envs.collect import Source, rollout
from simulator.benchmarks.machine import n_cores
from simulator.benchmarks.plan import Plan, Result, Row
from simulator.benchmarks.subject import Subject
from simulator.benchmarks.timing import times


class TimedEnv(gym.Wrapper):
    """An env that notes how long each step took."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.seconds: list[float] = []

    def step(self, action: Any) -> Any:
        began = time.perf_counter()
        result = self.env.step(action)
        self.seconds.append(time.perf_counter() - began)
        return result


def collect_one(source: Source, n_steps: int, seed: int) -> tuple[list[float], float]:
    """Collect one episode as `collect` does: seconds of each of the env's steps, and of everything, saving included."""
    env = TimedEnv(source.make_env())
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        episodes.save(rollout(env, source.make_policy(seed), n_steps, seed), Path(folder) / "episode.npz")
        return env.seconds, time.perf_counter() - began


def measure(subject: Subject, plan: Plan) -> Result:
    """`ratio`: steps a second of all processes together against one alone."""
    about = (
        f"One episode of {plan.episode_steps} steps a process of the scripted explorer in the real {subject.world}, reset and "
        "saving included; percentiles are of the env's own steps. Ratio: all processes together against one."
    )
    facts = {"device": "cpu", "dtype": "uint8 pictures", "threads": 1, "world": subject.world}
    rows: list[Row] = []
    try:
        world = find(subject.world)
        source = Source(world.name, world.env_maker(plan.episode_steps + 1), world.explorer_maker())
        for n in sorted({1, n_cores()}):
            rows.append(_row(source, n, plan.episode_steps, rows))
    except (ImportError, ValueError, RuntimeError) as error:
        return Result(about, facts, rows, [str(error)])
    return Result(about, facts, rows)


def _row(source: Source, n_processes: int, n_steps: int, rows: list[Row]) -> Row:
    with ProcessPoolExecutor(n_processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = [task.result() for task in [pool.submit(collect_one, source, n_steps, seed) for seed in range(n_processes)]]
    rates = [len(steps) / whole for steps, whole in found]
    name = f"{n_processes} process" + ("es" if n_processes > 1 else "")
    row: Row = {"name": name, "processes": n_processes, **times([seconds for steps, _ in found for seconds in steps])}
    row |= {"steps_per_second": round(sum(rates), 2), "steps_per_second_each": round(sum(rates) / n_processes, 2)}
    return row | {"ratio": round(row["steps_per_second"] / (rows[0] if rows else row)["steps_per_second"], 3)}
