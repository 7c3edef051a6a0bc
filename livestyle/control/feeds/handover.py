"""Handover: one picture at a time from the output clock's thread to the server's event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from livestyle.frame import Frame, Size
from livestyle.pacing import SECOND

if TYPE_CHECKING:
    from livestyle.frame import Pixels


class Handover:
    """`offer` belongs to the clock's thread, all else to the event loop. The buffer is the clock's
    while `_wanted` is set and the loop's otherwise, so neither ever waits for the other.
    """

    def __init__(self, size: Size, interval: float) -> None:
        """size: (width, height) in pixels of every picture, both even. interval: s between two that
        are handed over, at least.
        """
        width, height = size
        self._frame = Frame(np.empty((height * 3 // 2, width), np.uint8), -1, 0)  # in the buffer
        self._interval = round(interval * SECOND)
        self._due_at = 0  # ns
        self._offered: Pixels | None = None  # where the frame in the buffer was copied from
        self._with_repeats = True
        self._is_asked = False
        self._wanted = threading.Event()
        self._taken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def offer(self, frame: Frame, *, now: bool = False) -> bool:
        """Copy the picture, I420 (H * 3 / 2, W), if one is due to somebody; else do nothing. now:
        it is due, if anybody waits. Returns whether it was taken.
        """
        if not self._wanted.is_set() or self._loop is None:
            return False
        time_ns = time.monotonic_ns()
        if time_ns < self._due_at and not now:
            return False
        is_repeat = frame.seq == self._frame.seq and frame.pixels is self._offered
        if is_repeat and not self._with_repeats:
            return False
        self._due_at = time_ns + self._interval
        np.copyto(self._frame.pixels, frame.pixels)
        self._offered = frame.pixels
        self._frame = frame.with_pixels(self._frame.pixels)
        self._wanted.clear()
        with suppress(RuntimeError):  # the loop has just been closed: the server stops
            self._loop.call_soon_threadsafe(self._taken.set)
        return True

    async def take(self, *, repeats: bool = True) -> Frame:
        """Wait for a picture; its pixels are the caller's until the next call. repeats: be it the
        same as the last one.
        """
        self._loop = asyncio.get_running_loop()
        self._with_repeats = repeats
        if not self._is_asked:  # by a call that was given up
            self._is_asked = True
            self._wanted.set()
        await self._taken.wait()
        self._taken.clear()
        self._is_asked = False
        return self._frame
