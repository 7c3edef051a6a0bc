"""The preview: pictures of the output and of the source, as JPEG for whoever watches the page."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.between.slot import Slot
from livestyle.frame import Frame, Size
from livestyle.pacing import SECOND

if TYPE_CHECKING:
    from livestyle.frame import Pixels

MAX_WATCHERS = 8
MAX_WIDTH = 960
# 15 a second: a little less than 1/15 s, or a 30 fps clock would just miss every second tick.
INTERVAL_SECONDS = 0.060
HURRY_SECONDS = 1.0
JPEG_QUALITY = 80
OUTPUT, SOURCE = 0, 1  # kinds of pictures

_HEADER = struct.Struct("<BxxxIQ")  # kind, change, seq
_WANTED_SECONDS = 0.5  # without a word from here the worker makes no pictures of the source


class Feed:
    """The newest picture of one kind, for all that watch it; of the event loop alone."""

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


class Preview:
    """One picture between the output clock and the server's event loop, then its JPEG for all.

    `offer` belongs to the clock's thread, all else to the event loop. The buffer is the clock's
    while `_wanted` is set and the loop's otherwise, so neither ever waits for the other.
    """

    def __init__(self, size: Size, slot: Slot | None) -> None:
        """size: (width, height) in pixels of every picture, both even. slot: where pictures of the
        source are, while they are wanted; None: there are none.
        """
        width, height = size
        self.has_source = slot is not None
        self.news = asyncio.Condition()
        self.output = Feed(OUTPUT, self.news)
        self.source = Feed(SOURCE, self.news)
        self._shape = height * 3 // 2, width
        self._pixels = np.empty(self._shape, np.uint8)
        self._small = (MAX_WIDTH, max(1, round(height * MAX_WIDTH / width)))
        self._slot = slot
        self._wanted = threading.Event()
        self._taken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._frame = Frame(self._pixels, 0, 0)  # what is in the buffer
        self._due_at = self._hurried_until = 0  # ns
        self._stills: list[asyncio.Future[Pixels]] = []

    def offer(self, frame: Frame) -> None:
        """Copy the picture, I420 (H * 3 / 2, W), if one is due to somebody; else do nothing. One
        that shows a change for the first time is always due, and so is any while it hurries.
        """
        if not self._wanted.is_set() or self._loop is None:
            return
        now = time.monotonic_ns()
        is_changed = frame.change != self._frame.change
        if now < self._due_at and not is_changed and now > self._hurried_until:
            return
        self._due_at = now + round(INTERVAL_SECONDS * SECOND)
        np.copyto(self._pixels, frame.pixels)
        self._frame = frame.with_pixels(self._pixels)
        self._wanted.clear()
        with suppress(RuntimeError):  # the loop has just been closed: the server stops
            self._loop.call_soon_threadsafe(self._taken.set)

    def hurry(self) -> None:
        """For a while take every picture: somebody draws, and waits for what comes of it."""
        self._hurried_until = time.monotonic_ns() + round(HURRY_SECONDS * SECOND)

    async def still(self) -> Pixels:
        """The next picture of the output, I420 (H * 3 / 2, W), the caller's own."""
        wanted: asyncio.Future[Pixels] = asyncio.get_running_loop().create_future()
        self._stills.append(wanted)
        try:
            return await wanted
        finally:
            self._stills.remove(wanted)

    async def run(self) -> None:
        """Encode what is wanted, until cancelled."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_output())
            if self._slot is not None:
                tasks.create_task(self._run_source(self._slot))

    async def _run_output(self) -> None:
        while True:
            await self.output.watched.wait()
            self._wanted.set()
            await self._taken.wait()
            self._taken.clear()
            for wanted in self._stills:
                if not wanted.done():
                    wanted.set_result(self._pixels.copy())
            frame = self._frame
            await self.output.publish(self._encode(frame.pixels), frame.change, frame.seq)

    async def _run_source(self, slot: Slot) -> None:
        pixels = np.empty(self._shape, np.uint8)
        buffer = pixels.reshape(-1).data
        while True:
            await self.source.watched.wait()
            slot.take(buffer)  # one that is left from the last time
            while self.source.watched.is_set():
                slot.want(_WANTED_SECONDS)
                if taken := slot.take(buffer):
                    await self.source.publish(self._encode(pixels), taken.change, taken.seq)
                await asyncio.sleep(INTERVAL_SECONDS)
            slot.want(0)

    def _encode(self, i420: Pixels) -> bytes:
        picture = cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)
        width = picture.shape[1]
        if width > MAX_WIDTH:
            # Averaging looks better from twice the size on; below, it costs 8 times as much.
            method = cv2.INTER_AREA if width >= 2 * MAX_WIDTH else cv2.INTER_LINEAR
            picture = cv2.resize(picture, self._small, interpolation=method)
        _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return jpeg.tobytes()
