"""The preview: pictures from the output clock, as JPEG for whoever watches the page; stills of them
as PNG.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.frame import Size

if TYPE_CHECKING:
    from livestyle.frame import Pixels

MAX_WATCHERS = 8
MAX_WIDTH = 960
# 15 a second: a little less than 1/15 s, or a 30 fps clock would just miss every second tick.
INTERVAL_SECONDS = 0.060
JPEG_QUALITY = 80


class Preview:
    """One picture between the output clock and the server's event loop, then its JPEG for all.

    `offer` belongs to the clock's thread, all else to the event loop. The buffer is the clock's
    while `_wanted` is set and the loop's otherwise, so neither ever waits for the other.
    """

    def __init__(self, size: Size) -> None:
        """size: (width, height) in pixels of every picture offered, both even."""
        width, height = size
        self._pixels = np.empty((height * 3 // 2, width), np.uint8)
        self._small = (MAX_WIDTH, max(1, round(height * MAX_WIDTH / width)))
        self._wanted = threading.Event()
        self._taken = asyncio.Event()
        self._watched = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._new = asyncio.Condition()
        self._watchers = 0
        self._jpeg = b""
        self.number = 0  # of the newest JPEG, from 1
        self._stills: list[asyncio.Future[Pixels]] = []

    def offer(self, pixels: Pixels) -> None:
        """Copy the picture, I420 (H * 3 / 2, W), if one is due to somebody; else do nothing."""
        if not self._wanted.is_set() or self._loop is None:
            return
        np.copyto(self._pixels, pixels)
        self._wanted.clear()
        with suppress(RuntimeError):  # the loop has just been closed: the server stops
            self._loop.call_soon_threadsafe(self._taken.set)

    @property
    def full(self) -> bool:
        """Whether as many watch as may."""
        return self._watchers >= MAX_WATCHERS

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within, pictures are wanted. After the last watcher has left, one more may be copied."""
        self._watchers += 1
        self._watched.set()
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._watched.clear()

    async def newer(self, number: int) -> tuple[int, bytes]:
        """Wait for a JPEG newer than `number`; return its number and its bytes."""
        async with self._new:
            await self._new.wait_for(lambda: self.number > number)
            return self.number, self._jpeg

    async def still(self) -> Pixels:
        """The next picture, I420 (H * 3 / 2, W), the caller's own."""
        wanted: asyncio.Future[Pixels] = asyncio.get_running_loop().create_future()
        self._stills.append(wanted)
        try:
            return await wanted
        finally:
            self._stills.remove(wanted)

    async def run(self) -> None:
        """Encode what is wanted, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._watched.wait()
            self._wanted.set()
            await self._taken.wait()
            self._taken.clear()
            due = self._loop.time() + INTERVAL_SECONDS
            for wanted in self._stills:
                if not wanted.done():
                    wanted.set_result(self._pixels.copy())
            async with self._new:
                self._jpeg = self._encode()
                self.number += 1
                self._new.notify_all()
            await asyncio.sleep(due - self._loop.time())

    def _encode(self) -> bytes:
        picture = cv2.cvtColor(self._pixels, cv2.COLOR_YUV2BGR_I420)
        width = picture.shape[1]
        if width > MAX_WIDTH:
            # Averaging looks better from twice the size on; below, it costs 8 times as much.
            method = cv2.INTER_AREA if width >= 2 * MAX_WIDTH else cv2.INTER_LINEAR
            picture = cv2.resize(picture, self._small, interpolation=method)
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return jpeg.tobytes()


def png_of(i420: Pixels) -> bytes:
    """As PNG: RGB of its size, and nothing else is lost. I420 (H * 3 / 2, W)."""
    _, png = cv2.imencode(".png", cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420))
    return png.tobytes()
