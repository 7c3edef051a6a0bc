"""The drawing: what is drawn on the page's canvas, as a source."""

from __future__ import annotations

import time

import numpy as np

from livestyle.between.slot import Slot
from livestyle.frame import Frame, Size


class Drawing:
    """A Source: the canvas as it is now, white before anything was drawn.

    A frame's `seq` is the page's own number of the last stroke in it; one that shows the next
    stroke for the first time was captured when that came to livestyle.
    """

    name = "canvas"
    fps = None

    def __init__(self, slot: Slot, size: Size) -> None:
        """slot: BGRA pictures of (width, height) `size`."""
        self.size = size
        self._slot = slot
        slot.take_again()
        self._shape = size[1], size[0], 4
        self._pixels = np.full(self._shape, 255, np.uint8)
        self._seq = 0

    def read(self) -> Frame:
        """What is drawn by now: BGRA (H, W, 4)."""
        pixels = np.empty(self._shape, np.uint8)
        taken = self._slot.take(pixels.reshape(-1).data)
        if taken is None:
            return Frame(self._pixels, self._seq, time.monotonic_ns())
        self._pixels, self._seq = pixels, taken.seq
        return Frame(pixels, taken.seq, taken.captured_at)

    def __enter__(self) -> Drawing:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass
