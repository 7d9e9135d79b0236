"""Episode files: ours, the public data set's, and the broken ones."""

from __future__ import annotations

import numpy as np
import pytest

from envs import episode as episodes
from envs.episode import Episode, EpisodeError

T = 12


def arrays(**changes):
    """A file of the public Memory Maze data: zeros as the first action row, targets, no poses we would not know."""
    rng = np.random.default_rng(0)
    action = np.eye(6, dtype=np.float32)[rng.integers(0, 6, T)]
    action[0] = 0
    angle = rng.uniform(-3, 3, T)
    found = {
        "image": rng.integers(0, 256, (T, 64, 64, 3), dtype=np.uint8),
        "action": action,
        "reward": rng.random(T, np.float32),
        "maze_layout": np.ones((T, 9, 9), np.uint8),
        "agent_pos": rng.uniform(0, 9, (T, 2)).astype(np.float32),
        "agent_dir": np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32),
        "targets_pos": rng.uniform(0, 9, (T, 3, 2)),
        "targets_vec": rng.uniform(-9, 9, (T, 3, 2)),
        "target_pos": rng.uniform(0, 9, (T, 2)),
        "target_vec": rng.uniform(-9, 9, (T, 2)),
        "target_color": rng.random((T, 3)),
    } | changes
    return {name: value for name, value in found.items() if value is not None}


def written(tmp_path, **changes):
    np.savez_compressed(tmp_path / "e.npz", **arrays(**changes))
    return tmp_path / "e.npz"


def test_a_file_of_the_public_schema_is_read_unchanged(tmp_path):
    source = arrays()
    episode = episodes.load(written(tmp_path))
    assert len(episode) == T
    assert episode.n_actions == 6
    assert np.array_equal(episode.image, source["image"])
    assert np.array_equal(episode.action, source["action"].argmax(1))
    assert episode.action[0] == 0
    np.testing.assert_allclose(episode.pose[:, :2], source["agent_pos"])
    np.testing.assert_allclose(np.cos(episode.pose[:, 3]), source["agent_dir"][:, 0], atol=1e-6)
    assert set(episode.extras) == set(source) - {"image", "action", "agent_pos", "agent_dir"}
    assert np.array_equal(episode.extras["targets_pos"], source["targets_pos"])


def test_what_is_saved_is_loaded_and_in_the_public_schema(tmp_path):
    first = episodes.load(written(tmp_path))
    episodes.save(first, tmp_path / "again.npz")
    second = episodes.load(tmp_path / "again.npz")
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.action, second.action)
    np.testing.assert_allclose(first.pose, second.pose, atol=1e-6)
    assert all(np.array_equal(first.extras[name], second.extras[name]) for name in first.extras)
    with np.load(tmp_path / "again.npz") as file:
        assert {name: file[name].shape for name in file.files} == {name: value.shape for name, value in arrays().items()}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [], "no half-written file stays behind"


def test_height_and_pitch_survive_too(tmp_path):
    pose = np.random.default_rng(1).uniform(-1, 1, (T, 5))
    episodes.save(Episode(arrays()["image"], np.zeros(T, np.int64), 6, pose), tmp_path / "e.npz")
    np.testing.assert_allclose(episodes.load(tmp_path / "e.npz").pose, pose, atol=1e-6)


def test_an_episode_without_poses_is_an_episode(tmp_path):
    episode = episodes.load(written(tmp_path, agent_pos=None, agent_dir=None))
    assert episode.pose is None
    episodes.save(episode, tmp_path / "again.npz")
    assert episodes.load(tmp_path / "again.npz").pose is None


def test_poses_can_be_read_without_decoding_the_pictures(tmp_path):
    episode = episodes.load(written(tmp_path), images=False)
    np.testing.assert_allclose(episode.pose[:, :2], arrays()["agent_pos"])
    assert len(episode) == T


