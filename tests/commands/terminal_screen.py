"""A terminal: a pseudo-terminal, and what its emulator shows of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyte

ROWS = 24


class Terminal:
    """One that wraps anew what no longer fits, as most do, or cuts it (xterm, the console)."""

    def __init__(self, columns: int, *, wraps_anew: bool = False) -> None:
        self._keys, self.inside = os.openpty()
        self._wraps_anew = wraps_anew
        self._lock = threading.Lock()  # protects both of these
        self._screen, self._stream = _emulated(columns)
        self._tell_size(columns)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def resize(self, columns: int) -> None:
        """As a user who drags its edge: programs in it get SIGWINCH."""
        with self._lock:
            if self._wraps_anew:
                self._screen, self._stream = _wrapped(self._screen, columns)
            else:
                self._screen.resize(ROWS, columns)
            self._tell_size(columns)

    def type(self, keys: bytes) -> None:
        os.write(self._keys, keys)

    def rows(self) -> list[str]:
        """What is on the screen, without what is empty at the end."""
        with self._lock:
            rows = [row.rstrip() for row in self._screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def wait(self, true: Callable[[list[str]], Any], seconds: float = 60) -> list[str]:
        """The rows, once that is true of them."""
        deadline = time.monotonic() + seconds
        while not true(rows := self.rows()):
            assert time.monotonic() < deadline, "\n".join(rows)
            time.sleep(0.05)
        return rows

    def close(self) -> None:
        os.close(self.inside)
        self._reader.join(5)
        os.close(self._keys)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # nobody is inside any more
            while content := os.read(self._keys, 65536):
                with self._lock:
                    self._stream.feed(content)

    def _tell_size(self, columns: int) -> None:
        fcntl.ioctl(self.inside, termios.TIOCSWINSZ, struct.pack("4H", ROWS, columns, 0, 0))


@contextlib.contextmanager
def in_terminal(
    terminal: Terminal, command: list[str], folder: Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A program whose terminal that is."""
    process = subprocess.Popen(
        command,
        stdin=terminal.inside,
        stdout=terminal.inside,
        stderr=terminal.inside,
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _emulated(columns: int) -> tuple[pyte.Screen, pyte.ByteStream]:
    screen = pyte.Screen(columns, ROWS)
    return screen, pyte.ByteStream(screen)


def _wrapped(before: pyte.Screen, columns: int) -> tuple[pyte.Screen, pyte.ByteStream]:
    """The same rows at another width; the cursor stays at what it was at."""
    screen, stream = _emulated(columns)
    there = before.cursor.y
    assert before.cursor.x == 0
    rows = [row.rstrip() for row in before.display]
    while len(rows) > there + 1 and not rows[-1]:
        rows.pop()
    stream.feed("\r\n".join(rows[:there] + [""]).encode())
    row = screen.cursor.y
    stream.feed("\r\n".join(rows[there:]).encode())
    assert screen.cursor.y < ROWS - 1, "nothing was scrolled away"
    screen.cursor.x, screen.cursor.y = 0, row
    return screen, stream
