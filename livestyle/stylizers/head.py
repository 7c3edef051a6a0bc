"""Head: makes a picture of what a lite network paints.

A network paints at half of the picture's size. For each of the 2 x 2 pixels of a place it gives a
base in RGB, and a gain of the picture's own detail, which is what the picture shrunk to an eighth
does not show of it:

    result = base + gain * (picture - grown(shrunk(picture)))

Outlines so keep a sharpness that features at half of the size cannot carry. As operations of the
network's graph this took a third of all its time.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.finish.fused import Fused
from livestyle.finish.planes import grow, shrink

if TYPE_CHECKING:
    import openvino as ov

    from livestyle.frame import Pixels, Size

GAIN = 170
"""The level that is a gain of 1; so the highest is 1.5."""
PAINTED = 16
"""Channels that a network paints: pixel by pixel, left to right and down, red, green, blue, gain.
"""
_SHRUNK = 2, 4, 8  # one after the other


class Head:
    """For pictures of one size."""

    def __init__(self, size: Size) -> None:
        """size: (width, height), multiples of 8."""
        width, height = size
        self._shape = height, width, 3
        self._join = Fused(_joined, 4, 0, (height, 3 * width), parts=(1,))
        self._pixels = np.empty((height, width, 4), np.uint8)
        self._gain = np.empty((height, width), np.uint8)
        self._small = [np.empty((height // by, width // by, 3), np.uint8) for by in _SHRUNK]

    def __call__(self, painted: Pixels, picture: Pixels) -> Pixels:
        """RGB (h, w, 3), which belongs to this object and changes at the next call.

        painted: (h / 2, w / 2, PAINTED), contiguous. picture: of which it was, BGRX (h, w, 4).
        """
        height, width, _ = self._shape
        # a pixel is four bytes: two side by side are one number
        two_wide = self._pixels.reshape(-1).view(np.uint64).reshape(height // 2, 2, width // 2)
        in_pairs = painted.reshape(-1).view(np.uint64).reshape(height // 2, width // 2, 2)
        np.copyto(two_wide, in_pairs.transpose(0, 2, 1))
        base, own, coarse, gain, result = self._join.planes(self._shape)
        cv2.cvtColor(self._pixels, cv2.COLOR_RGBA2RGB, dst=base)
        cv2.extractChannel(self._pixels, 3, dst=self._gain)
        cv2.cvtColor(self._gain, cv2.COLOR_GRAY2RGB, dst=gain)
        cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB, dst=own)
        grow(functools.reduce(shrink, self._small, own), coarse)
        self._join()
        return result


def _joined(planes: Sequence[ov.Node], _: Sequence[ov.Node]) -> ov.Node:
    base, own, coarse, gain = planes
    return base + gain * np.array([1 / GAIN], np.float32) * (own - coarse)
