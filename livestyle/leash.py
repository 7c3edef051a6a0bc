"""Leash: a process that is started here ends when this one does, however that ends."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

if sys.platform == "linux":
    import fcntl


class Leash:
    """A pipe whose one end this process holds, and the one that it starts the other.

    Nothing is ever sent. On Linux the kernel kills the other process when our end is closed, which
    it also is when this one is killed: also where the other is stopped, has not come to its first
    line yet, or is in a call that holds the interpreter. Unlike prctl's PR_SET_PDEATHSIG this is
    told from here, so nothing has to run over there first. Elsewhere its own threads find out, see
    `end_with_parent`.
    """

    def __init__(self) -> None:
        """Raises OSError where no pipe can be had."""
        self.held, self._ours = multiprocessing.Pipe(duplex=False)  # held: for the other process

    @property
    def passed(self) -> tuple[int, ...]:
        """`held` for subprocess, which on Windows passes none."""
        return () if sys.platform == "win32" else (self.held.fileno(),)

    def tie(self, pid: int) -> None:
        """To this process, which has inherited `held`."""
        if sys.platform == "linux":
            held = self.held.fileno()
            fcntl.fcntl(held, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(held, fcntl.F_SETOWN, pid)
            fcntl.fcntl(held, fcntl.F_SETFL, fcntl.fcntl(held, fcntl.F_GETFL) | os.O_ASYNC)
        self.held.close()

    def close(self) -> None:
        """Let the other process end, if it lives."""
        self.held.close()
        self._ours.close()


def run_leashed(held: Connection, function: Callable[..., object], *arguments: Any) -> None:
    """What a process of multiprocessing runs: the function, on the Leash whose end this is."""
    end_with_parent(held.recv_bytes)
    function(*arguments)


def end_with_parent(gone: Callable[[], object]) -> None:
    """End this process at once when its parent is gone.

    gone: returns, or raises EOFError or OSError, when that is so, and not before.
    """

    def end() -> None:
        with contextlib.suppress(EOFError, OSError):
            gone()
        os._exit(1)

    threading.Thread(target=end, name="leash", daemon=True).start()
