"""Raw video: bare I420 pictures, one after the other, for a pipe into ffmpeg and the like."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, BinaryIO

from livestyle.errors import SinkError, reason
from livestyle.frame import Frame, Size
from livestyle.sinks.background import BackgroundWriter

if TYPE_CHECKING:
    from livestyle.frame import Pixels


class RawVideo:
    """A Sink: each frame's I420 bytes (W * H * 3 / 2) to a file, a named pipe, or stdout for "-".

    A reader that is too slow loses frames, counted in `note`; it never holds up the output clock.
    """

    def __init__(self, file: str, size: Size) -> None:
        """Raises SinkError when the file cannot be opened."""
        self.name = f"raw I420 {size[0]}x{size[1]} to {'stdout' if file == '-' else file}"
        self._file = file
        self._output = self._open(file)
        self._background = BackgroundWriter(size, self._write, self._finish)

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
        self._background.close(timeout=5)

    def _open(self, file: str) -> BinaryIO:
        if file == "-" and sys.stdout is None:
            raise SinkError("cannot write raw video to stdout: it is closed; name a file")
        try:
            if file == "-":
                return os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
            return open(file, "wb", buffering=0, opener=_at_once)
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise SinkError(
                    f"nothing reads the named pipe {file!r} yet; start that first"
                ) from error
            raise SinkError(f"cannot write {file!r}: {reason(error)}") from error

    def _write(self, pixels: Pixels, tick: int) -> None:
        left = pixels.data.cast("B")
        try:
            while left:
                left = left[self._output.write(left) :]
        except OSError as error:
            self._output.close()
            raise SinkError(f"raw video to {self._file!r} stopped: {reason(error)}") from error

    def _finish(self) -> None:
        try:
            self._output.close()
        except OSError as error:
            raise SinkError(f"raw video to {self._file!r} stopped: {reason(error)}") from error


def _at_once(file: str, flags: int) -> int:
    """Open without waiting for who reads a named pipe; writing to it waits, as it should."""
    fd = os.open(file, flags | getattr(os, "O_NONBLOCK", 0), 0o600)
    os.set_blocking(fd, True)
    return fd
