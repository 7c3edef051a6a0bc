"""Planes: brightness and two colours of a picture, as views into whatever holds it."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from livestyle.canvas import planes_of

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from livestyle.frame import Pixels, Size

ONE = 64  # a weight of 1 in fixed point: with a difference of 9 bits it fits into int16


class Planes(NamedTuple):
    """uint8. Brightness is (H, W); both colours are of one size, which may be half of that."""

    y: Pixels
    u: Pixels
    v: Pixels

    @classmethod
    def of_i420(cls, picture: Pixels) -> Planes:
        """Views into I420 (H * 3 / 2, W)."""
        return cls(*planes_of(picture))

    @classmethod
    def of_rgb(cls, picture: Pixels) -> Planes:
        """Of RGB (H, W, 3): full range, and colours of full size."""
        return cls(*cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV)))  # type: ignore[arg-type]

    def to_rgb(self) -> Pixels:
        """What `of_rgb` was made of."""
        picture: Pixels = cv2.cvtColor(cv2.merge(self), cv2.COLOR_YUV2RGB)  # type: ignore[assignment]
        return picture

    @property
    def size(self) -> Size:
        """(width, height) of the picture."""
        return self.y.shape[1], self.y.shape[0]

    def cut(self, part: tuple[slice, slice]) -> Planes:
        """Views of some rows and columns, which begin at even ones."""
        if self.u.shape == self.y.shape:
            return Planes(*(plane[part] for plane in self))
        halved = tuple(slice(*(at and -(-at // 2) for at in (of.start, of.stop))) for of in part)
        return Planes(self.y[part], self.u[halved], self.v[halved])

    def empty(self) -> Planes:
        """New ones of the same sizes."""
        return Planes(*map(np.empty_like, self))

    def copy_from(self, other: Planes) -> None:
        """Take another's content."""
        for mine, theirs in zip(self, other, strict=True):
            np.copyto(mine, theirs)


def shrink(plane: NDArray[Any], into: NDArray[Any]) -> NDArray[Any]:
    """Means over areas."""
    size = into.shape[1], into.shape[0]
    shrunk: NDArray[Any] = cv2.resize(plane, size, dst=into, interpolation=cv2.INTER_AREA)
    return shrunk


def grow(plane: Pixels, into: Pixels) -> Pixels:
    """Bilinear between the samples' centres."""
    size = into.shape[1], into.shape[0]
    grown: Pixels = cv2.resize(plane, size, dst=into, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return grown


@functools.lru_cache(maxsize=64)
def ramp(low: float, high: float, top: float) -> Pixels:
    """A table of 256 levels: 0 up to low, from high on top, straight between."""
    share = ((np.arange(256) - low) / (high - low)).clip(0, 1)
    return (share * top).astype(np.uint8)


def divided(shape: tuple[int, ...], divisor: int) -> tuple[int, int]:
    """(height, width) of a picture shrunk by that."""
    height, width = (-(-side // divisor) for side in shape)
    return height, width


class Room:
    """Memory for a plane of some shape or any smaller one; each is contiguous."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> None:
        self._values: NDArray[Any] = np.zeros(math.prod(shape), dtype)

    def of(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """A view of that shape."""
        return self._values[: math.prod(shape)].reshape(shape)
