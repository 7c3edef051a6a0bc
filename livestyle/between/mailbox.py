"""Mailbox: the one place between two threads; the newest wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The mailbox was closed: the normal end of a stage."""


class Mailbox(Generic[T]):
    """Holds at most one item. `put` replaces what nobody took and counts it in `superseded`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # protects all below
        self._item: T | None = None
        self._closed = False
        self.superseded = 0

    def put(self, item: T) -> None:
        """Leave the item, in place of one not taken yet. Raises Closed."""
        with self._changed:
            if self._closed:
                raise Closed
            if self._item is not None:
                self.superseded += 1
            self._item = item
            self._changed.notify()

    def take(self) -> T:
        """The item, waiting for one. Raises Closed."""
        with self._changed:
            # the timeout keeps the wait interruptible by Ctrl-C on Windows
            while self._item is None and not self._closed:
                self._changed.wait(timeout=1)
            if self._item is None or self._closed:
                raise Closed
            item, self._item = self._item, None
            return item

    def poll(self, seconds: float) -> T | None:
        """The item, or None where there is none within so many s. Raises Closed."""
        with self._changed:
            if self._item is None and not self._closed:
                self._changed.wait(seconds)
            if self._closed:
                raise Closed
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wake both sides and refuse all that comes later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
