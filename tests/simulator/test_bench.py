"""`bench`: what it prints and writes. Nothing here looks at how long anything took."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import imageio.v3 as iio
import pytest
import torch

import run_sim
from envs.collect import Source
from models import checkpoint as checkpoints
from models.ego_motion import EgoMotion
from models.training.memory import keep_memory
from simulator.benchmarks import batched, collection, figures, report, single, startup, suite, timing, training
from simulator.benchmarks.machine import free_bytes, machine, n_cores
from simulator.benchmarks.plan import N_PARTS, Plan, Result
from simulator.benchmarks.subject import environment, load_subject
from simulator.moment import state_bytes
from tests.envs.toy import ToyEnv, ToyPolicy
from tests.models.tiny import FAMILIES, randomised

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
TINY = Plan(
    frames=4, seconds=1.0, long=20, soak=30, presets=("maze-small", "maze-mamba"), widths=(16, 48), steps=(1, 2),
    histories=(6, 12), windows=(2, 5), batches=(1, 3), window_frames=4, window_rows=2, episode_steps=12,
    compiled=False, worlds=(),
)  # fmt: skip
HEADLINE = {
    "frame_ms_p50", "frame_ms_p95", "frame_ms_p99", "fps", "flat_ratio", "frames", "state_bytes", "resident_bytes",
    "rss_growth_bytes", "device", "dtype", "threads", "parameters", "steps", "denoise_ms", "commit_ms", "decode_ms", "draw_ms",
}  # fmt: skip
IN_PROCESS = [name for name in suite.BENCHMARKS if name not in ("collection", "startup")]


def save(folder, family="maze-small"):
    model = randomised(FAMILIES[family])
    checkpoints.save(model, folder, ego_motion=EgoMotion(model.config))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save(tmp_path_factory.mktemp("bench") / "model")


@pytest.fixture(scope="module")
def subject(folder):
    return load_subject(folder, "memory-maze", "cpu", 1)


@pytest.fixture(scope="module")
def known(subject):
    """A report of everything that runs in this process, as it comes back from a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single, "preset", lambda name: replace(FAMILIES[name], n_actions=6))
        patch.setattr("simulator.benchmarks.machine.PEAK_SIDE", {"cpu": 64})
        return json.loads(json.dumps(suite.run(subject, TINY, IN_PROCESS)))


def rows(known, name):
    return known["benchmarks"][name]["rows"]


def test_plain_bench_ends_in_one_line_of_json(folder, tmp_path, capsys):
    out = tmp_path / "bench.json"
    flags = ["--checkpoint", str(folder), "--frames", "4", "--long", "20", "--json", str(out)]
    assert run_sim.main(["bench", *flags]) == 0
    said = capsys.readouterr().out.splitlines()
    last, found = json.loads(said[-1]), json.loads(out.read_text())
    assert set(last) == HEADLINE
    assert (last["device"], last["dtype"], last["threads"], last["steps"]) == ("cpu", "float32", 1, 1)
    assert min(last[key] for key in ("frame_ms_p50", "fps", "denoise_ms", "commit_ms", "decode_ms", "draw_ms", "state_bytes")) > 0
    assert found["headline"] == last
    assert list(found["benchmarks"]) == ["frame", "flatness"]
    assert last["flat_ratio"] == rows(found, "flatness")[-1]["ratio"]
    assert [line.split(":")[0] for line in said if line.startswith(("frame:", "flatness:"))] == ["frame", "flatness"]


def test_every_benchmark_says_what_it_ran_on_and_compares_within_the_run(known):
    for name, found in known["benchmarks"].items():
        assert {"device", "dtype", "threads"} <= set(found["facts"]), name
        assert "Ratio: " in found["about"], name
        assert found["rows"], name
        for row in found["rows"]:
            assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"], name
            assert row["ratio"] > 0, name
            assert row["n"] >= 1, name


def test_the_parts_of_a_frame_and_what_is_carried(known, subject):
    assert [row["name"] for row in rows(known, "frame")] == ["frame", "denoise", "decode", "commit", "draw"]
    assert len({row["n"] for row in rows(known, "frame")}) == 1
    assert rows(known, "frame")[0]["state_bytes"] == state_bytes(subject.engine.begin(None, 0))


