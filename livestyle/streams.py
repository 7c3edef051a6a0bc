"""Streams: stdout and stderr where who reads them may go away, or their disk be full."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Buffer


_WAITING = 2**20  # bytes that who reads may be behind
_PATIENCE = 0.5  # s, at the end
_AGAIN = 0.05  # s


class _Lasting(io.RawIOBase):
    """What takes everything at once, and writes it on a thread of its own: a terminal that is
    stopped (Ctrl-S), or a pipe that nobody reads, holds nobody up. What can't be written is lost,
    and what comes when too much waits, until half of that is read: a line in its place says how
    much.
    """

    def __init__(self, raw: io.FileIO) -> None:
        """raw: takes bytes, and returns how many it wrote, or None where it would have to wait."""
        self._raw = raw
        self._waiting: deque[bytes] = deque()
        self._size = 0  # bytes of these, and of what is being written
        self._lost = 0  # lines, since it was last said
        self._changed = threading.Condition()  # protects all three
        threading.Thread(target=self._run, name="stderr", daemon=True).start()
        atexit.register(self.drain)

    def write(self, data: Buffer) -> int | None:
        content = bytes(data)
        with self._changed:
            if self._lost or self._size + len(content) > _WAITING:
                self._lost += content.count(b"\n") or 1
            else:
                self._add(content)
            self._changed.notify_all()
        return len(content)

    def drain(self) -> None:
        """Wait until all is written, _PATIENCE at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._size and not self._lost, _PATIENCE)

    def _add(self, content: bytes) -> None:
        self._waiting.append(content)
        self._size += len(content)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._lost)
                if self._lost and self._size <= _WAITING // 2:
                    lines = "1 line was" if self._lost == 1 else f"{self._lost} lines were"
                    self._add(f"livestyle: {lines} lost here, for nobody read them\n".encode())
                    self._lost = 0
                content = self._waiting.popleft()
            left = memoryview(content)
            with contextlib.suppress(OSError):
                while left:
                    if (written := self._raw.write(left)) is None:  # others made it non-blocking
                        time.sleep(_AGAIN)
                    left = left[written or 0 :]
            with self._changed:
                self._size -= len(content)
                self._changed.notify_all()

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
            raw = getattr(getattr(stream, "buffer", None), "raw", None)
            if isinstance(raw, _Lasting):
                raw.drain()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
