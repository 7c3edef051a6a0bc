"""Turn: what may take long, on a thread beside the event loop, one thing after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Turn:
    """Whoever asks for more than one thread can do waits, and the server's other threads are free
    for others.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def take(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` returns or raises. Raises TimeoutError where it is not done in time: what has
        begun goes on, what has not never will.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        async with asyncio.timeout_at(ends):
            await self._lock.acquire()
        begun = loop.run_in_executor(None, work)
        begun.add_done_callback(self._end)
        done, _ = await asyncio.wait({begun}, timeout=ends - loop.time())
        if not done:
            raise TimeoutError
        return begun.result()

    def _end(self, begun: asyncio.Future[Any]) -> None:
        self._lock.release()
        if not begun.cancelled():
            begun.exception()  # or it would be told of where nobody waits any more
