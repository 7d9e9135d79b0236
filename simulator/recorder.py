"""What a session leaves behind on request: videos that stream to disk, stills and episodes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from envs import episode as episodes
from envs.actions import ActionSpec
from envs.episode import Episode
from simulator import compose
from simulator.world import Tick

VIDEO_KINDS = (".mp4", ".gif")
VIDEO_HEIGHT = {".mp4": 512, ".gif": 256}
"""Pixels a frame is enlarged to, about."""

# One keyframe and one fragment a second, no frames held back by the encoder: a file cut anywhere plays up to its last second.
_CODECS = {
    ".mp4": "-c:v libx264 -preset veryfast -tune zerolatency -crf 17 -pix_fmt yuv420p"
    " -movflags +frag_keyframe+empty_moov+default_base_moof",
    ".gif": "-filter_complex [0:v]split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=none",
}


def check_video_path(path: Path) -> Path:
    """`path` if a video can be written there; ValueError or OSError says what is wrong with it. Its folder is made."""
    if path.suffix not in VIDEO_KINDS:
        raise ValueError(f"{path}: unknown video kind {path.suffix!r}; expected {' or '.join(VIDEO_KINDS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    existed = path.exists()
    with open(path, "ab"):  # an older video stays whole until the first new frame
        pass
    if not existed:
        path.unlink()
    return path


class VideoRecorder:
    """A video at `path` (.mp4 or .gif), encoded as ticks come, playable even if everything is killed half-way.

    fps: ticks a second of video. The first tick fixes the picture's size; another size later is a ValueError.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = check_video_path(path), fps
        self.n_frames = 0
        self._shape: tuple[int, ...] = ()
        self._encoder: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115

    def _start(self, picture: np.ndarray) -> None:
        import imageio_ffmpeg

        height, width = picture.shape[:2]
        source = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {self.fps:g} -probesize 32 -analyzeduration 0 -i pipe:0"
        keyframes = f"-g {max(1, round(self.fps))} -flush_packets 1"
        command = f"{source} {_CODECS[self.path.suffix]} {keyframes}".split()
        self._encoder = subprocess.Popen(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *command, str(self.path)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors, bufsize=0,
            start_new_session=True,  # Ctrl-C is ours to handle: the encoder finishes when its input ends
        )  # fmt: skip
        self._shape = picture.shape

    def add(self, tick: Tick) -> None:
        """Append what `tick` shows."""
        picture = compose.video_frame(tick, VIDEO_HEIGHT[self.path.suffix])
        if self._encoder is None:
            self._start(picture)
        if picture.shape != self._shape:
            raise ValueError(
                f"{self.path}: the picture changed from {self._shape[:2]} to {picture.shape[:2]}; start another video"
            )
        assert self._encoder is not None
        assert self._encoder.stdin is not None
        data = memoryview(picture.tobytes())
        try:
            while data:
                data = data[self._encoder.stdin.write(data) :]
        except BrokenPipeError:
            raise OSError(self._failure()) from None
        self.n_frames += 1

    def _failure(self) -> str:
        assert self._encoder is not None
        self._encoder.wait(5.0)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        reason = next((line for line in lines if "No space" in line), lines[-1])
        return f"{self.path}: the encoder stopped after {self.n_frames} frames ({reason}); is the disk full?"

    @property
    def outcome(self) -> str:
        """What has become of it, in a line."""
        return f"{self.path} is finished"

    def close(self) -> None:
        """Finish the file; OSError where its end could not be written. A second call does nothing."""
        if self._encoder is None:
            return
        encoder, failure = self._encoder, ""
        if encoder.stdin is not None:
            encoder.stdin.close()
        if encoder.wait() != 0:
            failure = self._failure()
        self._encoder = None
        self._errors.close()
        if failure:
            raise OSError(failure)


class EpisodeRecorder:
    """Episodes in the public npz schema, in parts of at most `part` frames; a jump in time begins another part.

    path: `x.npz` becomes x.npz, x-001.npz, ... A world side by side records its dream's panel, a real world all it tells.
    """

    def __init__(self, path: Path, actions: ActionSpec, part: int = 1000) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.n_parts = path, 0
        self._actions, self._part = actions, part
        self._ticks: list[Tick] = []

    def add(self, tick: Tick) -> None:
        """Append `tick`; where it does not follow the last one, finish the part first."""
        if self._ticks and (tick.t != self._ticks[-1].t + 1 or len(self._ticks) >= self._part):
            self._write()
        self._ticks.append(tick)

    def _write(self) -> None:
        ticks, self._ticks = self._ticks, []
        if len(ticks) < 2:
            return  # a single picture, passed while rewinding: nothing was done in it
        n_panels = max(1, len(ticks[0].info.get("panels", ())))
        width = ticks[0].frame.shape[1] // n_panels
        action = np.array([tick.action for tick in ticks])
        action[0] = self._actions.noop
        pose = None if ticks[0].pose is None else np.stack([np.asarray(tick.pose) for tick in ticks])
        frames = np.stack([tick.frame[:, :width] for tick in ticks])
        extras = {} if n_panels > 1 else episodes.extras_of([tick.info for tick in ticks])
        target = self.path if self.n_parts == 0 else self.path.with_stem(f"{self.path.stem}-{self.n_parts:03d}")
        episodes.save(Episode(frames, action, self._actions.n_actions, pose, extras), target)
        self.n_parts += 1

    @property
    def outcome(self) -> str:
        """What has become of it, in a line."""
        parts = f" in {self.n_parts} parts" if self.n_parts > 1 else ""
        return f"{self.path} is finished{parts}" if self.n_parts else "no episode was written, for no step was made"

    def close(self) -> None:
        """Write what has not been written."""
        if self._ticks:
            self._write()


def save_still(tick: Tick, path: Path) -> None:
    """The picture of `tick`, enlarged, as a PNG; written under another name first, so that no half picture is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    Image.fromarray(compose.video_frame(tick, 512)).save(temporary, format="png")
    os.replace(temporary, path)
