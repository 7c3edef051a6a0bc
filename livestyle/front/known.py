"""Known: what a look at the machine found a moment ago."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from livestyle.aside import Aside
from livestyle.errors import LivestyleError

_FRESH = 2.0  # s for which what was found is good
_PATIENCE = 1.0  # s for which a look is waited for

T = TypeVar("T")


class Known(Generic[T]):
    """What `look` returned last, no older than _FRESH where it answers within _PATIENCE: a display
    that hangs makes nobody wait for longer, and is looked at once at a time.
    """

    def __init__(self, look: Callable[[], T], nothing: T) -> None:
        """nothing: what is known before it has answered, or where looking fails."""
        self._look = look
        self._nothing = self._found = nothing
        self._lock = threading.Lock()  # protects what is below
        self._began = self._looked_at = float("-inf")
        self._looking: Aside | None = None

    def now(self) -> T:
        """Called on any thread."""
        with self._lock:
            if self._looked_at > time.monotonic() - _FRESH:
                return self._found
            if self._looking is None:
                self._began = time.monotonic()
                self._looking = Aside(self._run, "looking")
                self._looking.start()
            looking, until = self._looking, self._began + _PATIENCE
        looking.join(max(0.0, until - time.monotonic()))
        return self._found

    def _run(self) -> None:
        try:
            found = self._look()
        except (LivestyleError, OSError):  # as of a camera that is unplugged just now
            found = self._nothing
        with self._lock:
            self._found, self._looked_at, self._looking = found, time.monotonic(), None
