"""Head: makes a picture of what a lite network paints.

A network is given the source's pixels, BLOCK x BLOCK for one of the size inside, and paints at half
of that size: for each of the 2 x 2 pixels of a place a base in RGB, and a gain of the source's own
detail in brightness, which is what the source shrunk to an eighth of the size inside does not show:

    result = grown(base) + grown(gain) * (source - grown(shrunk(source)))

Outlines and letters so keep a sharpness that features cannot carry, whatever the canvas' size is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.canvas import Canvas, scale
from livestyle.finish.fused import Fused
from livestyle.finish.planes import grow, shrink

if TYPE_CHECKING:
    import openvino as ov

    from livestyle.frame import Pixels, Size

BLOCK = 2
"""Pixels of what a network is given, each way, that are one of the size inside, at which styles
are.
"""
GAIN = 170
"""The level that is a gain of 1; so the highest is 1.5."""
PAINTED = 16
"""Channels that a network paints: pixel by pixel, left to right and down, red, green, blue, gain.
"""
COARSE = 8
"""Pixels of the size inside, each way, whose mean shows no detail."""


class Head:
    """For one size inside and one canvas."""

    def __init__(self, size: Size, canvas: Canvas) -> None:
        """size: (width, height) inside, multiples of 8."""
        width, height = size
        self._canvas = canvas
        self._join = Fused(_joined, 4, 3, canvas.size[::-1], parts=(1, 3 / 4))
        self._gray = np.empty((0, 0), np.uint8)
        self._pixels = np.empty((height, width, 4), np.uint8)
        self._base = np.empty((height, width, 3), np.uint8)
        self._gain = np.empty((height, width), np.uint8)
        self._shrunk = np.empty((height // COARSE, width // COARSE), np.uint8)

    def __call__(self, painted: Pixels, picture: Pixels, seen: Pixels) -> Pixels:
        """What `Canvas.put` returns.

        painted: (h / 2, w / 2, PAINTED), contiguous. picture: of what the network made it, BGRX.
        seen: the same as the source has it, placed on the canvas, BGRA of any size.
        """
        height, width = self._gain.shape
        # a pixel is four bytes: two side by side are one number
        two_wide = self._pixels.reshape(-1).view(np.uint64).reshape(height // 2, 2, width // 2)
        in_pairs = painted.reshape(-1).view(np.uint64).reshape(height // 2, width // 2, 2)
        np.copyto(two_wide, in_pairs.transpose(0, 2, 1))
        cv2.cvtColor(self._pixels, cv2.COLOR_RGBA2RGB, dst=self._base)
        cv2.extractChannel(self._pixels, 3, dst=self._gain)
        made = self._canvas.put(self._base)
        height, width = self._canvas.brightness.pixels.shape[:2]
        self._add_detail(picture if picture.shape[:2] == (height, width) else seen)
        return made

    def _add_detail(self, source: Pixels) -> None:
        """source: BGRA of any size."""
        pixels, least, most = self._canvas.brightness
        base, own, coarse, gain, result = self._join.planes(pixels.shape[:2])
        if source.shape[:2] == own.shape:
            cv2.cvtColor(source, cv2.COLOR_BGRA2GRAY, dst=own)
        else:
            if self._gray.shape != source.shape[:2]:
                self._gray = np.empty(source.shape[:2], np.uint8)
            cv2.cvtColor(source, cv2.COLOR_BGRA2GRAY, dst=self._gray)
            scale(self._gray, own.shape[::-1], into=own)
        grow(shrink(own, self._shrunk), coarse)
        scale(self._gain, own.shape[::-1], into=gain)
        channels = cv2.split(pixels)
        for channel in channels:
            np.copyto(base, channel)
            self._join((most - least) / 255 / GAIN, least, most)
            np.copyto(channel, result)
        cv2.merge(channels, dst=pixels)


def _joined(planes: Sequence[ov.Node], gains: Sequence[ov.Node]) -> ov.Node:
    from openvino import opset13 as ops

    base, own, coarse, gain = planes
    level, least, most = gains
    return ops.minimum(ops.maximum(base + level * gain * (own - coarse), least), most)
