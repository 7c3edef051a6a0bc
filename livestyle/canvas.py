"""Canvas: the output picture, on which a stylizer paints what it made of a source picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import cv2
import numpy as np

from livestyle.frame import Size
from livestyle.placement import Placement

if TYPE_CHECKING:
    from livestyle.frame import Pixels

    Layers = tuple[Pixels, Pixels, Pixels]
    """Brightness and two colours of a picture, each (h, w): Y, Cr, Cb (BT.601, full range)."""

_BLACK = 16, 128, 128  # in limited range
_BRIGHTNESS, _COLOUR = (219 / 255, 16.0), (224 / 255, 128 * (1 - 224 / 255))  # from full range


def scale(pixels: Pixels, size: Size, into: Pixels | None = None) -> Pixels:
    """The picture at (width, height) `size`: bilinear, but averaged when a side shrinks to half or
    less, where bilinear would leave pixels out.
    """
    height, width = pixels.shape[:2]
    if (width, height) == size and into is None:
        return pixels
    # OpenCV takes a tenth of the time to halve a picture that it takes for another factor
    while width % size[0] or height % size[1]:
        if width % 2 or height % 2 or width < 2 * size[0] or height < 2 * size[1]:
            break
        width, height = width // 2, height // 2
        pixels = cast("Pixels", cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    # from 1920 to 1280 bilinear takes a fifth of the time
    halves = 2 * size[0] <= width or 2 * size[1] <= height
    interpolation = cv2.INTER_AREA if halves else cv2.INTER_LINEAR
    return cast("Pixels", cv2.resize(pixels, size, dst=into, interpolation=interpolation))


class Brightness(NamedTuple):
    """A view of what makes a picture bright, Y (h, w) or RGB (h, w, 3), and its levels' ends."""

    pixels: Pixels
    least: int
    most: int


class Canvas:
    """An RGB picture, (height, width, 3) uint8, black where nothing is painted.

    size: (width, height), both even. aspect: how a source picture of another shape is placed on it
    ("fit", "fill" or "stretch", see `Placement`); it may change from one source size to the next.
    i420: that is what is wanted in the end, and what `put` makes; a stylizer that can make it where
    the picture is need not paint here.
    """

    def __init__(self, size: Size, aspect: str, *, i420: bool = False) -> None:
        self.size = size
        self.i420 = i420
        self.pixels: Pixels = np.empty((size[1], size[0], 3), np.uint8)
        self.aspect = aspect
        self._placement = Placement(size, size, aspect)
        self._i420: Pixels = np.empty((size[1] * 3 // 2 if i420 else 0, size[0]), np.uint8)
        self._clear()

    def place(self, source: Pixels) -> Pixels:
        """Make room for a source picture. Returns the part of it that will be seen (a view)."""
        size = source.shape[1], source.shape[0]
        if size != self._placement.source_size:
            self._placement = Placement(size, self.size, self.aspect)
            self._clear()
        return self._placement.crop(source)

    def paint(self, source: Pixels) -> None:
        """Paint a source picture, BGRA (h, w, 4), as it is."""
        seen, room = self.place(source), self.room
        cv2.cvtColor(scale(seen, (room.shape[1], room.shape[0])), cv2.COLOR_BGRA2RGB, dst=room)

    def put(self, styled: Pixels) -> Pixels:
        """Paint a styled picture of any size, RGB (h, w, 3). Returns all that is painted: RGB
        (H, W, 3), or I420 (H * 3 / 2, W) where that is wanted.
        """
        if not self.i420:
            room = self.room
            scale(styled, (room.shape[1], room.shape[0]), into=room)
            return self.pixels
        x, y, width, height = self._placement.rectangle
        brightness, red, blue = layers_of(styled)
        # colours have half of the size: a small picture's need not grow
        for plane, layer, by, factors in zip(
            planes_of(self._i420),
            (brightness, blue, red),
            (1, 2, 2),
            (_BRIGHTNESS, _COLOUR, _COLOUR),
            strict=True,
        ):
            limited: Any = cv2.convertScaleAbs(layer, None, *factors)
            room = plane[y // by : (y + height) // by, x // by : (x + width) // by]
            scale(limited, (width // by, height // by), into=room)
        return self._i420

    @property
    def brightness(self) -> Brightness:
        """Of the part that the source fills, after `put`."""
        if not self.i420:
            return Brightness(self.room, 0, 255)
        x, y, width, height = self._placement.rectangle
        return Brightness(self._i420[y : y + height, x : x + width], 16, 235)

    def show(self, source: Pixels, into: Pixels) -> None:
        """Write what `paint` paints as I420 (H * 3 / 2, W)."""
        if (source.shape[1], source.shape[0]) == self.size:  # the same bytes, without a detour
            cv2.cvtColor(source, cv2.COLOR_BGRA2YUV_I420, dst=into)
            return
        self.paint(source)
        to_i420(self.pixels, into.data.cast("B"))

    def _clear(self) -> None:
        self.pixels.fill(0)
        if self.i420:
            for plane, level in zip(planes_of(self._i420), _BLACK, strict=True):
                plane.fill(level)

    @property
    def room(self) -> Pixels:
        """The part of the canvas that the placed source picture fills: a view to paint into."""
        x, y, width, height = self._placement.rectangle
        return self.pixels[y : y + height, x : x + width]


def layers_of(rgb: Pixels) -> Layers:
    """Those of RGB (h, w, 3)."""
    y, cr, cb = cast("Layers", cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)))
    return y, cr, cb


def planes_of(i420: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Views of I420 (H * 3 / 2, W): brightness (H, W), and U and V (H / 2, W / 2)."""
    height, width = i420.shape[0] * 2 // 3, i420.shape[1]
    u, v = i420.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
    return i420[:height], u, v


def to_i420(pixels: Pixels, into: memoryview) -> None:
    """Write RGB (H, W, 3), or what is I420 already, as I420 into H * W * 3 / 2 bytes.

    BT.601 limited range.
    """
    planes = np.frombuffer(into, np.uint8)
    if pixels.ndim == 2:
        np.copyto(planes, pixels.reshape(-1))
        return
    height, width = pixels.shape[:2]
    cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420, dst=planes.reshape(height * 3 // 2, width))
