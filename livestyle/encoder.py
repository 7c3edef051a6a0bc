"""Encoder: I420 pictures into a video file, for recordings and for `livestyle stylize`."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.video.reformatter import ColorRange, Colorspace

from livestyle.errors import ConfigError, SinkError, reason
from livestyle.files import Part, Wanted
from livestyle.frame import Size

if TYPE_CHECKING:
    from livestyle.frame import Pixels

# What is lost of a recording that is cut off is less than a second: the piece that is not written
# yet, and the pictures that x264 looks ahead.
_PIECE = 250  # ms
_LOOKAHEAD = 1 / 3  # s
_MOST_LOOKAHEAD = 10  # pictures, as the preset has it

# by the file's ending: container, codec, options of each
_FORMATS = {
    # pieces, so that a recording that is cut off still plays up to there
    ".mp4": (
        "mp4",
        "libx264",
        {
            "movflags": "frag_keyframe+empty_moov+default_base_moof",
            "frag_duration": str(1000 * _PIECE),
            "flush_packets": "1",
        },
        {"preset": "veryfast", "crf": "20", "bf": "0"},  # else the first picture is not at 0
    ),
    ".mkv": (
        "matroska",
        "ffv1",  # lossless
        {"cluster_time_limit": str(_PIECE), "flush_packets": "1"},
        {"level": "3"},
    ),
}
# px, of either side. x264 says so of itself; FFmpeg's FFV1 has no four slices of less than 4, and
# Matroska counts further than anybody will.
_SIDES = {".mp4": range(2, 16384 + 1), ".mkv": range(4, 500_000 + 1)}
_SLICE = 2**27 // 27  # px, the most that FFmpeg's FFV1 takes in a slice of 4:2:0 in 8 bits
_KEY_FRAME_EVERY = 2  # s: how far a player goes back to begin in the middle
SUFFIXES = tuple(_FORMATS)


def check_size(file: str, size: Size, sides: range | None = None) -> None:
    """Raise ConfigError where pictures of that size can't be in such a file.

    sides: what a side may be, px; None: what `Encoder` takes for the name's ending.
    """
    suffix = Path(file).suffix.lower()
    sides = sides or _SIDES[suffix]
    if size[0] not in sides or size[1] not in sides:
        raise ConfigError(
            "cannot write {!r} at {}x{}: {} takes from {} to {} pixels a side; choose another "
            "ending, or another size".format(file, *size, suffix, sides[0], sides[-1])
        )


def _slices(size: Size) -> int:
    """Into how many FFV1 divides a picture: 2 x 2, 4 x 4 or 8 x 8."""
    counts = (count for count in (4, 16) if size[0] * size[1] <= count * _SLICE)
    return next(counts, 64)


class Encoder:
    """Writes I420 pictures (H * 3 / 2, W) of one size to a `Part`, finished by `close`."""

    def __init__(
        self,
        wanted: Wanted,
        size: Size,
        fps: float,
        *,
        time_base: Fraction | None = None,
        overwrite: bool = False,
    ) -> None:
        """time_base: s, the unit of the times that `write` takes; None: 1 / fps.

        Raises ConfigError for an unknown ending, a size that such a file can't have, or a file that
        is not to be written, LivestyleError when it cannot be made.
        """
        file = wanted.file
        self.file, self.size = file, size
        suffix = Path(file).suffix.lower()
        if suffix not in _FORMATS:
            raise ConfigError(f"cannot record {file!r}: the name ends in {' or '.join(SUFFIXES)}")
        check_size(file, size)
        container, codec, container_options, codec_options = _FORMATS[suffix]
        self._part = Part(wanted.what, file, overwrite)
        self._opened = contextlib.ExitStack()
        self._file = self._opened.enter_context(_WholeWrites(self._part.descriptor, "w"))
        self._empty = True
        with self._reported(), self._or_no_file():
            # by a file of ours: PyAV says nothing of what fails in the closing of its own
            self._container = self._opened.enter_context(
                av.open(self._file, "w", format=container, options=container_options)
            )
            rate = Fraction(fps).limit_denominator(1001)
            options = codec_options | {"g": str(max(1, round(_KEY_FRAME_EVERY * fps)))}
            if codec == "libx264":
                ahead = min(_MOST_LOOKAHEAD, max(1, round(_LOOKAHEAD * fps)))
                options["rc-lookahead"] = str(ahead)
            if codec == "ffv1":
                options["slices"] = str(_slices(size))
            stream = self._container.add_stream(codec, rate=rate, options=options)
            assert isinstance(stream, av.VideoStream)
            self._stream = stream
            self._stream.width, self._stream.height = size
            self._stream.pix_fmt = "yuv420p"
            # what cv2's I420 is: BT.601, limited range
            self._stream.codec_context.colorspace = Colorspace.ITU601
            self._stream.codec_context.color_range = ColorRange.MPEG
            self._stream.codec_context.time_base = time_base or 1 / rate
            self._container.start_encoding()

    def write(self, pixels: Pixels, tick: int) -> None:
        """Encode a picture that is shown from tick * time_base on. Raises SinkError."""
        frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts = tick
        with self._reported():
            self._container.mux(self._stream.encode(frame))
        self._empty = False

    def close(self) -> None:
        """Finish the file and give it its name; without a frame, leave none. Raises SinkError."""
        if self._empty:
            self.discard()
            return
        with self._reported():
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._file.close()
            if self._file.failure:
                raise self._file.failure
            self._part.finish()

    def discard(self) -> None:
        """Leave no file."""
        self._end()
        self._part.discard()

    def give_up(self) -> None:
        """Keep what was written until a failure under the file's name: it plays up to there."""
        self._end()
        with contextlib.suppress(OSError):
            self._part.finish()

    def _end(self) -> None:
        with contextlib.suppress(OSError, av.FFmpegError):
            self._opened.close()

    @contextlib.contextmanager
    def _or_no_file(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.discard()
            raise

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            cause = self._file.failure or error  # FFmpeg's own name for it says less
            raise SinkError(f"cannot write {self.file!r}: {reason(cause)}") from error
        except av.codec.codec.UnknownCodecError as error:
            raise SinkError(
                f"cannot write {self.file!r}: this build of PyAV has no encoder {error}; choose "
                "another ending, or install one of its own wheels"
            ) from error


class _WholeWrites(io.FileIO):
    """A file without a buffer that writes all of what it is given, or raises.

    After that it takes all and writes nothing: FFmpeg writes more when it is told to end, and
    nobody hears of a failure there. `failure` is the one there was.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data)
        try:
            while left and not self.failure:
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
            raise
        return len(data)
