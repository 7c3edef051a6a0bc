"""The place that the testcard walks through: its map, its light, its textures and its path.

All of it is made once, from arithmetic and a fixed seed. Lengths are in cells of the map; x runs
along a row of MAP, y down its rows; walls are one cell high. Colours are BGR.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.sources.testcard import textures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from livestyle.frame import Pixels

    Floats = NDArray[np.float32]

# Walls: s sandstone, t sandstone with a torch, b blue tiles, r red brick, h hedge.
# Ground: . paved, g grass, : paved under a wooden roof.
MAP = (
    "hhhhhhhhtssstsss",
    "hggggggst::::::s",
    "hghhhhghs:srts:s",
    "hghgghghs:r..r:t",
    "hghgggg..:r....s",
    "hghhhhtssss..r.t",
    "hggghhrrrrr....s",
    "hgghgghr..r.rrbs",
    "hghhgghr....tbbb",
    "hgghgggr..r.b::b",
    "hggggghrtrr::::b",
    "t.tbb.bbbbbb:b:b",
    "b.b....b..tb.b:b",
    "b.............:b",
    "btbbbtbbbtbbbtbb",
)
# The cells in which the walk turns; between two of them it goes straight.
CORNERS = (
    *((1, 1), (6, 1), (6, 4), (9, 4), (9, 1), (14, 1), (14, 6)),
    *((11, 6), (11, 10), (14, 10), (14, 13), (5, 13), (5, 10), (1, 10)),
)
WALLS = "stbrh"
FRAMES = 840  # one round: 62 cells, at 30 fps in 28 s
STEPS = 56  # steps taken on one round
DETAIL = 96  # texels a cell on the ground and the roof
LIGHT_DETAIL = 16  # samples a cell of the light
SUN = (0.55, 0.35)  # where the shadow of a wall's top falls


@dataclass(frozen=True, slots=True, eq=False)
class Maze:
    """What there is to draw. `grounds` and `roofs` are halved in detail from one to the next."""

    solid: NDArray[np.bool_]  # (rows, columns): cells that are wall
    material: Floats  # (rows, columns): index in WALLS of those cells
    walls: Pixels  # (T, len(WALLS) * T, 4): the materials side by side
    grounds: tuple[Pixels, ...]  # (rows * D, columns * D, 4), lit
    roofs: tuple[Pixels, ...]  # the same; the fourth byte is 255 where there is a roof
    light: Floats  # (rows * LIGHT_DETAIL, columns * LIGHT_DETAIL, 3); 1 leaves colours as they are
    sky: Pixels  # (256, 1024, 4): all round
    walk: Floats  # (FRAMES, 3): x, y and heading in radians, clockwise from +x


@cache
def maze() -> Maze:
    """The maze, always the same."""
    rng = np.random.default_rng(20)
    letters = np.array([list(row) for row in MAP])
    solid = np.isin(letters, list(WALLS))
    light = _light(letters, solid)
    walk = _walk()
    ground = _worn(textures.ground(rng, letters, DETAIL), walk, letters)
    roof = np.tile(textures.planks(rng, DETAIL), (*letters.shape, 1))
    roof = _lit(roof, light * np.float32(0.75))
    # on over the walls beside it, where it is out of sight, so that no sky shows in between
    over = cv2.dilate((letters == ":").astype(np.uint8), np.ones((3, 3), np.uint8))
    over[~solid & (letters != ":")] = 0
    roof[..., 3] = np.kron(over, np.full((DETAIL, DETAIL), 255, np.uint8))
    return Maze(
        solid=solid,
        material=np.argmax(letters[..., None] == np.array(list(WALLS)), axis=-1).astype(np.float32),
        walls=textures.walls(rng, WALLS),
        grounds=_halved(_lit(ground, light)),
        roofs=_halved(roof),
        light=light,
        sky=textures.sky(rng),
        walk=walk,
    )


def _light(letters: NDArray[np.str_], solid: NDArray[np.bool_]) -> Floats:
    """Sun with the shadows of walls, shade under roofs, torches, darker corners."""
    cell = np.ones((LIGHT_DETAIL, LIGHT_DETAIL), np.float32)
    wall = np.kron(solid, cell).astype(np.float32)
    roofed = np.kron(letters == ":", cell).astype(np.float32)
    shadow = roofed.copy()
    for part in np.linspace(0, 1, 12):
        moved = (float(part * SUN[0] * LIGHT_DETAIL), float(part * SUN[1] * LIGHT_DETAIL))
        matrix = np.array([[1, 0, moved[0]], [0, 1, moved[1]]], np.float32)
        np.maximum(shadow, cv2.warpAffine(wall, matrix, wall.shape[::-1]), out=shadow)
    soft = cv2.GaussianBlur(shadow, (0, 0), 1.2)[..., None]
    indoors = cv2.GaussianBlur(roofed, (0, 0), LIGHT_DETAIL * 0.35)[..., None]
    sunny = np.array([0.92, 1.0, 1.1], np.float32)
    shady = np.array([0.78, 0.68, 0.62], np.float32)
    light = sunny + (shady - sunny) * soft
    light = light * (1 - 0.3 * indoors)
    rows, columns = (np.arange(side, dtype=np.float32) / LIGHT_DETAIL for side in wall.shape)
    for y, x in np.argwhere(letters == "t") + 0.5:
        near = np.outer(np.exp(-((rows - y) ** 2) / 2), np.exp(-((columns - x) ** 2) / 2))
        light = light + near[..., None] * np.array([0.12, 0.36, 0.62], np.float32)
    corners = cv2.GaussianBlur(wall, (0, 0), LIGHT_DETAIL * 0.18)[..., None]
    return np.asarray(light * (1 - 0.38 * corners), np.float32)


def _lit(pixels: Pixels, light: Floats) -> Pixels:
    """`pixels` (h, w, 4) under `light`, which is enlarged to it."""
    bright = np.full((*light.shape[:2], 4), 128, np.uint8)
    bright[..., :3] = np.clip(light * 128, 0, 255)
    large = cv2.resize(bright, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(pixels, large, scale=1 / 128), np.uint8)


def _halved(pixels: Pixels) -> tuple[Pixels, ...]:
    half = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    quarter = cv2.resize(half, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return pixels, np.asarray(half, np.uint8), np.asarray(quarter, np.uint8)


def _worn(ground: Pixels, walk: Floats, letters: NDArray[np.str_]) -> Pixels:
    """`ground` with a path trodden into the grass."""
    detail = 32
    trodden = np.zeros((letters.shape[0] * detail, letters.shape[1] * detail), np.float32)
    points = np.round(walk[:, None, :2] * detail * 8).astype(np.int32)
    cv2.polylines(trodden, [points], True, 0.6, detail // 4, cv2.LINE_8, 3)
    trodden *= np.kron(letters == "g", np.ones((detail, detail), np.float32))
    earth = np.broadcast_to(np.array([70, 120, 150, 255], np.uint8), ground.shape)
    return textures.blended(ground, np.ascontiguousarray(earth), trodden, detail / 12)


def _walk() -> Floats:
    """The round at an even pace, corners rounded, looking a little ahead."""
    corners = np.array(CORNERS, float) + 0.5
    length, dense = 62, 64
    sides = np.roll(corners, -1, axis=0) - corners
    reached = np.concatenate([[0], np.cumsum(np.abs(sides).sum(axis=1))])
    at = np.arange(length * dense) / dense
    closed = np.vstack([corners, corners[:1]])
    line = np.interp(at, reached, closed[:, 0]) + 1j * np.interp(at, reached, closed[:, 1])
    line = _smooth(line, 0.42 * dense)
    along = np.concatenate([[0], np.cumsum(np.abs(np.diff(np.append(line, line[0]))))])
    even = np.arange(FRAMES) * along[-1] / FRAMES
    place = np.interp(even, along[:-1], line.real) + 1j * np.interp(even, along[:-1], line.imag)
    gaze = _smooth(np.roll(place, -9) - place, 7)
    sway = 0.05 * np.sin(np.arange(FRAMES) * 2 * np.pi * 9 / FRAMES)
    return np.stack([place.real, place.imag, np.angle(gaze) + sway], axis=1).astype(np.float32)


def _smooth(line: NDArray[np.complex128], sigma: float) -> NDArray[np.complex128]:
    """A closed line after a Gaussian of `sigma` samples."""
    rate = np.fft.fftfreq(len(line))
    return np.fft.ifft(np.fft.fft(line) * np.exp(-2 * (np.pi * sigma * rate) ** 2))
