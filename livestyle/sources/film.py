"""The frames of a video or picture file as FFmpeg decodes them, and when each is shown."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.video.stream import VideoStream

from livestyle.errors import SourceError
from livestyle.sources.assembled import Assembled, assembly
from livestyle.sources.bounds import check_pixels, most_pixels
from livestyle.sources.fields import deinterlaced

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

FPS = 25.0  # of files that do not say
# what a file says beyond these is damage
_NARROW = 16  # times as high as wide, or the other way
_LEAP = 600.0  # s between two frames
_RATES = 1 / _LEAP, 1000.0  # frames per second
# what FFmpeg raises for damaged data; "not permitted" is its -1
_DAMAGE = (
    av.ArgumentError,
    av.EOFError,
    av.ExternalError,
    av.InvalidDataError,
    av.PatchWelcomeError,
    av.PermissionError,
)
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
        most = most_pixels(path)
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise SourceError(f"{path} holds no video and no picture")
        if not stream.codec_context:
            raise SourceError(f"{path} is of a kind that cannot be decoded; convert it to H.264")
        check_pixels(path, (stream.width, stream.height))
        shape = stream.sample_aspect_ratio or 1
        if not 1 / _NARROW <= shape <= _NARROW:
            shape = 1
        if kind := assembly(path, container, stream):
            assembled = Assembled(path, kind, stream)
            fps, pictures = _rate(assembled.fps), assembled.pictures()
            count: int | None = assembled.count
        else:
            timed = stream.average_rate if container.duration else None  # else it is a default
            fps = _rate(timed or stream.guessed_rate)
            count = _count(container, stream, fps)
            decoder = _decoder(stream, _limits(most))
            pictures = deinterlaced(_pictures(container, stream, decoder), stream)
        times = _Times(fps)
        for picture in pictures:
            at, until = times.of(picture)
            width = max(1, round(picture.width * shape))
            fits = width * picture.height <= most
            yield Decoded(picture, at, until, fps, count, width if fits else picture.width)
        is_known = stream.width > 0
    if not times.any:
        why = "" if is_known else f": it is damaged, or has more than {most} pixels"
        raise SourceError(f"{path} has no frame that can be decoded{why}")


class _Times:
    """When each frame is shown, s after the first, by what it says of itself where that can be."""

    def __init__(self, fps: float) -> None:
        self.any = False
        self._usual = 1 / fps
        self._began: float | None = None  # by the file's clock
        self._at, self._until = -1.0, 0.0

    def of(self, picture: VideoFrame) -> tuple[float, float]:
        """From when until when."""
        self.any = True
        says = picture.time
        if says is not None:
            self._began = says if self._began is None else self._began
            if says - self._began - self._until > _LEAP:
                self._began = says - self._until
        stamp = self._at if says is None or self._began is None else says - self._began
        self._at = stamp if stamp > self._at else self._until  # it has none, or a wrong one
        lasts = float(picture.duration * (picture.time_base or 0))
        self._until = self._at + (lasts if 0 < lasts <= _LEAP else self._usual)
        return self._at, self._until


def _rate(says: Fraction | float | None) -> float:
    """Frames per second; the usual ones where the file says none that can be."""
    return float(says) if says and _RATES[0] <= says <= _RATES[1] else FPS


def _opened(path: str) -> InputContainer:
    where = Path(path).absolute()  # a name that begins with / is no address or protocol
    try:
        _check_is_file(path, where)
        with where.open("rb"):  # gives the plainer reasons
            container = av.open(
                str(where),
                container_options={"protocol_whitelist": "file"},
                options=_limits(most_pixels(path)),
                metadata_errors="replace",  # a title may be in any encoding
            )
    except (av.EOFError, av.InvalidDataError, av.PatchWelcomeError) as error:
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


def _limits(pixels: int) -> dict[str, str]:
    """Options of FFmpeg's decoders."""
    return {"max_pixels": str(pixels)}


def _pictures(
    container: InputContainer, stream: VideoStream, decoder: av.VideoCodecContext
) -> Iterator[VideoFrame]:
    try:
        for packet in container.demux(stream):
            with contextlib.suppress(*_DAMAGE):
                yield from decoder.decode(packet)
    except _DAMAGE:
        return  # cut off
    except IndexError:
        return  # PyAV's, at the end: a stream came up after the file was opened


def _decoder(stream: VideoStream, limits: dict[str, str]) -> av.VideoCodecContext:
    """What decodes the stream: for one with transparency, a decoder that gives that too."""
    usual = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and usual.name in _WITH_ALPHA:
        decoder = av.CodecContext.create(_WITH_ALPHA[usual.name], "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.extradata = usual.extradata
        decoder.options = limits
        return decoder
    stream.thread_type = "AUTO"
    usual.options = limits
    return usual


def _count(container: InputContainer, stream: VideoStream, fps: float) -> int | None:
    """How many frames there are, as the container says or as its duration lets expect."""
    if stream.frames:
        return stream.frames
    if container.duration:
        return round(container.duration / av.time_base * fps)
    return None
