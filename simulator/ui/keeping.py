"""What a person keeps while playing: videos, episodes, stills and moments, all in the session's own folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from simulator.recorder import EpisodeRecorder, VideoRecorder, save_still
from simulator.session import Session


class Keeper:
    """Writes numbered files into `folder`; what fails becomes a message through `notify`, and play goes on."""

    def __init__(self, session: Session, folder: Path, notify: Callable[[str], None]) -> None:
        self.session, self.folder = session, folder
        self._recorders: dict[str, VideoRecorder | EpisodeRecorder] = {}
        self._since: dict[str, int] = {}
        self._notify = notify
        self._n_files = 0

    def path(self, kind: str, suffix: str) -> Path:
        """The next file of a kind."""
        self._n_files += 1
        return self.folder / f"{kind}-{self._n_files:03d}{suffix}"

    def toggle_video(self, suffix: str, fps: float) -> None:
        """Begin or finish a video of `suffix` (.mp4, .gif) at `fps` frames a second."""
        self._toggle(suffix.removeprefix("."), lambda: VideoRecorder(self.path("video", suffix), fps))

    def toggle_episode(self) -> None:
        """Begin or finish an episode."""
        self._toggle("episode", lambda: EpisodeRecorder(self.path("episode", ".npz"), self.session.world.actions))

    def _toggle(self, name: str, make: Callable[[], VideoRecorder | EpisodeRecorder]) -> None:
        try:
            if name in self.session.sinks:
                self.session.stop(name)
                self._notify(self._recorders[name].outcome)
            else:
                recorder = make()
                recorder.add(self.session.tick)  # what is seen now is its first frame
                self.session.sinks[name] = self._recorders[name] = recorder
                self._since[name] = self.session.n_applied
        except (ValueError, OSError, RuntimeError) as error:
            self._notify(f"{name}: {error}")

    def seconds(self, fps: float) -> dict[str, float]:
        """How long each recording under way would last at `fps` ticks a second."""
        return {name: (self.session.n_applied - self._since.get(name, 0)) / fps for name in self.session.sinks}

    def still(self) -> None:
        """The present picture as a PNG."""
        self._keep(self.path("still", ".png"), lambda path: save_still(self.session.tick, path))

    def moment(self) -> None:
        """The present moment, to go on from later."""
        self._keep(self.path("moment", ".safetensors"), self.session.save_moment)

    def _keep(self, path: Path, write: Callable[[Path], None]) -> None:
        try:
            write(path)
            self._notify(str(path))
        except (ValueError, OSError) as error:
            self._notify(f"{path.name}: {error}")

    def latest_moment(self) -> Path | None:
        """The moment saved last, by this session or one before it."""
        saved = self.folder.parent.glob("*/moment-*.safetensors")
        return max(saved, key=lambda path: path.stat().st_mtime, default=None)
