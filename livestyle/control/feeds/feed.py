"""Feed: the newest picture as JPEG, encoded once for all that watch it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager

MAX_WATCHERS = 24  # of one feed

OUTPUT, SOURCE = 0, 1  # kinds of pictures
_HEADER = struct.Struct("<BxxxIQ")  # kind, change, seq


class Feed:
    """Pictures of one kind; of the event loop alone."""

    def __init__(self, kind: int, news: asyncio.Condition) -> None:
        self.number = 0  # of the newest picture, from 1
        self.jpeg = b""
        self.message = b""  # the same behind the header of /api/v1/live
        self.watched = asyncio.Event()
        self._kind = kind
        self._news = news
        self._watchers = 0

    @property
    def full(self) -> bool:
        """Whether as many watch as may."""
        return self._watchers >= MAX_WATCHERS

    @property
    def is_watched(self) -> bool:
        """Whether anybody does; asked on any thread."""
        return self._watchers > 0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Within, pictures are wanted."""
        self._watchers += 1
        self.watched.set()
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self.watched.clear()

    async def newer(self, number: int) -> bytes:
        """Wait for a JPEG newer than that of this number."""
        async with self._news:
            await self._news.wait_for(lambda: self.number > number)
            return self.jpeg

    async def publish(self, jpeg: bytes, change: int, seq: int) -> None:
        """Give it to all that wait."""
        async with self._news:
            self.jpeg = jpeg
            self.message = _HEADER.pack(self._kind, change, max(0, seq)) + jpeg
            self.number += 1
            self._news.notify_all()
