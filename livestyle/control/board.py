"""The board: what is drawn on the page, whole, for the source canvas."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.frame import Size

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_HEAD = struct.Struct("<IHHHH")  # mark, x, y, width, height


class Board:
    """A picture that is white, until rectangles of it are drawn. `mark`: of the last one."""

    def __init__(self, size: Size) -> None:
        """size: (width, height) in pixels."""
        self.size = size
        self.mark = 0
        self._pixels: Pixels = np.full((size[1], size[0], 4), 255, np.uint8)  # BGRA

    def draw(self, message: bytes) -> None:
        """Draw a rectangle, as a page sends it: mark u32, x, y, width, height u16, little endian,
        then width * height pixels of RGBA, of which the alpha means nothing.

        Raises ValueError, and draws nothing, where it is none, or not all of it on the board.
        """
        if len(message) < _HEAD.size:
            raise ValueError(f"{_HEAD.size} bytes are expected, then RGBA")
        mark, x, y, width, height = _HEAD.unpack_from(message)
        if not (width and height and x + width <= self.size[0] and y + height <= self.size[1]):
            raise ValueError("a rectangle within {}x{} is expected".format(*self.size))
        if len(message) != _HEAD.size + width * height * 4:
            raise ValueError(f"{width}x{height} pixels of RGBA are expected, and nothing else")
        rgba = np.frombuffer(message, np.uint8, offset=_HEAD.size).reshape(height, width, 4)
        self._pixels[y : y + height, x : x + width] = cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA)
        self.mark = mark

    def write(self, into: memoryview) -> None:
        """Write all of it, BGRA, into width * height * 4 bytes."""
        into[:] = self._pixels.reshape(-1).data

    def copy(self) -> Pixels:
        """All of it, BGRA (H, W, 4), the caller's own."""
        return self._pixels.copy()
