"""Video and picture files, through PyAV: played as a source, or decoded frame by frame."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from livestyle.errors import SourceError
from livestyle.frame import Frame, Size

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

    from livestyle.frame import Pixels

SECOND = 1_000_000_000
FPS = 25.0  # of files that do not say
BEHIND = SECOND  # ns; who comes back later than this finds the film where it was left


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a file says of itself."""

    size: Size  # as shown: turned upright, with square pixels
    fps: float | None  # None for a still picture
    frames: int | None  # how many; None when it does not say. Some files are wrong about it


def probe(path: str) -> FileInfo:
    """Look into a video or picture. Raises SourceError, see `decode`."""
    with contextlib.closing(_decoded(path)) as frames:
        first = next(frames)
        height, width = _Converter().pixels(first).shape[:2]
        moves = next(frames, None) is not None
    return FileInfo((width, height), first.fps if moves else None, first.count if moves else 1)


def decode(path: str) -> Iterator[Pixels]:
    """Every frame of a video in order, or the one of a picture: BGRA (H, W, 4), freshly allocated.

    Frames are turned upright and their pixels made square. Data that is damaged is left out.

    Raises SourceError when the file can't be read, is no video or picture, or has no frame.
    """
    return (pixels for _, pixels in decode_timed(path))


def decode_timed(path: str) -> Iterator[tuple[float, Pixels]]:
    """What `decode` gives, each frame with when it is shown, in s after the first."""
    converter = _Converter()
    return ((frame.at, converter.pixels(frame)) for frame in _decoded(path))


class VideoFile:
    """A Source that plays a video at its own pace, over and over, or shows a picture.

    fps: the average rate; None for a picture. A frame's `seq` counts on from round to round, so
    that modulo the number of frames it is the frame's place in the file. Frames whose time is
    over when they are asked for are left out. `captured_at` is when a frame was handed out.

    Raises SourceError when the file can't be read, is no video or has no frame.
    """

    def __init__(self, path: str) -> None:
        self.name = f"file:{Path(path).name}"
        self._converter = _Converter()
        self._film = _rounds(path)
        try:
            self._next, second = next(self._film), next(self._film)
            self._still = self._converter.pixels(self._next.frame)
        except SourceError:
            self._film.close()
            raise
        self._rest = itertools.chain([second], self._film)
        self.fps = None if second.frame.at == 0 else second.frame.fps  # the first one again
        self.size: Size = self._still.shape[1], self._still.shape[0]
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
    frame: _Decoded


def _rounds(path: str) -> Generator[_Shot]:
    """The frames of a file over and over, the rounds one after the other without a gap."""
    seq, began, until = 0, 0.0, 0.0
    while True:
        with contextlib.closing(_decoded(path)) as frames:
            for frame in frames:
                until = began + frame.until
                yield _Shot(seq, began + frame.at, frame)
                seq += 1
        began = until


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A frame as it is in the file, and what is known of it."""

    picture: VideoFrame
    at: float  # s after the first frame
    until: float  # s
    fps: float
    count: int | None
    width: int  # that it is wide with square pixels


class _Converter:
    """Makes BGRA of decoded frames, by the matrix and range that each of them names."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def pixels(self, frame: _Decoded) -> Pixels:
        """(H, W, 4), freshly allocated and upright."""
        bgra = self._reformatter.reformat(frame.picture, width=frame.width, format="bgra")
        pixels = np.asarray(bgra.to_ndarray(), np.uint8)
        turns = round(frame.picture.rotation / 90) % 4  # counterclockwise
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def _decoded(path: str) -> Generator[_Decoded]:
    """The frames in order. The first step opens the file and raises SourceError if it can't."""
    with _opened(path) as container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise SourceError(f"{path} holds no video and no picture")
        timed = stream.average_rate if container.duration else None  # else it is a default
        fps = float(timed or stream.guessed_rate or FPS)
        count, shape = _count(container, stream, fps), stream.sample_aspect_ratio or 1
        began: float | None = None
        at, until = -1.0, 0.0
        for picture in _pictures(path, container, stream):
            if picture.time is not None:
                began = picture.time if began is None else began
            stamp = at if picture.time is None or began is None else picture.time - began
            at = stamp if stamp > at else until  # it has none, or a wrong one
            until = at + (float(picture.duration * (picture.time_base or 0)) or 1 / fps)
            yield _Decoded(picture, at, until, fps, count, max(1, round(picture.width * shape)))
    if at < 0:
        raise SourceError(f"{path} has no frame that can be decoded")


def _opened(path: str) -> InputContainer:
    where = Path(path).absolute()  # a name that begins with / is no address or protocol
    try:
        with where.open("rb"):  # gives the plainer reasons
            container = av.open(str(where), container_options={"protocol_whitelist": "file"})
    except av.InvalidDataError as error:
        raise SourceError(f"{path} is no video or picture that can be decoded") from error
    except (OSError, av.FFmpegError) as error:
        raise SourceError(f"cannot open {path}: {error.strerror}") from error
    if container.format.name == "tty":  # it would draw any text file
        container.close()
        raise SourceError(f"{path} is no video or picture that can be decoded")
    return container


def _pictures(path: str, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    stream.thread_type = "AUTO"
    packets = container.demux(stream)
    try:
        for packet in packets:
            with contextlib.suppress(av.InvalidDataError):
                yield from packet.decode()
    except av.InvalidDataError:
        return  # cut off
    except (OSError, av.FFmpegError) as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _count(container: InputContainer, stream: VideoStream, fps: float) -> int | None:
    """How many frames there are, as the container says or as its duration lets expect."""
    if stream.frames:
        return stream.frames
    if container.duration:
        return round(container.duration / av.time_base * fps)
    return None
