"""Planes: brightness and two colours of a picture, as views into whatever holds it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from livestyle.frame import Pixels, Size

ONE = 64  # a weight of 1 in fixed point: with a difference of 9 bits and a gain it fits into int16


ROWS = 96  # at a time


class Planes(NamedTuple):
    """uint8. Brightness is (H, W); both colours are of one size, which may be half of that."""

    y: Pixels
    u: Pixels
    v: Pixels

    @classmethod
    def of_i420(cls, picture: Pixels) -> Planes:
        """Views into I420 (H * 3 / 2, W)."""
        height, width = picture.shape[0] * 2 // 3, picture.shape[1]
        u, v = picture.reshape(-1)[height * width :].reshape(2, height // 2, width // 2)
        return cls(picture[:height], u, v)

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


def part(size: Size, divisor: int, dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """An empty plane for a picture of (width, height), shrunk by that, at least one pixel."""
    return np.empty([max(1, -(-side // divisor)) for side in size[::-1]], dtype)


class Strips:
    """int16 room for some rows of pictures up to a width; contiguous, or the arithmetic takes twice
    as long.
    """

    def __init__(self, count: int, width: int) -> None:
        self._count = count
        self._room = np.empty(count * ROWS * width, np.int16)

    def of(self, shape: tuple[int, ...]) -> NDArray[np.int16]:
        """`count` of them, each of that shape of at most ROWS rows."""
        height, width = shape
        return self._room[: self._count * height * width].reshape(self._count, height, width)


class Blender:
    """Brings pictures towards others, some rows at a time: that much stays in a core's cache."""

    def __init__(self, width: int) -> None:
        """width: of the widest picture."""
        self._strips = Strips(3, width)

    def __call__(self, shown: Pixels, new: Pixels, mask: Pixels) -> None:
        """Bring (H, W) towards what is new, in place: not at all where the mask is 0, wholly where
        it is ONE.
        """
        for top in range(0, len(shown), ROWS):
            rows = slice(top, top + ROWS)
            self._blend(shown[rows], new[rows], mask[rows])

    def _blend(self, shown: Pixels, new: Pixels, mask: Pixels) -> None:
        if mask.max() == 0:
            return
        if mask.min() == ONE:
            np.copyto(shown, new)
            return
        was, change, share = self._strips.of(shown.shape)
        np.copyto(was, shown)
        np.copyto(change, new)
        np.copyto(share, mask)
        change -= was
        change *= share
        change >>= 6
        change += was
        np.copyto(shown, change, casting="unsafe")
