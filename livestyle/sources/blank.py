"""The blank source: nothing to look at, for the turbo stylizer to make pictures from text alone."""

from __future__ import annotations

import time

import numpy as np

from livestyle.frame import Frame, Size


class Blank:
    """A Source of black frames, all alike."""

    name = "blank"
    fps = None

    def __init__(self, size: Size) -> None:
        self.size = size
        self._pixels = np.zeros((size[1], size[0], 4), np.uint8)
        self._seq = -1

    def read(self) -> Frame:
        """The same black picture with the next number."""
        self._seq += 1
        return Frame(self._pixels, self._seq, time.monotonic_ns())

    def __enter__(self) -> Blank:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass
