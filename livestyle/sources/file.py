"""Video and picture files, through PyAV: played as a source, or decoded frame by frame."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livestyle.aside import run_aside
from livestyle.errors import SourceError
from livestyle.frame import UHD, Frame, Size
from livestyle.sources.film import Decoded, decoded
from livestyle.sources.pixels import Converter
from livestyle.sources.tone import range_of

if TYPE_CHECKING:
    from livestyle.frame import Pixels

SECOND = 1_000_000_000
STALLED = 60.0  # s for a frame; the largest picture takes half of that on a slow machine
BEHIND = SECOND  # ns; who comes back later than this finds the film where it was left


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a file says of itself."""

    size: Size  # as shown: turned upright, with square pixels
    fps: float | None  # None for a still picture
    frames: int | None  # how many; None when it does not say. Some files are wrong about it
    range: str = ""  # "PQ", "HLG" or "BT.2020" where its colours are made those of SDR


def probe(path: str) -> FileInfo:
    """Look into a video or picture. Raises SourceError, see `decode`."""
    with contextlib.closing(_awaited(path)) as frames:
        first = next(frames)
        moves = next(frames, None) is not None
    fps, count = (first.fps, first.count) if moves else (None, 1)
    return FileInfo(Converter(path).size(first), fps, count, range_of(first.picture))


def decode(path: str) -> Iterator[Pixels]:
    """Every frame of a video in order, or the one of a picture: BGRA (H, W, 4), freshly allocated.

    Frames are turned upright, their pixels made square and their fields whole; HDR is made SDR, and
    what is transparent lies on black. Data that is damaged is left out.

    Raises SourceError when the file can't be read, is no video or picture, has no frame, or is of a
    kind for which a package lacks.
    """
    return (pixels for _, pixels in decode_timed(path))


def decode_timed(path: str) -> Iterator[tuple[float, Pixels]]:
    """What `decode` gives, each frame with when it is shown, in s after the first."""
    converter = Converter(path)
    return ((frame.at, converter.pixels(frame)) for frame in _awaited(path))


def _awaited(path: str) -> Generator[Decoded]:
    """The frames, each from a thread: a decoder that hangs on damaged data can't be interrupted.

    Raises SourceError, also when none comes within STALLED.
    """
    frames = decoded(path)
    try:
        while frame := run_aside(lambda: next(frames, None), "decoding", STALLED):
            yield frame
    except GeneratorExit:
        frames.close()
        raise
    except TimeoutError:
        raise SourceError(
            f"cannot read {path}: its decoder has given nothing for {STALLED:g} s; it is damaged"
        ) from None


def told_of(name: str, range: str) -> str:
    """What a user should know of a file's range, see `FileInfo`; "" where there is nothing."""
    return f"{name} is {range}; its colours are brought down to SDR" if range else ""


class VideoFile:
    """A Source that plays a video at its own pace, over and over, or shows a picture.

    fps: the average rate; None for a picture. A frame's `seq` counts on from round to round, so
    that modulo the number of frames it is the frame's place in the file. Frames whose time is
    over when they are asked for are left out. `captured_at` is when a frame was handed out.

    Frames larger than 4K (or than `output`, where that is larger) are scaled down into it.

    Raises SourceError, see `decode`.
    """

    def __init__(
        self, path: str, output: Size | None = None, tell: Callable[[str], None] = lambda line: None
    ) -> None:
        """output: (width, height), where one is named. tell: told in a line each of what is not
        shown as it is in the file.
        """
        self.name = f"file:{Path(path).name}"
        width, height = output or UHD
        box = max(width, UHD[0]), max(height, UHD[1])
        self._converter = Converter(path, box)
        self._film = _rounds(path)
        try:
            first, second = next(self._film), next(self._film)
            self._still = self._converter.pixels(first.frame)
        except SourceError:
            self._film.close()
            raise
        self.size: Size = self._still.shape[1], self._still.shape[0]
        self.fps = None if second.frame.at == 0 else second.frame.fps  # the first one again
        if self.fps is None:
            self._film.close()  # with the picture, which may be large
        else:
            self._next = first
            self._rest = itertools.chain([second], self._film)
        if told := told_of(self.name, range_of(first.frame.picture)):
            tell(told)
        if (whole := self._converter.size(first.frame)) != self.size:
            tell("{} is {}x{}; it is read at {}x{}".format(self.name, *whole, *self.size))
        self._seq = 0  # of the picture
        self._began = 0  # ns; when the first frame was due

    def read(self) -> Frame:
        """The frame that is due, or the next one when it is due: BGRA (H, W, 4)."""
        if self.fps is None:
            self._seq += 1
            return Frame(self._still.copy(), self._seq - 1, time.monotonic_ns())
        asked = time.monotonic_ns()
        behind = asked - self._due(self._next)
        if not self._began or behind > BEHIND:
            self._began += behind
        first, shown = self._next, self._advance()
        while self._due(self._next) <= asked:
            shown = self._advance()
        pixels = self._converter.pixels(shown.frame)
        self._wait(max(asked, self._due(shown)), asked + self._due(self._next) - self._due(first))
        self.size = pixels.shape[1], pixels.shape[0]
        return Frame(pixels, shown.seq, time.monotonic_ns())

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._film.close()

    def _due(self, shot: _Shot) -> int:
        return self._began + int(shot.at * SECOND)

    def _advance(self) -> _Shot:
        """The next frame, which the one after it replaces."""
        shot, self._next = self._next, next(self._rest)
        return shot

    def _wait(self, due: int, latest: int) -> None:
        """Sleep until `due`. After `latest`, decoding is slower than the film, which is put off."""
        now = time.monotonic_ns()
        if now < due:
            time.sleep((due - now) / SECOND)
        self._began += max(0, now - latest)


@dataclass(frozen=True, slots=True)
class _Shot:
    """A frame in a film that goes round and round."""

    seq: int
    at: float  # s after the first frame of the first round
    frame: Decoded


def _rounds(path: str) -> Generator[_Shot]:
    """The frames of a file over and over, the rounds one after the other without a gap."""
    seq, began, until = 0, 0.0, 0.0
    while True:
        with contextlib.closing(decoded(path)) as frames:
            for frame in frames:
                until = began + frame.until
                yield _Shot(seq, began + frame.at, frame)
                seq += 1
        began = until