def test_a_clip_is_an_episode_of_its_own(tmp_path):
    whole = episodes.load(written(tmp_path))
    clip = whole.clip(3, 8)
    assert len(clip) == 5
    assert clip.action[0] == 0
    assert np.array_equal(clip.action[1:], whole.action[4:8])
    assert np.array_equal(clip.image, whole.image[3:8])
    assert np.array_equal(clip.extras["reward"], whole.extras["reward"][3:8])
    for start, stop in ((-1, 3), (5, 5), (0, T + 1)):
        with pytest.raises(ValueError, match=rf"clip {start}..{stop} is not inside 0..{T}"):
            whole.clip(start, stop)


def nan_pose():
    position = arrays()["agent_pos"].copy()
    position[5, 1] = np.nan
    return position


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": None}, "no array 'image'; found action"),
        ({"action": None}, "no array 'action'; found .*image"),
        ({"image": arrays()["image"].astype(np.float32)}, r"image is float32 \(12, 64, 64, 3\); expected uint8"),
        ({"image": arrays()["image"][..., 0]}, r"image is uint8 \(12, 64, 64\); expected uint8 \(t, H, W, 3\)"),
        ({"image": arrays()["image"][:0], "action": arrays()["action"][:0]}, "image is uint8 .*with t >= 1"),
        ({"action": np.zeros(T, np.int64)}, r"action has shape \(12,\); expected one-hot"),
        ({"action": np.zeros((T, 0))}, r"action has shape \(12, 0\); expected one-hot"),
        ({"action": arrays()["action"][:-1]}, r"action has shape \(11,\); expected \(12,\)"),
        ({"agent_pos": nan_pose()}, "pose holds NaN or infinite numbers"),
        ({"agent_pos": arrays()["agent_pos"][:-1]}, r"agent_pos \(11, 2\) float32 and agent_dir \(12, 2\)"),
        ({"agent_pos": np.zeros((T, 7))}, r"agent_pos \(12, 7\)"),
        ({"agent_dir": np.zeros(T)}, r"agent_dir \(12,\)"),
        ({"agent_dir": np.full((T, 2), "north")}, "agent_dir"),
        ({"agent_pitch": np.zeros((T, 2))}, r"agent_pitch is float64 \(12, 2\); expected one number a frame"),
        ({"reward": np.zeros(T + 1)}, "reward has 13 rows; expected 12, one a frame"),
        ({"reward": np.float32(1)}, "reward has no rows; expected 12, one a frame"),
        ({"reward": np.array([None] * T)}, "not a readable npz .*allow_pickle"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it_and_what_was_expected(tmp_path, changes, message):
    path = written(tmp_path, **changes)
    with pytest.raises(EpisodeError, match=message) as caught:
        episodes.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_one_line_that_says_to_collect_it_again(tmp_path, keep):
    path = written(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(EpisodeError, match=r"not a readable npz .*collect it again"):
        episodes.load(path)


def test_files_of_another_kind_are_one_line(tmp_path):
    with pytest.raises(EpisodeError, match=r"none.npz: no such file"):
        episodes.load(tmp_path / "none.npz")
    with pytest.raises(EpisodeError, match="not a readable npz"):
        episodes.load(tmp_path)
    with open(tmp_path / "single.npz", "wb") as file:
        np.save(file, np.zeros(3))
    (tmp_path / "text.npz").write_text("hello")
    for name in ("single", "text"):
        with pytest.raises(EpisodeError, match=r"not a readable npz .File is not a zip file"):
            episodes.load(tmp_path / f"{name}.npz")


def test_no_damaged_byte_leads_to_anything_but_an_episode_error(tmp_path):
    rng = np.random.default_rng(0)
    np.savez_compressed(
        tmp_path / "e.npz", **{name: value[:, :4, :4] if name == "image" else value for name, value in arrays().items()}
    )
    whole = (tmp_path / "e.npz").read_bytes()
    n_refused = 0
    for _ in range(300):
        content = bytearray(whole)
        content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
        (tmp_path / "bad.npz").write_bytes(content)
        try:
            episodes.load(tmp_path / "bad.npz")
        except EpisodeError:
            n_refused += 1
    assert n_refused > 150


def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = written(tmp_path)
    episode, before = episodes.load(path), path.read_bytes()

    def full(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        episodes.save(episode, path)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["e.npz"]
