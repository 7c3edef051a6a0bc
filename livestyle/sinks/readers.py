"""Readers: whether another process has a loopback camera open, as the kernel tells (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from pathlib import Path

from livestyle.sinks import videodev

USES = Path("/sys/module/v4l2loopback/refcnt")  # how often devices of the module are open now
_OPEN, _CLOSE = 0x20, 0x08 | 0x10  # linux/inotify.h
_BATCH = 4096  # bytes

_LIBC = ctypes.CDLL(None, use_errno=True)


class Readers:
    """Who has it open beside this process: an open or close by any program is told of at once, and
    then it is looked for who there is.

    Of one in a container that has a device node of its own nothing is told, but that the module is
    in use, which is looked at as well.
    """

    def __init__(self, path: str, uses: Path = USES) -> None:
        """path: of a device that this process has opened already."""
        self._path = path
        self._uses = uses
        self._asking = threading.Lock()  # protects all below
        self._found: bool | None = None  # by the last look; None: it is time for one
        self._in_use: int | None = None  # how often, at that
        self._queue = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        watched = _LIBC.inotify_add_watch(self._queue, os.fsencode(path), _OPEN | _CLOSE)
        self._is_told = watched >= 0

    def are_there(self) -> bool:
        """Whether there are any, or was one a moment ago; always where the kernel has no more
        watches to give. The call after that takes some 20 ms, all others none to speak of.
        """
        with self._asking:
            if not self._is_told or self._hear():
                self._found = None
                return True
            in_use = self._count()
            if in_use == 1:  # by this process
                return False
            if self._found is None or in_use != self._in_use:
                self._found, self._in_use = self._look(in_use), in_use
            return self._found

    def close(self) -> None:
        """Be told no more."""
        with self._asking:
            self._is_told = False
            if self._queue >= 0:
                os.close(self._queue)
                self._queue = -1

    def _hear(self) -> bool:
        """Whether it was opened or closed since the last time."""
        with contextlib.suppress(BlockingIOError):  # the kernel joins events that are alike
            return bool(os.read(self._queue, _BATCH))
        return False

    def _count(self) -> int | None:
        """How often devices of the module are open; None where it does not say."""
        try:
            return int(self._uses.read_text())
        except (OSError, ValueError):
            return None

    def _look(self, in_use: int | None) -> bool:
        """Look through the processes. Those of other users are not seen: where the module is used
        more often than what is seen explains, there is one.
        """
        if videodev.users(self._path, others=True):
            return True
        if in_use is None:
            return False
        seen = sum(len(videodev.users(path, others=True)) for path in videodev.loopbacks())
        return in_use > 1 + seen
