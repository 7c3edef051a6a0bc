"""Placement: how a picture of one shape is put on a canvas of another. Arithmetic only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from livestyle.errors import ConfigError

if TYPE_CHECKING:
    from livestyle.frame import Pixels, Size

Rectangle = tuple[int, int, int, int]  # left, top, width, height
ASPECTS = ("fit", "fill", "stretch")
_RUNGS, _RUNG = 5, 0.8


class Placement:
    """Which part of a source picture is shown, and where on the output.

    "fit" shows all of the source and leaves bars, "fill" covers the output and cuts what sticks
    out, "stretch" shows all of it everywhere, distorted.

    source_size: (width, height), any. output_size: (width, height), even.
    source_rectangle: the part of the source that is shown.
    rectangle: the part of the output that it fills; even numbers all four, because I420 has one
    colour for 2 x 2 pixels. Both are in the middle, as nearly as whole pixels allow.

    Raises ConfigError for another `aspect`.
    """

    def __init__(self, source_size: Size, output_size: Size, aspect: str) -> None:
        if aspect not in ASPECTS:
            raise ConfigError(f"unknown aspect {aspect!r}; choose from: {', '.join(ASPECTS)}")
        self.source_size = source_size
        self.output_size = output_size
        self.source_rectangle: Rectangle = (0, 0, *source_size)
        self.rectangle: Rectangle = (0, 0, *output_size)
        if aspect == "fit":
            self.rectangle = _fitted(source_size, output_size)
        elif aspect == "fill":
            self.source_rectangle = _cut(source_size, output_size)

    def crop(self, pixels: Pixels) -> Pixels:
        """The part of the source picture (H, W, …) that is shown, as a view."""
        left, top, width, height = self.source_rectangle
        return pixels[top : top + height, left : left + width]


def network_size(output: Size, wanted: Size | None, usual: Size, grid: range) -> Size:
    """The (width, height) of the picture inside a network: sides out of `grid`.

    The wanted one, else the output's shape with about as many pixels as `usual` has, but no more
    than the output.
    """
    area = usual[0] * usual[1]
    shrink = 1.0 if wanted else min(1.0, math.sqrt(area / (output[0] * output[1])))
    width, height = (_nearest(side * shrink, grid) for side in wanted or output)
    return width, height


def ladder(size: Size, grid: range) -> list[Size]:
    """That (width, height) and smaller ones of its shape, the largest first: sides out of `grid`,
    each about four fifths of those before, so that the smallest has a sixth of the pixels.
    """
    sizes = [size]
    for rung in range(1, _RUNGS):
        width, height = (side * _RUNG**rung for side in size)
        if min(width, height) + grid.step / 2 < grid[0]:  # it would have another shape
            break
        sizes.append((_nearest(width, grid), _nearest(height, grid)))
    return list(dict.fromkeys(sizes))


def _nearest(side: float, grid: range) -> int:
    return min(max(grid[0], grid.step * math.floor(side / grid.step + 0.5)), grid[-1])


def _fitted(source: Size, output: Size) -> Rectangle:
    """The largest even rectangle in the middle of `output` that has the shape of `source`."""
    width, height = output
    if source[0] * height >= source[1] * width:
        height = min(height, max(2, 2 * _divided(width * source[1], 2 * source[0])))
    else:
        width = min(width, max(2, 2 * _divided(height * source[0], 2 * source[1])))
    return (output[0] - width) // 4 * 2, (output[1] - height) // 4 * 2, width, height


def _cut(source: Size, output: Size) -> Rectangle:
    """The largest rectangle in the middle of `source` that has the shape of `output`."""
    width, height = source
    if width * output[1] >= height * output[0]:
        width = min(width, max(1, _divided(height * output[0], output[1])))
    else:
        height = min(height, max(1, _divided(width * output[1], output[0])))
    return (source[0] - width) // 2, (source[1] - height) // 2, width, height


def _divided(number: int, by: int) -> int:
    """The quotient, rounded to the nearest whole number."""
    return (2 * number + by) // (2 * by)
