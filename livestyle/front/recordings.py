"""Recordings that are begun and ended while the run goes on: files of the user's, under names that
are made here.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livestyle.control import Recording
from livestyle.errors import LivestyleError, NotNow, SinkError
from livestyle.frame import Size
from livestyle.places import make_folder, videos_folder

if TYPE_CHECKING:
    from livestyle.front.output import OutputClock
    from livestyle.sinks.record import Recorder

_ENDING = ".mp4"
_NAME = "livestyle-%Y-%m-%d-%H%M%S"  # local time
_MOST = 100  # that are offered as sources, the newest


@dataclass(frozen=True)
class _UnderWay:
    recorder: Recorder
    file: Path
    began: float  # s, monotonic

    def state(self, file: Path) -> Recording:
        """file: where its bytes are now."""
        size = 0
        with contextlib.suppress(OSError):  # moved away by its user
            size = file.stat().st_size
        return Recording(str(self.file), round(time.monotonic() - self.began, 1), size)


class Recordings:
    """One at a time, fed by the clock. All may be called on any thread."""

    def __init__(self, folder: str | None, clock: OutputClock, size: Size) -> None:
        """folder: where they go; None: the user's videos. size: (width, height) of the output."""
        self.folder = Path(folder).absolute() if folder else videos_folder()
        self.ended: list[str] = []  # a line for one that failed in its last act
        self._clock = clock
        self._size = size
        self._lock = threading.Lock()  # protects which there is
        self._now: _UnderWay | None = None

    @property
    def sink(self) -> Recorder | None:
        """The one that goes on."""
        now = self._going_on()
        return now.recorder if now else None

    def state(self) -> Recording | None:
        """How far the one is that goes on."""
        now = self._going_on()
        return now.state(now.file.with_name(f"{now.file.name}.part")) if now else None

    def start(self) -> Recording:
        """Begin one, at the clock's rate. Raises LivestyleError."""
        from livestyle.sinks.record import Recorder

        with self._lock:
            if now := self._going_on():
                raise NotNow(f"{str(now.file)!r} is being recorded already; stop that first")
            make_folder(self.folder)
            file = self._new_name()
            recorder = Recorder(str(file), self._size, self._clock.fps)
            self._now = _UnderWay(recorder, file, time.monotonic())
            self._clock.add(recorder)
            return self._now.state(file)

    def stop(self) -> Recording:
        """End the one that goes on, and give it its name. Raises LivestyleError."""
        with self._lock:
            now, self._now = self._going_on(), None
        if now is None:
            raise NotNow("nothing is being recorded; start a recording first")
        self._clock.remove(now.recorder)
        ended = now.state(now.file)
        try:
            now.recorder.__exit__()
        except SinkError as error:
            self.ended.append(str(error))
            raise
        if not now.file.exists():
            raise LivestyleError(f"recording {str(now.file)!r} had no frame yet; none is kept")
        return Recording(ended.file, ended.seconds, now.file.stat().st_size)

    def close(self) -> None:
        """End the one that goes on, if any; `ended` tells of what fails."""
        if self._going_on():
            with contextlib.suppress(LivestyleError):
                self.stop()

    def finished(self) -> list[Path]:
        """Those that are whole, the newest first."""
        with contextlib.suppress(OSError):  # none was made yet
            return sorted(self.folder.glob(f"livestyle-*{_ENDING}"), reverse=True)[:_MOST]
        return []

    def _going_on(self) -> _UnderWay | None:
        """One that failed is over; the clock has its line."""
        now = self._now
        return now if now and self._clock.has(now.recorder) else None

    def _new_name(self) -> Path:
        return next(path for path in self._names() if not _is_taken(path))

    def _names(self) -> Iterator[Path]:
        name = time.strftime(_NAME)
        yield self.folder / f"{name}{_ENDING}"
        for number in range(2, 1000):
            yield self.folder / f"{name}-{number}{_ENDING}"


def _is_taken(path: Path) -> bool:
    """Whether it is there, or is being written."""
    return os.path.lexists(path) or os.path.lexists(f"{path}.part")
