"""Brushes: what filters are made of: tables, textures, edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from livestyle.frame import Pixels, Size

_cv: Any = cv2  # its types are wider than what it returns
GREY = 128  # a colour that is none


def brightness_of(picture: Pixels) -> Pixels:
    """That of RGB (h, w, 3)."""
    grey: Pixels = _cv.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return grey


def table(of: Callable[[Any], Any]) -> Pixels:
    """For each of 256 levels."""
    table: Pixels = np.clip(of(np.arange(256.0)), 0, 255).round().astype(np.uint8)
    return table


_LIGHT = table(lambda around: 64 * np.maximum((0.3 * around + 90) / (around + 12), 1))


def colour_table(gain: float, offset: float = 0) -> Pixels:
    """Of a colour: how far it is from grey, and towards which other."""
    return table(lambda c: GREY + (c - GREY) * gain + offset)


def staircase(count: int, soft: float) -> Callable[[Any], Any]:
    """A staircase; soft: of its edges, so that what lies on one does not flicker."""

    def of(level: Any) -> Any:
        step, within = np.divmod(level / 255 * count, 1)
        low = 1 / (1 + np.exp(0.5 / soft))
        return (
            (step + (1 / (1 + np.exp((0.5 - within) / soft)) - low) / (1 - 2 * low)) / count * 255
        )

    return of


def rounded_to(step: int) -> Callable[[Any], Any]:
    """The nearest of levels that are so far apart, grey among them."""
    return lambda level: GREY + np.round((level - GREY) / step) * step


def dark_side(grey: Pixels, fine: float, wide: float) -> Pixels:
    """How much darker it is than around it: difference of Gaussians (Winnemöller et al., XDoG)."""
    inner, outer = (_cv.GaussianBlur(grey, (0, 0), sigma) for sigma in (fine, wide))
    darker: Pixels = _cv.subtract(outer, inner)
    return darker


def lit(grey: Pixels) -> Pixels:
    """With more light where it is dark over a wide area, up to four times as much."""
    height, width = grey.shape
    coarse = _cv.resize(
        grey, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA
    )
    around = _cv.GaussianBlur(coarse, (0, 0), 6)
    light = _cv.resize(_cv.LUT(around, _LIGHT), (width, height), interpolation=cv2.INTER_LINEAR)
    lighter: Pixels = _cv.multiply(grey, light, scale=1 / 64)
    return lighter


def kuwahara(picture: Pixels, radius: int) -> Pixels:
    """Each pixel the mean of that of four squares at its corners which varies least (Kuwahara)."""
    side = radius + 1
    grey = brightness_of(picture)
    mean = _cv.boxFilter(picture, -1, (side, side))
    varies = _cv.absdiff(grey, _cv.boxFilter(grey, -1, (side, side)))
    varies = _cv.boxFilter(varies, -1, (side, side))
    height, width = grey.shape
    half = side // 2
    means = _cv.copyMakeBorder(mean, half, half, half, half, cv2.BORDER_REPLICATE)
    all_vary = _cv.copyMakeBorder(varies, half, half, half, half, cv2.BORDER_REPLICATE)
    least: Any = None
    for top in (0, 2 * half):
        for left in (0, 2 * half):
            here = np.s_[top : top + height, left : left + width]
            if least is None:
                least, result = all_vary[here].copy(), means[here].copy()
                continue
            mask = _cv.compare(all_vary[here], least, cv2.CMP_LT)
            _cv.copyTo(means[here], mask, result)
            least = _cv.min(least, all_vary[here])
    chosen: Pixels = result
    return chosen


def pixel_grid(size: Size) -> tuple[Any, Any]:
    """Coordinates of the pixels: down, across."""
    down, across = np.mgrid[: size[1], : size[0]].astype(np.float64)
    return down, across


def texture(size: Size, level: float, deviation: float) -> Pixels:
    """Grain of paper; always the same."""
    grain = np.random.default_rng(3).normal(0, 1, size[::-1]).astype(np.float32)
    grain = _cv.GaussianBlur(grain, (0, 0), 0.9)
    texture: Pixels = np.clip(level + deviation * grain / grain.std(), 0, 255).astype(np.uint8)
    return texture


def dot_screen(size: Size, pitch: float, low: float, high: float) -> Pixels:
    """Thresholds of a screen of dots at 45 degrees, from low to high."""
    down, across = pixel_grid(size)
    turn = 2 * np.pi / pitch / np.sqrt(2)
    wave = (np.cos((across + down) * turn) + np.cos((across - down) * turn)) / 4 + 0.5
    screen: Pixels = (low + (high - low) * wave).astype(np.uint8)
    return screen


def hatching(size: Size, pitch: float, way: tuple[float, float], dark: float) -> Pixels:
    """Parallel strokes across `way`, from dark to 255."""
    down, across = pixel_grid(size)
    wave = np.sin((across * way[0] + down * way[1]) * 2 * np.pi / pitch) / 2 + 0.5
    hatching: Pixels = (dark + (255 - dark) * wave).astype(np.uint8)
    return hatching


def dark_corners(size: Size, dark: float) -> Pixels:
    """255 in the middle, less towards the corners."""
    down, across = pixel_grid(size)
    away = np.hypot(across / size[0] * 2 - 1, down / size[1] * 2 - 1) / np.sqrt(2)
    corners: Pixels = (255 * (1 - dark * (away - 0.35).clip(0) ** 1.5 * 1.9)).astype(np.uint8)
    return corners


def paper_colours(size: Size) -> tuple[Pixels, Pixels]:
    red, blue = (np.full(size[::-1], GREY + tint, np.uint8) for tint in (2, -3))
    return red, blue
