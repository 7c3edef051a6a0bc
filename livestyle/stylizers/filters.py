"""Filters: styles that need no network, each a few calls of OpenCV on a small picture.

A filter is made for one size and then called with RGB (h, w, 3), uint8; it returns the Layers of a
picture of that size. The same picture always gives the same; textures are drawn once and stay where
they are on the screen, so that nothing crawls. Lines that people read come back afterwards, see
livestyle.finish.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.canvas import layers_of
from livestyle.stylizers.brushes import (
    GREY,
    brightness_of,
    colour_table,
    dark_corners,
    dark_side,
    dot_screen,
    hatching,
    kuwahara,
    lit,
    paper_colours,
    rounded_to,
    staircase,
    table,
    texture,
)

if TYPE_CHECKING:
    from livestyle.canvas import Layers
    from livestyle.frame import Pixels, Size

    Filter = Callable[[Pixels], Layers]

_cv: Any = cv2  # its types are wider than what it returns


def comic(size: Size) -> Filter:
    """Flat bright colours in a few tones, inked outlines."""
    tones, vivid = table(staircase(5, 0.1)), colour_table(1.75)
    ink = table(lambda dark: 255 - (dark - 3) * 19)

    def draw(picture: Pixels) -> Layers:
        y, cr, cb = layers_of(picture)
        lines = _cv.LUT(dark_side(y, 0.9, 2.2), ink)
        y = _cv.LUT(_cv.bilateralFilter(y, 5, 55, 4), tones)
        y = _cv.multiply(y, lines, scale=1 / 255)
        return y, _cv.LUT(_cv.blur(cr, (3, 3)), vivid), _cv.LUT(_cv.blur(cb, (3, 3)), vivid)

    return draw


def ink(size: Size) -> Filter:
    """Black ink on paper, the tones between as a screen of dots."""
    lines = table(lambda dark: 255 - (dark - 3) * 16)
    screen = dot_screen(size, pitch=4.2, low=52, high=150)
    dots, light = table(lambda over: over * 9), table(lambda tone: (tone - 148) * 8)
    dark, paper = table(lambda tone: (tone - 44) * 12), table(lambda y: 16 + y * 0.89)
    colours = paper_colours(size)

    def draw(picture: Pixels) -> Layers:
        grey = lit(_cv.medianBlur(brightness_of(picture), 3))
        tone = _cv.GaussianBlur(grey, (0, 0), 1.5)
        y = _cv.max(_cv.LUT(_cv.subtract(tone, screen), dots), _cv.LUT(tone, light))
        y = _cv.min(y, _cv.LUT(tone, dark))
        y = _cv.min(y, _cv.LUT(dark_side(grey, 0.8, 2.2), lines))
        return (_cv.LUT(y, paper), *colours)

    return draw


def oil(size: Size) -> Filter:
    """Strokes of one colour each, thick enough to catch the light, under an old varnish."""
    red, blue = colour_table(1.5, 6), colour_table(1.5, -14)
    bright = table(lambda y: 248 * (y / 255) ** 0.8)
    relief = np.array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]], np.float32) * np.float32(0.45)

    def draw(picture: Pixels) -> Layers:
        y, cr, cb = layers_of(kuwahara(picture, 5))
        y = _cv.LUT(y, bright)
        y = _cv.add(y, _cv.filter2D(y, cv2.CV_16S, relief), dtype=cv2.CV_8U)
        return y, _cv.LUT(cr, red), _cv.LUT(cb, blue)

    return draw


def watercolour(size: Size) -> Filter:
    """Pale washes that gather at their edges, on rough paper."""
    pale, vivid = table(lambda y: 255 - (255 - y) * 0.74), colour_table(1.3)
    edges = table(lambda dark: np.minimum(dark * 3.0, 95))
    paper = texture(size, 247, 5)

    def draw(picture: Pixels) -> Layers:
        y, cr, cb = layers_of(picture)
        y = _cv.medianBlur(_cv.medianBlur(y, 5), 5)
        cr, cb = _cv.blur(cr, (7, 7)), _cv.blur(cb, (7, 7))
        y = _cv.subtract(_cv.LUT(y, pale), _cv.LUT(dark_side(y, 0.7, 2.5), edges))
        y = _cv.multiply(y, paper, scale=1 / 255)
        return y, _cv.LUT(cr, vivid), _cv.LUT(cb, vivid)

    return draw


def pencil(size: Size) -> Filter:
    """A sketch on paper, hatched where it is dark."""
    light = hatching(size, 5.6, (1, 1), 120), hatching(size, 5.0, (0.9, -1), 105)
    shades = table(lambda tone: 130 + tone), table(lambda tone: 90 + tone * 2.2)
    paper, colours = texture(size, 246, 5), paper_colours(size)

    def draw(picture: Pixels) -> Layers:
        grey = _cv.GaussianBlur(brightness_of(picture), (0, 0), 0.7)
        y = _cv.divide(grey, _cv.GaussianBlur(grey, (0, 0), 3), scale=246)
        y = _cv.multiply(y, y, scale=1 / 246)
        tone = _cv.GaussianBlur(grey, (0, 0), 2)
        for hatch, shade in zip(light, shades, strict=True):
            y = _cv.multiply(y, _cv.max(_cv.LUT(tone, shade), hatch), scale=1 / 255)
        return (_cv.multiply(y, paper, scale=1 / 255), *colours)

    return draw


def neon(size: Size) -> Filter:
    """Outlines that glow in the scene's own colours, at night."""
    bright = table(lambda edge: 255 * ((edge - 10) / 110).clip(0, 1) ** 0.9)
    scene, vivid = table(lambda y: 8 + y * 0.22), colour_table(2.6)
    small = max(1, size[0] // 4), max(1, size[1] // 4)

    def draw(picture: Pixels) -> Layers:
        soft = _cv.GaussianBlur(picture, (0, 0), 1.2)
        y, cr, cb = layers_of(soft)
        across, down = (
            _cv.convertScaleAbs(_cv.Sobel(y, cv2.CV_16S, *way)) for way in ((1, 0), (0, 1))
        )
        tubes = _cv.LUT(_cv.addWeighted(across, 0.6, down, 0.6, 0), bright)
        glow = _cv.GaussianBlur(_cv.resize(tubes, small, interpolation=cv2.INTER_AREA), (0, 0), 2)
        lit = _cv.addWeighted(tubes, 0.6, _cv.resize(glow, size), 0.4, 0)
        return _cv.add(_cv.LUT(y, scene), lit), _cv.LUT(cr, vivid), _cv.LUT(cb, vivid)

    return draw


def bits(size: Size) -> Filter:
    """An old console: large pixels, few colours, ordered dither."""
    cells = max(1, size[0] // 3), max(1, size[1] // 3)
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 - 0.5
    dither = np.tile(bayer, (cells[1] // 4 + 1, cells[0] // 4 + 1))[: cells[1], : cells[0]]
    noise = [(dither * step).round().astype(np.int16) for step in (20, 12, 12)]
    levels = [table(rounded_to(step)) for step in (32, 24, 24)]
    vivid = colour_table(1.7)

    def draw(picture: Pixels) -> Layers:
        y, cr, cb = layers_of(_cv.resize(picture, cells, interpolation=cv2.INTER_AREA))
        few = (
            _cv.LUT(_cv.add(plane, added, dtype=cv2.CV_8U), level)
            for plane, added, level in zip(
                (y, _cv.LUT(cr, vivid), _cv.LUT(cb, vivid)), noise, levels, strict=True
            )
        )
        y, cr, cb = (_cv.resize(plane, size, interpolation=cv2.INTER_NEAREST) for plane in few)
        return y, cr, cb

    return draw


def noir(size: Size) -> Filter:
    """Black and white, hard light, dark corners."""
    hard = table(lambda y: 262 / (1 + np.exp(-(y / 255 - 0.46) * 8)) - 6)
    corners, grey = dark_corners(size, 0.5), np.full(size[::-1], GREY, np.uint8)

    def draw(picture: Pixels) -> Layers:
        y = _cv.multiply(_cv.LUT(brightness_of(picture), hard), corners, scale=1 / 255)
        return y, grey, grey

    return draw


def night(size: Size) -> Filter:
    """The same place by moonlight."""
    dim, corners = table(lambda y: 185 * (y / 255) ** 1.3), dark_corners(size, 0.4)
    red, blue = colour_table(0.7, -11), colour_table(0.8, 19)
    return _graded(dim, red, blue, corners)


def dusk(size: Size) -> Filter:
    """Low sun: warm lights, violet shadows."""
    dim, corners = table(lambda y: 246 * (y / 255) ** 1.15), dark_corners(size, 0.35)
    red, blue = colour_table(1.15, 12), colour_table(0.85, -9)
    return _graded(dim, red, blue, corners)


def _graded(dim: Pixels, red: Pixels, blue: Pixels, corners: Pixels) -> Filter:
    def draw(picture: Pixels) -> Layers:
        y, cr, cb = layers_of(picture)
        y = _cv.multiply(_cv.LUT(y, dim), corners, scale=1 / 255)
        return y, _cv.LUT(cr, red), _cv.LUT(cb, blue)

    return draw


FILTERS: dict[str, Callable[[Size], Filter]] = {
    name.__name__: name
    for name in (comic, ink, oil, watercolour, pencil, neon, bits, noir, night, dusk)
}
