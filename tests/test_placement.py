"""Placement: what is shown of a picture, and where."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from livestyle.errors import ConfigError
from livestyle.placement import ASPECTS, Placement, ladder
from livestyle.recipe import DiffusionRecipe, Recipe

OUTPUTS = [(1280, 720), (640, 480), (720, 1280), (512, 512), (2, 2), (1920, 800), (642, 362)]
SOURCES = [*OUTPUTS, (1366, 768), (1, 1), (3, 999), (853, 480), (3440, 1440), (1079, 1919)]
PAIRS = list(itertools.product(SOURCES, OUTPUTS))
RANDOM = random.Random(1)
PAIRS += [
    (
        (RANDOM.randint(1, 4000), RANDOM.randint(1, 4000)),
        (2 * RANDOM.randint(1, 2000), 2 * RANDOM.randint(1, 1100)),
    )
    for _ in range(500)
]


@pytest.mark.parametrize("aspect", ASPECTS)
def test_rectangles_lie_inside_and_are_even(aspect):
    for source, output in PAIRS:
        placement = Placement(source, output, aspect)
        for (x, y, width, height), size in (
            (placement.rectangle, output),
            (placement.source_rectangle, source),
        ):
            assert min(x, y) >= 0 and min(width, height) > 0, (source, output)
            assert x + width <= size[0] and y + height <= size[1], (source, output)
        assert all(value % 2 == 0 for value in placement.rectangle), (source, output)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_in_the_middle(aspect):
    for source, output in PAIRS:
        placement = Placement(source, output, aspect)
        for (x, y, width, height), size in (
            (placement.rectangle, output),
            (placement.source_rectangle, source),
        ):
            assert abs(size[0] - width - 2 * x) <= 2, (source, output)
            assert abs(size[1] - height - 2 * y) <= 2, (source, output)


def test_fit_shows_all_and_touches_two_edges():
    for source, output in PAIRS:
        placement = Placement(source, output, "fit")
        _, _, width, height = placement.rectangle
        assert placement.source_rectangle == (0, 0, *source)
        assert width == output[0] or height == output[1]
        scale = min(output[0] / source[0], output[1] / source[1])
        assert abs(width - max(2, source[0] * scale)) <= 1, (source, output)
        assert abs(height - max(2, source[1] * scale)) <= 1, (source, output)


def test_fill_covers_and_keeps_the_shape():
    for source, output in PAIRS:
        placement = Placement(source, output, "fill")
        _, _, width, height = placement.source_rectangle
        assert placement.rectangle == (0, 0, *output)
        assert width == source[0] or height == source[1]
        scale = max(output[0] / source[0], output[1] / source[1])
        assert abs(width - max(1, output[0] / scale)) <= 0.5, (source, output)
        assert abs(height - max(1, output[1] / scale)) <= 0.5, (source, output)


def test_stretch_is_everything_everywhere():
    for source, output in PAIRS:
        placement = Placement(source, output, "stretch")
        assert placement.source_rectangle == (0, 0, *source)
        assert placement.rectangle == (0, 0, *output)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_the_same_shape_is_left_alone(aspect):
    for size in OUTPUTS:
        for times in (1, 2, 3):
            source = size[0] * times, size[1] * times
            placement = Placement(source, size, aspect)
            assert placement.source_rectangle == (0, 0, *source)
            assert placement.rectangle == (0, 0, *size)


@pytest.mark.parametrize(
    ("source", "output", "aspect", "shown", "filled"),
    [
        ((1920, 1200), (1280, 720), "fit", (0, 0, 1920, 1200), (64, 0, 1152, 720)),
        ((1920, 1200), (1280, 720), "fill", (0, 60, 1920, 1080), (0, 0, 1280, 720)),
        ((640, 480), (1280, 720), "fit", (0, 0, 640, 480), (160, 0, 960, 720)),
        ((720, 1280), (1280, 720), "fill", (0, 437, 720, 405), (0, 0, 1280, 720)),
        ((2560, 1080), (1280, 720), "fit", (0, 0, 2560, 1080), (0, 90, 1280, 540)),
        ((1366, 768), (1280, 720), "fit", (0, 0, 1366, 768), (0, 0, 1280, 720)),
    ],
)
def test_known_placements(source, output, aspect, shown, filled):
    placement = Placement(source, output, aspect)
    assert (placement.source_rectangle, placement.rectangle) == (shown, filled)


def test_crop_is_a_view_of_the_middle():
    pixels = np.arange(1200 * 1920, dtype=np.uint32).view(np.uint8).reshape(1200, 1920, 4)
    shown = Placement((1920, 1200), (1280, 720), "fill").crop(pixels)
    assert np.shares_memory(shown, pixels)
    assert np.array_equal(shown, pixels[60:1140])


def test_unknown_aspect():
    with pytest.raises(ConfigError, match=r"unknown aspect 'zoom'; choose from: fit, fill"):
        Placement((1, 1), (2, 2), "zoom")


@pytest.mark.parametrize(
    ("size", "grid", "smaller"),
    [
        ((640, 360), Recipe.GRID, [(512, 288), (408, 232), (328, 184), (264, 144)]),
        ((1280, 720), Recipe.GRID, [(1024, 576), (816, 464), (656, 368), (528, 296)]),
        ((64, 64), Recipe.GRID, [(48, 48), (40, 40), (32, 32), (24, 24)]),
        ((16, 400), Recipe.GRID, [(16, 320)]),
        ((640, 384), DiffusionRecipe.GRID, [(512, 320), (416, 256)]),
        ((512, 512), DiffusionRecipe.GRID, [(416, 416), (320, 320), (256, 256)]),
        ((256, 256), DiffusionRecipe.GRID, []),
    ],
)
def test_a_ladder_has_smaller_sizes_of_the_same_shape(size, grid, smaller):
    assert ladder(size, grid) == [size, *smaller]
    assert all(side in grid for size in smaller for side in size)
