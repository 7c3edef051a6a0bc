"""Streams: stdout and stderr where who reads them may go away, or their disk be full."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Lasting(io.RawIOBase):
    """What takes everything: what can't be written is lost."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    def write(self, data: Buffer) -> int | None:
        try:
            return self._raw.write(data)
        except OSError:
            return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._raw.isatty()

    def fileno(self) -> int:
        return self._raw.fileno()


def outlast_readers() -> None:
    """Have what can't be said on stderr lost, for all that prints there: the camera goes on.

    A stream that is closed leads nowhere: else what is opened next would get its number, and with
    it what libraries print.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    ours = sys.__stderr__
    if sys.stderr is None:  # print would take stdout instead, which may carry pictures
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    elif ours is not None and ours is sys.stderr:
        raw: Any = getattr(
            ours.buffer, "raw", ours.buffer
        )  # PYTHONUNBUFFERED leaves out the buffer
        lasting = io.BufferedWriter(_Lasting(raw))
        sys.stderr = io.TextIOWrapper(lasting, ours.encoding, "replace", line_buffering=True)


def leave_stdout() -> None:
    """For a process whose stdout is another's: have what libraries print there on stderr."""
    outlast_readers()
    os.dup2(2, 1)
    sys.stdout = sys.stderr


def write_or_drop() -> None:
    """Write what still waits to be written, or drop it where it can't be.

    The interpreter's own try, its last act, would end a failing process with code 120.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
