"""Collecting: whole files, the same again, and never two worlds in one folder."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest

from envs import collect as collecting
from envs import episode as episodes
from envs.collect import Source, collect, rollout
from tests.envs.toy import SlowPolicy, ToyEnv, ToyPolicy

TOY = Source("toy", ToyEnv, ToyPolicy)


def fill(out, n=3, seed=5, source=TOY, n_steps=10, provenance=None):
    return collect(source, out, n, n_steps, seed, n_workers=1, provenance=provenance or {"made": "here"})


def test_a_rollout_has_one_frame_more_than_steps_and_says_what_led_where():
    episode = rollout(ToyEnv(), ToyPolicy(0), 10, seed=3)
    assert len(episode) == 11
    assert episode.action[0] == 0
    assert episode.n_actions == 3
    moved = np.diff(episode.pose[:, 1])
    assert np.array_equal(moved, np.array([0, 1, -1])[episode.action[1:]])
    assert np.array_equal(episode.extras["reward"][1:], episode.action[1:])
    assert np.array_equal(episode.extras["depth"][:, 0], episode.pose[:, 1])
    assert set(episode.extras) == {"reward", "depth"}


def test_a_rollout_ends_with_its_world():
    assert len(rollout(ToyEnv(n_steps=4), ToyPolicy(0), 10, seed=3)) == 5


def test_a_folder_is_filled_with_whole_episodes_and_a_manifest(tmp_path):
    manifest = fill(tmp_path)
    assert manifest["seeds"] == [5, 6, 7]
    assert json.loads((tmp_path / "manifest.json").read_text()) == manifest
    assert manifest["world"] == "toy"
    assert manifest["provenance"] == {"made": "here"}
    files = sorted(path.name for path in tmp_path.glob("*.npz"))
    assert files == ["toy-00000005.npz", "toy-00000006.npz", "toy-00000007.npz"]
    for name, seed in zip(files, (5, 6, 7), strict=True):
        expected = rollout(ToyEnv(), ToyPolicy(seed), 10, seed)
        found = episodes.load(tmp_path / name)
        assert np.array_equal(found.image, expected.image)
        assert np.array_equal(found.action, expected.action)


def test_what_is_there_is_kept_and_what_is_missing_is_made_the_same(tmp_path):
    fill(tmp_path)
    content = {path.name: path.read_bytes() for path in tmp_path.glob("*.npz")}
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    (tmp_path / "toy-00000006.npz").unlink()
    assert fill(tmp_path, n=4)["seeds"] == [5, 6, 7, 8]
    remade = episodes.load(tmp_path / "toy-00000006.npz")
    (tmp_path / "before.npz").write_bytes(content["toy-00000006.npz"])
    assert np.array_equal(remade.image, episodes.load(tmp_path / "before.npz").image)
    for name in ("toy-00000005.npz", "toy-00000007.npz"):
        assert (tmp_path / name).stat().st_mtime_ns == times[name]


def test_a_run_that_breaks_off_leaves_whole_files_and_can_be_gone_on_with(tmp_path):
    with pytest.raises(RuntimeError, match="killed"):
        fill(tmp_path, n=5, seed=11, source=Source("toy", ToyEnv, SlowPolicy))
    made = sorted(tmp_path.glob("*.npz"))
    assert made
    for path in made:
        episodes.load(path)
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(ValueError, match="world toy, not voxel"):
        fill(tmp_path, source=Source("voxel", ToyEnv, ToyPolicy))
    assert fill(tmp_path, n=5, seed=11)["seeds"] == [11, 12, 13, 14, 15]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": Source("voxel", ToyEnv, ToyPolicy)}, "holds episodes with world toy, not voxel; choose another --out"),
        ({"n_steps": 11}, "n_steps 10, not 11"),
        ({"provenance": {"made": "elsewhere"}}, "provenance .*here.*, not .*elsewhere"),
    ],
)
def test_a_folder_of_another_kind_of_episodes_is_refused(tmp_path, monkeypatch, changes, message):
    (tmp_path / "manifest.json").write_text(
        json.dumps({"world": "toy", "n_steps": 10, "provenance": {"made": "here"}, "seeds": [5]})
    )
    monkeypatch.setattr(collecting, "ProcessPoolExecutor", None)
    with pytest.raises(ValueError, match=message):
        fill(tmp_path, **changes)


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_manifest_is_named(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"manifest\.json: not"):
        fill(tmp_path)


@pytest.mark.parametrize(("n", "n_steps", "seed"), [(0, 10, 0), (1, 0, 0), (1, 10, -1)])
def test_nothing_to_collect_is_refused(tmp_path, n, n_steps, seed):
    with pytest.raises(ValueError, match="must be at least"):
        fill(tmp_path / "never", n=n, n_steps=n_steps, seed=seed)
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_told_to_end_waits_until_a_pool_has_begun(number):
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    got_on = []

    def begin() -> None:
        with collecting._signals_waiting():
            signal.raise_signal(number)
            got_on.append(True)

    try:
        with pytest.raises(KeyboardInterrupt):
            begin()
        assert got_on
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)
