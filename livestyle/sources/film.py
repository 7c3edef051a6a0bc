"""The frames of a video or picture file as FFmpeg decodes them, and when each is shown."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.video.stream import VideoStream

from livestyle.errors import SourceError
from livestyle.sources.assembled import Assembled, assembly
from livestyle.sources.fields import deinterlaced

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

FPS = 25.0  # of files that do not say
_NARROW = 16  # times as high as wide, or the other way; what a file says beyond that is damage
# FFmpeg's own decoders of these leave the transparency out
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame as it is in the file, and what is known of it."""

    picture: VideoFrame
    at: float  # s after the first frame
    until: float  # s
    fps: float
    count: int | None
    width: int  # that it is wide with square pixels


def decoded(path: str) -> Generator[Decoded]:
    """The frames in order, without fields. Data that is damaged is left out.

    The first step opens the file. Raises SourceError when it can't be read, is no regular file, no
    video or picture, has no frame, or is of a kind for which a package lacks.
    """
    with _opened(path) as container, _reported(path):
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise SourceError(f"{path} holds no video and no picture")
        if not stream.codec_context:
            raise SourceError(f"{path} is of a kind that cannot be decoded; convert it to H.264")
        shape = stream.sample_aspect_ratio or 1
        if not 1 / _NARROW <= shape <= _NARROW:
            shape = 1
        if kind := assembly(path, container, stream):
            assembled = Assembled(path, kind, stream)
            fps, pictures = assembled.fps or FPS, assembled.pictures()
            count: int | None = assembled.count
        else:
            timed = stream.average_rate if container.duration else None  # else it is a default
            fps = float(timed or stream.guessed_rate or FPS)
            count = _count(container, stream, fps)
            pictures = deinterlaced(_pictures(container, stream), stream)
        began: float | None = None
        at, until = -1.0, 0.0
        for picture in pictures:
            if picture.time is not None:
                began = picture.time if began is None else began
            stamp = at if picture.time is None or began is None else picture.time - began
            at = stamp if stamp > at else until  # it has none, or a wrong one
            until = at + (float(picture.duration * (picture.time_base or 0)) or 1 / fps)
            yield Decoded(picture, at, until, fps, count, max(1, round(picture.width * shape)))
    if at < 0:
        raise SourceError(f"{path} has no frame that can be decoded")


def _opened(path: str) -> InputContainer:
    where = Path(path).absolute()  # a name that begins with / is no address or protocol
    try:
        _check_is_file(path, where)
        with where.open("rb"):  # gives the plainer reasons
            container = av.open(
                str(where),
                container_options={"protocol_whitelist": "file"},
                metadata_errors="replace",  # a title may be in any encoding
            )
    except av.InvalidDataError as error:
        raise SourceError(f"{path} is no video or picture that can be decoded") from error
    except (OSError, av.FFmpegError) as error:
        raise SourceError(f"cannot open {path}: {error.strerror}") from error
    if container.format.name == "tty":  # it would draw any text file
        container.close()
        raise SourceError(f"{path} is no video or picture that can be decoded")
    return container


def _check_is_file(path: str, where: Path) -> None:
    """Opening a pipe waits for a writer; a device, or a file of the kernel's that says it is
    empty, may never end.
    """
    found = where.stat()
    if stat.S_ISDIR(found.st_mode):
        return  # opening it says so
    if not stat.S_ISREG(found.st_mode):
        raise SourceError(
            f"{path} is a device or a pipe, no regular file; save the picture or clip to a file, "
            "and name that"
        )
    if not found.st_size:
        raise SourceError(f"{path} is no video or picture that can be decoded: it is empty")


@contextlib.contextmanager
def _reported(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def _pictures(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    decoder = _decoder(stream)
    try:
        for packet in container.demux(stream):
            with contextlib.suppress(av.InvalidDataError):
                yield from decoder.decode(packet)
    except av.InvalidDataError:
        return  # cut off


def _decoder(stream: VideoStream) -> av.VideoCodecContext:
    """What decodes the stream: for one with transparency, a decoder that gives that too."""
    usual = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and usual.name in _WITH_ALPHA:
        decoder = av.CodecContext.create(_WITH_ALPHA[usual.name], "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.extradata = usual.extradata
        return decoder
    stream.thread_type = "AUTO"
    return usual


def _count(container: InputContainer, stream: VideoStream, fps: float) -> int | None:
    """How many frames there are, as the container says or as its duration lets expect."""
    if stream.frames:
        return stream.frames
    if container.duration:
        return round(container.duration / av.time_base * fps)
    return None
