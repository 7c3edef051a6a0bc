"""Raw video: bare I420 pictures, one after the other, for a pipe into ffmpeg and the like."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO

from livestyle.errors import SinkError
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
        self._background = BackgroundWriter(size, self._write, self._output.close)

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
        try:
            if file == "-":
                return os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
            return open(file, "wb", buffering=0)
        except OSError as error:
            raise SinkError(f"cannot write {file!r}: {error.strerror}") from error

    def _write(self, pixels: Pixels, tick: int) -> None:
        left = pixels.data.cast("B")
        try:
            while left:
                left = left[self._output.write(left) :]
        except OSError as error:
            self._output.close()
            raise SinkError(f"raw video to {self._file!r} stopped: {error.strerror}") from error
