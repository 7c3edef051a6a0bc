"""The preview: pictures of the output and of the source, as JPEG for whoever watches the page."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.between.slot import Slot
from livestyle.control.feeds.feed import OUTPUT, SOURCE, Feed
from livestyle.control.feeds.handover import Handover
from livestyle.frame import Frame, Size
from livestyle.pacing import SECOND

if TYPE_CHECKING:
    from livestyle.frame import Pixels

MAX_WIDTH = 960  # of what the page shows
# 15 a second: a little less than 1/15 s, or a 30 fps clock would just miss every second tick.
INTERVAL_SECONDS = 0.060
WHOLE_SECONDS = 0.030  # the same of whole pictures, 30 a second
AGAIN_SECONDS = 1.0
HURRY_SECONDS = 1.0
JPEG_QUALITY = 80
_WANTED_SECONDS = 0.5  # without a word from here the worker makes no pictures of the source


class Preview:
    """The newest pictures of a run, as JPEG for all that watch: of the output and of the source as
    the page shows them, and of the output in its own size, whole.

    `offer` belongs to the clock's thread, all else to the event loop. What takes long, encoding, is
    done on a thread beside it.
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
        self.whole = Feed(OUTPUT, asyncio.Condition())
        self._shape = height * 3 // 2, width
        self._small = (MAX_WIDTH, max(1, round(height * MAX_WIDTH / width)))
        self._slot = slot
        self._handover = Handover(size, INTERVAL_SECONDS)
        self._whole_handover = Handover(size, WHOLE_SECONDS)
        self._change = 0  # of the newest picture; of the clock's thread alone
        self._hurried_until = 0  # ns
        self._stills: list[asyncio.Future[Pixels]] = []

    def offer(self, frame: Frame) -> None:
        """Copy the picture, I420 (H * 3 / 2, W), if one is due to somebody; else do nothing. One
        that shows a change for the first time is always due, and so is any while it hurries.
        """
        now = frame.change != self._change or time.monotonic_ns() < self._hurried_until
        if self._handover.offer(frame, now=now):
            self._change = frame.change
        self._whole_handover.offer(frame)

    @property
    def is_watched(self) -> bool:
        """Whether anybody waits for a picture; asked on any thread."""
        return any(feed.is_watched for feed in (self.output, self.source, self.whole))

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
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_output())
            tasks.create_task(self._run_whole())
            if self._slot is not None:
                tasks.create_task(self._run_source(self._slot))

    async def _run_output(self) -> None:
        while True:
            await self.output.watched.wait()
            frame = await self._handover.take()
            for wanted in self._stills:
                if not wanted.done():
                    wanted.set_result(frame.pixels.copy())
            jpeg = await asyncio.to_thread(self._encode, frame.pixels)
            await self.output.publish(jpeg, frame.change, frame.seq)

    async def _run_whole(self) -> None:
        """What was sent already comes again, after a while alone: it costs much and brings nothing,
        but that all is well.
        """
        while True:
            await self.whole.watched.wait()
            try:
                async with asyncio.timeout(AGAIN_SECONDS):
                    frame = await self._whole_handover.take(repeats=False)
            except TimeoutError:
                frame = await self._whole_handover.take()
            jpeg = await asyncio.to_thread(_jpeg_of, frame.pixels)
            await self.whole.publish(jpeg, frame.change, frame.seq)

    async def _run_source(self, slot: Slot) -> None:
        pixels = np.empty(self._shape, np.uint8)
        buffer = pixels.reshape(-1).data
        while True:
            await self.source.watched.wait()
            slot.take(buffer)  # one that is left from the last time
            while self.source.watched.is_set():
                slot.want(_WANTED_SECONDS)
                if taken := slot.take(buffer):
                    jpeg = await asyncio.to_thread(self._encode, pixels)
                    await self.source.publish(jpeg, taken.change, taken.seq)
                await asyncio.sleep(INTERVAL_SECONDS)
            slot.want(0)

    def _encode(self, i420: Pixels) -> bytes:
        picture = cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)
        width = picture.shape[1]
        if width > MAX_WIDTH:
            # Averaging looks better from twice the size on; below, it costs 8 times as much.
            method = cv2.INTER_AREA if width >= 2 * MAX_WIDTH else cv2.INTER_LINEAR
            picture = cv2.resize(picture, self._small, interpolation=method)
        return _jpeg(picture)


def _jpeg_of(i420: Pixels) -> bytes:
    return _jpeg(cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420))


def _jpeg(bgr: cv2.typing.MatLike) -> bytes:
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return jpeg.tobytes()