def test_a_frame_is_measured_where_there_is_nothing_to_draw_on(subject, monkeypatch):
    def no_screen():
        raise ImportError("no pygame here")

    monkeypatch.setattr("simulator.benchmarks.frame._screen", no_screen)
    found = suite.run(subject, TINY, ["frame"])
    assert found["benchmarks"]["frame"]["left_out"] == ["draw: no pygame here"]
    assert found["headline"]["draw_ms"] is None
    assert found["headline"]["commit_ms"] > 0


@pytest.mark.parametrize(("name", "n"), [("flatness", 20), ("soak", 30)])
def test_a_long_dream_is_told_in_equal_parts(known, name, n):
    found = rows(known, name)
    assert [row["frame"] for row in found] == [10 + (i + 1) * n // N_PARTS for i in range(N_PARTS)]
    assert found[0]["ratio"] == 1
    assert len({row["state_bytes"] for row in found}) == 1
    assert all(row["resident_bytes"] > 0 for row in found)


def test_single_streams_by_steps_threads_and_size(known):
    found = [(row["name"], row["threads"], row["steps"]) for row in rows(known, "single")]
    sizes = [f"{name}, random weights" for name in ("maze-small", "maze-mamba", "16 wide instead of 32", "48 wide instead of 32")]
    assert found == [("the checkpoint", 1, 1), ("the checkpoint", 1, 2), *((name, 1, 1) for name in sizes)]
    assert (
        rows(known, "single")[-2]["parameters"] < rows(known, "single")[0]["parameters"] < rows(known, "single")[-1]["parameters"]
    )
    assert rows(known, "single")[0]["ratio"] == 1


def test_the_compiled_network_stands_beside_the_plain_one(subject, monkeypatch):
    plan = replace(TINY, compiled=True, presets=(), widths=())
    monkeypatch.setattr("simulator.accelerate.compiler", lambda: None)
    assert len(single.measure(subject, plan).rows) == 2
    reason = "plain, not compiled: no C++ compiler was found (CXX, g++ or clang++)"
    assert single.measure(subject, plan).facts["fastest path"] == reason
    made = subject.engine.accelerator._plain
    monkeypatch.setattr(
        type(subject.engine.accelerator), "take", lambda self, wanted: ("float32", made, "cpu, float32; compiled, x")
    )
    found = single.measure(subject, plan)
    pairs = [("the checkpoint", steps) for steps in (1, 2)], [("the checkpoint, compiled, float32", steps) for steps in (1, 2)]
    assert [(row["name"], row["steps"]) for row in found.rows] == [row for pair in zip(*pairs, strict=True) for row in pair]
    assert [row["to_plain"] > 0 for row in found.rows[1::2]] == [True, True]
    assert found.facts["fastest path"] == "float32, compiled, x"
    floors = suite.BENCHMARKS["floor"](subject, plan).rows
    assert [row["name"] for row in floors][-1] == "the engine's step, compiled, float32"


def test_models_shipped_for_other_worlds_stand_beside_it_plain_and_compiled(subject, monkeypatch):
    asked = []
    monkeypatch.setattr(single, "load_subject", lambda folder, world, *rest: asked.append((folder, world)) or subject)
    plan = replace(TINY, compiled=True, presets=(), widths=(), steps=(1,), worlds=("memory-maze", "voxel"))
    made = subject.engine.accelerator._plain
    monkeypatch.setattr(type(subject.engine.accelerator), "take", lambda self, wanted: ("float32", made, "cpu, float32; fast, x"))
    found = single.measure(subject, plan).rows[2:]
    assert asked == [(None, "voxel")]
    assert [row["name"] for row in found] == ["the model shipped for voxel", "the model shipped for voxel, compiled, float32"]
    assert "to_plain" not in found[0]
    assert found[1]["to_plain"] > 0


def test_a_preset_of_no_known_world_is_left_out_and_named(subject, monkeypatch):
    monkeypatch.setattr(single, "preset", lambda name: replace(FAMILIES["maze-small"], world="mars"))
    found = single.measure(subject, replace(TINY, presets=("maze-small",), widths=(), steps=(1,)))
    assert found.left_out[0].startswith("maze-small: unknown world 'mars'; known: memory-maze")
    assert len(found.rows) == 1


def test_a_growing_cache_is_told_with_what_it_holds(known):
    found = rows(known, "growing_cache")
    assert [row["frames"] for row in found] == [6, 12]
    assert found[0]["cache_bytes"] < found[1]["cache_bytes"]
    assert found[0]["state_bytes"] == found[1]["state_bytes"]


def test_a_network_without_attention_has_no_growing_cache(tmp_path):
    found = suite.run(load_subject(save(tmp_path / "m", "maze-mamba"), "memory-maze", "cpu", 1), TINY, ["growing_cache"])
    assert found["benchmarks"]["growing_cache"]["left_out"] == ["this network has no attention to compare with"]
    assert found["benchmarks"]["growing_cache"]["rows"] == []
    assert "left out: this network" in report.screen("growing_cache", found)
    assert "Left out: this network" in report.markdown("growing_cache", found)


def test_batches_stop_where_memory_would_not_suffice(subject, known, monkeypatch):
    assert [row["batch"] for row in rows(known, "batched")] == [1, 3]
    monkeypatch.setattr(batched, "peak_bytes", lambda device: 2**40)
    monkeypatch.setattr(batched, "free_bytes", lambda device: 2**40)
    found = batched.measure(subject, replace(TINY, batches=(1, 2, 4)))
    assert [row["batch"] for row in found.rows] == [1]
    assert re.fullmatch(r"2 dreams and more: at 10\d{5}\.\d MiB each .* GiB, and 1024\.0 GiB are free", found.left_out[0])


def test_training_tells_its_share_of_the_machine(known):
    kept = ("bfloat16", "bfloat16, memory kept", "float32, memory kept") if keep_memory() else ("bfloat16", "float32")
    for row, name in zip(rows(known, "training"), kept, strict=True):
        assert (row["name"], row["n"]) == (name, training.N_STEPS)
        assert row["gflop"] == rows(known, "training")[0]["gflop"]
        assert row["peak_gflop_per_second"] > 0


def test_collecting_adds_up_what_the_processes_do(subject, monkeypatch):
    world = SimpleNamespace(name="toy", env_maker=lambda n: partial(ToyEnv, n), explorer_maker=lambda: ToyPolicy)
    monkeypatch.setattr(collection, "find", lambda name: world)
    monkeypatch.setattr(collection, "n_cores", lambda: 3)
    monkeypatch.setattr(collection, "ProcessPoolExecutor", lambda n, mp_context: ThreadPoolExecutor(n))
    found = collection.measure(subject, TINY)
    assert [(row["processes"], row["n"]) for row in found.rows] == [(1, 12), (3, 36)]
    assert found.rows[0]["ratio"] == 1
    job = partial(collection.collect_one, Source("toy", partial(ToyEnv, 9), ToyPolicy), 5, 1)
    assert len(pickle.loads(pickle.dumps(job))()[0]) == 5


def test_collecting_says_why_it_could_not(subject, monkeypatch):
    monkeypatch.setattr(collection, "find", lambda name: (_ for _ in ()).throw(ValueError("not installed: pip install it")))
    assert collection.measure(subject, TINY).left_out == ["not installed: pip install it"]


def test_start_up_runs_the_command_line_as_a_person_would(subject, monkeypatch):
    asked, sizes = [], []

    def python(*arguments):
        asked.append([str(argument) for argument in arguments])
        if arguments[0] == startup.RUN_SIM:
            assert run_sim.main(asked[-1][1:]) == 0
            sizes.append(len(list(iio.imiter(asked[-1][-1], plugin="pillow"))))

    monkeypatch.setattr(startup, "_python", python)
    monkeypatch.setattr(startup, "N_STARTS", 1)
    found = startup.measure(subject, TINY)
    assert startup.RUN_SIM == ROOT / "run_sim.py"
    assert [row["name"] for row in found.rows][::2] == ["import PyTorch", "run_sim.py record --frames 1"]
    assert asked[0] == ["-c", "import torch"]
    assert set(sizes) == {1}


def test_a_fresh_process_that_fails_is_an_error_with_its_last_words():
    with pytest.raises(RuntimeError, match="ended with code 1: ValueError: no such thing"):
        startup._python("-c", "raise ValueError('no such thing')")


def test_calls_are_timed_in_turns_and_not_for_ever(monkeypatch):
    order = []
    calls = {name: partial(order.append, name) for name in "ab"}
    taken = timing.compare(calls, 4, 10.0, CPU, "", warm_up=1)
    assert order == ["a", "b"] * 5
    assert [len(seconds) for seconds in taken.values()] == [4, 4]
    monkeypatch.setattr(timing.time, "perf_counter", partial(next, count()))
    assert len(timing.compare(calls, 100, 2.0, CPU, "")["a"]) == timing.FEWEST


def test_times_are_percentiles_and_a_ratio_of_medians():
    row = timing.times([0.001 * i for i in range(1, 102)], [0.0255])
    assert row == {"p50_ms": 51.0, "p95_ms": 96.0, "p99_ms": 100.0, "n": 101, "ratio": 2.0}
    assert timing.rate([0.5, 0.25, 0.1], batch=8) == 32.0


def test_the_machine_tells_its_cores_and_its_memory():
    assert machine()["cores"] == n_cores() >= 1
    free = free_bytes(CPU)
    assert free is None or free > 2**20


ASKS_FOR_THE_PEAK = """
import torch
from simulator.benchmarks.machine import forget_peak, peak_bytes
cpu = torch.device("cpu")
forget_peak(cpu)
before = peak_bytes(cpu)
if before is not None:
    ballast = torch.ones(2**26)
    assert peak_bytes(cpu) - before > 2**27
    del ballast
    forget_peak(cpu)
    assert peak_bytes(cpu) - before < 2**27
"""


def test_the_peak_of_memory_is_that_since_it_was_forgotten():
    """In a process of its own: one that has held more would take the ballast from what it keeps."""
    subprocess.run([sys.executable, "-c", ASKS_FOR_THE_PEAK], check=True, cwd=ROOT, timeout=120)


def test_an_environment_is_put_back(monkeypatch):
    monkeypatch.setenv("REVISIT_A", "1")
    monkeypatch.delenv("REVISIT_B", raising=False)
    with environment(REVISIT_A="2", REVISIT_B="3"):
        assert (os.environ["REVISIT_A"], os.environ["REVISIT_B"]) == ("2", "3")
    assert os.environ["REVISIT_A"] == "1"
    assert "REVISIT_B" not in os.environ


def test_every_figure_is_drawn_from_the_json_alone(known, tmp_path):
    drawn = figures.draw(known, tmp_path / "new")
    assert set(drawn) == set(figures.FIGURES) == {path.stem.removeprefix("bench-").replace("-", "_") for path in drawn.values()}
    assert all(iio.imread(path).std() > 1 for path in drawn.values())
    assert figures.draw({"benchmarks": {"batched": {"rows": []}}}, tmp_path) == {}


def test_a_document_is_filled_from_the_json_alone(known):
    names = list(known["benchmarks"])
    empty = "# Speed\n" + "".join(f"before {name}\n<!-- bench:{name} -->\nold\n<!-- end -->\n" for name in names) + "after\n"
    filled = report.fill(empty, known, {"frame": "figures/bench-frame.png"})
    assert report.fill(filled, known, {"frame": "figures/bench-frame.png"}) == filled
    assert "old" not in filled
    assert filled.startswith("# Speed\nbefore frame\n")
    assert filled.endswith("<!-- end -->\nafter\n")
    assert filled.count("![") == 1
    for name in names:
        for row in rows(known, name):
            assert f"{row['p50_ms']:,} |" in filled
    one = {**known, "benchmarks": {"frame": known["benchmarks"]["frame"]}}
    assert report.fill(empty, one, {}).count("old") == len(names) - 1


def test_a_document_without_a_place_is_refused(known):
    with pytest.raises(ValueError, match="no place for 'frame'; expected a line '<!-- bench:frame -->'"):
        report.fill("# Speed\n", known, {})


def test_tables_have_a_column_for_every_key_and_sizes_in_units():
    found = Result("About.", {"device": "cpu"}, [{"name": "a", "state_bytes": 614776}, {"name": "b", "p50_ms": 1234.5, "n": 3}])
    told = {"machine": machine() | {"date": "2026-01-02", "gpu": None}, "benchmarks": {"x": vars(found)}}
    assert report.markdown("x", told).splitlines()[-4:] == [
        "|  | state | p50 ms | n |", "|---|--:|--:|--:|", "| a | 600.4 KiB |  |  |", "| b |  | 1,234.5 | 3 |",
    ]  # fmt: skip
    assert report.screen("x", told).splitlines()[-1].split() == ["b", "1,234.5", "3"]
    assert "2026-01-02" in report.screen("x", told)


def test_the_page_on_speed_has_a_place_for_every_benchmark_and_holds_only_measured_figures():
    page = (ROOT / "docs" / "performance.md").read_text()
    kept = [json.loads(path.read_text()) for path in sorted((ROOT / "docs" / "figures").glob("bench*.json"))]
    for name in suite.BENCHMARKS:
        section = page.split(report.MARKER.format(name))[1].split(report.END)[0].strip()
        link = f"figures/{figures.file_name(name)}" if (ROOT / "docs" / "figures" / figures.file_name(name)).exists() else None
        made = [report.markdown(name, found, link) for found in kept if name in found.get("benchmarks", {})]
        assert section in ([made_once.strip() for made_once in made] or ["Not measured yet."])


def test_what_was_measured_is_shown_and_written_again_without_measuring(folder, tmp_path, capsys):
    page, out = tmp_path / "page.md", tmp_path / "bench.json"
    page.write_text("<!-- bench:frame -->\n<!-- end -->\n")
    flags = ["--only", "frame", "--report", str(page), "--figures", str(tmp_path / "figures")]
    assert run_sim.main(["bench", *flags, "--checkpoint", str(folder), "--frames", "3", "--json", str(out)]) == 0
    first, said = page.read_text(), capsys.readouterr().out
    assert "![frame](figures/bench-frame.png)" in first
    page.write_text("<!-- bench:frame -->\n<!-- end -->\n")
    assert run_sim.main(["bench", *flags, "--read", str(out)]) == 0
    assert page.read_text() == first
    assert capsys.readouterr().out == said


def test_nothing_is_chosen_twice_and_runs_of_no_frames_are_left_out():
    everything = list(suite.BENCHMARKS)
    assert suite.chosen(Plan(), (), False) == ["frame", "flatness"]
    assert suite.chosen(Plan(soak=100), (), False) == ["frame", "flatness", "soak"]
    assert suite.chosen(Plan(), (), True) == [name for name in everything if name != "soak"]
    assert suite.chosen(Plan(long=0), ("floor", "frame"), False) == ["frame", "floor"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--only", "speed"], "unknown benchmark 'speed'; known: frame, flatness, soak, single,"),
        (["--only", "soak"], "--only soak has no frames; give --soak N"),
        (["--frames", "0"], "frames (0,) must be at least 1 each"),
        (["--batches", "4", "-1"], "batches (4, -1) must be at least 1 each"),
        (["--seconds", "0"], "seconds 0.0 must be more than 0"),
        (["--long", "5"], "long 5 and soak 0; expected at least 10 frames, or 0 to leave them out"),
        (["--report", "nowhere.md"], "--report nowhere.md: no such file; expected a document"),
        (["--json", "nowhere/bench.json"], "--json nowhere/bench.json: there is no folder nowhere"),
        (["--read", "nowhere.json"], "nowhere.json"),
        (["--checkpoint", "nowhere"], "nowhere: no such checkpoint folder"),
        (["--device", "abacus"], "device 'abacus' is not available here"),
    ],
)
def test_bad_flags_are_one_line_and_exit_code_2(capsys, flags, message):
    assert run_sim.main(["bench", *flags]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1


def test_a_file_of_other_figures_is_refused(tmp_path, capsys):
    for content in ("{}", "3", "no json"):
        (tmp_path / "old.json").write_text(content)
        assert run_sim.main(["bench", "--read", str(tmp_path / "old.json")]) == 2
        assert "not figures of bench; expected a file that --json wrote" in capsys.readouterr().err


def test_a_checkpoint_without_ego_motion_cannot_be_driven(tmp_path, capsys):
    checkpoints.save(randomised(FAMILIES["maze-small"]), tmp_path / "m")
    assert run_sim.main(["bench", "--checkpoint", str(tmp_path / "m")]) == 2
    assert "no ego-motion, so keys alone cannot drive it" in capsys.readouterr().err
