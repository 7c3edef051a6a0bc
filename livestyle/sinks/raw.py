"""Raw video: bare I420 pictures, one after the other, for a pipe into ffmpeg and the like."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

from livestyle.errors import SinkError, reason
from livestyle.files import Part, is_stream
from livestyle.frame import Frame, Size
from livestyle.sinks.background import BackgroundWriter

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_PATIENCE = 5.0  # s, at the end


class RawVideo:
    """A Sink: each frame's I420 bytes (W * H * 3 / 2) to a `Part`, a named pipe, or stdout for "-".

    A reader that is too slow loses frames, counted in `note`; it never holds up the output clock.
    """

    def __init__(self, file: str, size: Size, *, overwrite: bool = False) -> None:
        """Raises ConfigError and LivestyleError, see `Part`; SinkError for what can't be opened."""
        self.name = f"raw I420 {size[0]}x{size[1]} to {'stdout' if file == '-' else file}"
        self._file = file
        self._part = None if is_stream(file) else Part("raw video", file, overwrite)
        self._output = os.fdopen(self._part.descriptor if self._part else _stream(file), "wb", 0)
        self._is_empty = True
        self._background = BackgroundWriter(size, self._write, self._finish)

    is_watched = True  # by whoever will see it

    @property
    def note(self) -> str:
        """How many frames were left out, if any."""
        return self._background.note

    def write(self, frame: Frame) -> None:
        """Take a frame. Raises SinkError once the reader is gone or the disk is full."""
        self._background.put(frame.pixels)

    def __enter__(self) -> RawVideo:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if not self._background.close(_PATIENCE):
            raise SinkError(
                f"raw video to {self._file!r} is not finished: what was written last is not taken"
            )

    def _write(self, pixels: Pixels, tick: int) -> None:
        left = pixels.data.cast("B")
        try:
            while left:
                left = left[self._output.write(left) :]
                self._is_empty = False
        except OSError as error:
            self._output.close()
            with contextlib.suppress(OSError):  # what there is of it is kept
                self._named()
            raise SinkError(f"raw video to {self._file!r} stopped: {reason(error)}") from error

    def _finish(self) -> None:
        try:
            self._output.close()
            self._named()
        except OSError as error:
            raise SinkError(f"raw video to {self._file!r} stopped: {reason(error)}") from error

    def _named(self) -> None:
        if self._part and self._is_empty:
            self._part.discard()
        elif self._part:
            self._part.finish()


def _stream(file: str) -> int:
    """Open one. Raises SinkError."""
    if file == "-" and sys.stdout is None:
        raise SinkError("cannot write raw video to stdout: it is closed; name a file")
    try:
        if file == "-":
            return os.dup(sys.stdout.fileno())
        # not waiting for who reads a named pipe; writing to it waits, as it should
        descriptor = os.open(file, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        os.set_blocking(descriptor, True)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise SinkError(
                f"nothing reads the named pipe {file!r} yet; start that first"
            ) from error
        raise SinkError(f"cannot write {file!r}: {reason(error)}") from error
    return descriptor
