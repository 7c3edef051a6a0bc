"""The testcard's scene: the maze as it is seen on the walk, in perspective.

Ground and roof are level planes, drawn by one homography each; walls are found column by column.
Distances ahead are measured along the line of sight, in cells, so walls stay straight.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, sin, sqrt, tau
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.sources.testcard.maze import FRAMES, LIGHT_DETAIL, MAP, STEPS, maze
from livestyle.sources.testcard.textures import HAZE, WALL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from livestyle.frame import Pixels, Size

    Floats = NDArray[np.float32]

SHARP = 420_000  # up to so many pixels the scene is drawn in all of them
ENLARGED = 230_400  # of larger pictures it is drawn in about so many, and enlarged
WIDE = 0.62  # focal length in widths: 78 degrees across
FOG = 13.0  # cells after which a colour is two thirds haze
NEAR = (1.7, 4.2)  # cells from which on a plane is drawn with half the detail, and half again


@dataclass(frozen=True, slots=True)
class _Eye:
    """From where and in which direction the scene is seen; `height` over the ground."""

    x: float
    y: float
    height: float
    heading: float
    forward: tuple[float, float]


class Scene:
    """Draws the scene of any frame; keeps tables and room to work in, so one thread at a time."""

    def __init__(self, size: Size) -> None:
        pixels = size[0] * size[1]
        shrink = sqrt(pixels / ENLARGED) if pixels > SHARP else 1.0
        width, height = (2 * ceil(side / shrink / 2) for side in size)
        self.size = width, height
        self._maze = maze()
        self._focal = WIDE * max(width, height)  # pixels of a cell at a distance of one
        # how far right of the middle a column looks, in cells a cell ahead
        self._offsets = ((np.arange(width) + 0.5 - width / 2) / self._focal).astype(np.float32)
        self._sky = self._sky_around(width, height // 2)
        self._make_haze(width, height // 2)
        self._make_room(width, height)

    def draw(self, seq: int) -> Pixels:
        """BGRA (H, W, 4) of this Scene's `size`, overwritten by the next call."""
        eye = self._eye(seq)
        around = self._sky.shape[1] - self.size[0]
        start = int(eye.heading / tau * around - self.size[0] / 2) % around
        middle = self.size[1] // 2
        self._pixels[:middle] = self._sky[:, start : start + self.size[0]]
        self._draw_roof(eye)
        self._draw_ground(eye)
        self._draw_walls(eye)
        return self._pixels

    def _eye(self, seq: int) -> _Eye:
        x, y, heading = (float(value) for value in self._maze.walk[seq % FRAMES])
        height = 0.5 + 0.014 * sin(tau * STEPS * (seq % FRAMES) / FRAMES)
        return _Eye(x, y, height, heading, (cos(heading), sin(heading)))

    def _sky_around(self, width: int, height: int) -> Pixels:
        """(H / 2, all round + W, 4): a picture's width further than all round."""
        around = round(tau * self._focal)
        sky = cv2.resize(self._maze.sky, (around, height), interpolation=cv2.INTER_LINEAR)
        return np.take(sky, np.arange(around + width) % around, axis=1)

    def _make_haze(self, width: int, middle: int) -> None:
        """For the ground, horizon first, then for the roof, horizon last: (H / 2, W, 4) each."""
        ahead = 0.5 * self._focal / (np.arange(middle) + 0.5)
        clear = np.exp(-ahead / FOG)[:, None, None]
        gain = np.asarray(np.full((1, width, 4), 128) * clear, np.uint8)
        gain[..., 3] = 128
        haze = np.asarray(np.full((1, width, 4), (*HAZE, 0)) * (1 - clear), np.uint8)
        self._gains = gain, gain[::-1].copy()
        self._hazes = haze, haze[::-1].copy()

    def _make_room(self, width: int, height: int) -> None:
        self._pixels = np.empty((height, width, 4), np.uint8)
        self._half = np.empty((height // 2, width, 4), np.uint8)
        self._mask = np.empty((height // 2, width), np.uint8)
        self._strip = np.empty((WALL, width, 4), np.uint8)
        self._columns = np.tile(np.arange(width, dtype=np.float32), (height, 1))
        self._texels = np.tile(np.arange(WALL, dtype=np.float32)[:, None], (1, width))
        self._rows = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5)
        self._down = np.empty((height, width), np.float32)

    def _draw_ground(self, eye: _Eye) -> None:
        self._draw_plane(eye, self._maze.grounds, below=True)
        cv2.multiply(self._half, self._gains[0], dst=self._half, scale=1 / 128)
        cv2.add(self._half, self._hazes[0], dst=self._pixels[len(self._half) :])

    def _draw_roof(self, eye: _Eye) -> None:
        self._draw_plane(eye, self._maze.roofs, below=False)
        cv2.extractChannel(self._half, 3, dst=self._mask)
        # copyTo mixes up colours where a mask is neither 0 nor 255
        cv2.threshold(self._mask, 127, 255, cv2.THRESH_BINARY, dst=self._mask)
        cv2.multiply(self._half, self._gains[1], dst=self._half, scale=1 / 128)
        cv2.add(self._half, self._hazes[1], dst=self._half)
        cv2.copyTo(self._half, self._mask, self._pixels[: len(self._half)])

    def _draw_plane(self, eye: _Eye, details: tuple[Pixels, ...], below: bool) -> None:
        """Fill `_half` with a level plane below or above the eye, coarser the further away."""
        middle = len(self._half)
        height = eye.height if below else 1 - eye.height
        borders = (middle, *(min(middle, round(height * self._focal / near)) for near in NEAR), 0)
        for pixels, last, first in zip(details, borders, borders[1:], strict=False):
            top, bottom = (first, last) if below else (middle - last, middle - first)
            if top == bottom:
                continue
            to_texels = self._plane_to_texels(eye, height, pixels.shape[0] / len(MAP))
            from_horizon = [0, 1, 0.5 + top] if below else [0, -1, middle - 0.5 - top]
            centred = np.array([[1, 0, 0.5 - self.size[0] / 2], from_horizon, [0, 0, 1]])
            cv2.warpPerspective(
                pixels,
                to_texels @ centred,
                (self.size[0], bottom - top),
                dst=self._half[top:bottom],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            )

    def _plane_to_texels(self, eye: _Eye, height: float, texels: float) -> NDArray[np.float64]:
        """(3, 3): from (right of the middle, away from the horizon) to texels, so many a cell."""
        ahead_x, ahead_y = eye.forward
        reach = height * texels
        return np.array(
            [
                [-reach * ahead_y, texels * eye.x - 0.5, reach * self._focal * ahead_x],
                [reach * ahead_x, texels * eye.y - 0.5, reach * self._focal * ahead_y],
                [0, 1, 0],
            ]
        )

    def _draw_walls(self, eye: _Eye) -> None:
        depth, across, light = self._cast(eye)
        strip = self._strip  # (WALL, W, 4): the column of a wall that each column shows
        across = np.tile(across, (WALL, 1))
        cv2.remap(self._maze.walls, across, self._texels, cv2.INTER_LINEAR, dst=strip)
        clear = np.exp(-depth / np.float32(FOG))[:, None]
        gain = np.full((len(depth), 4), 128, np.uint8)
        gain[:, :3] = np.clip(light * clear * 128, 0, 255)
        haze = np.asarray((1 - clear) * (*HAZE, 0), np.uint8)
        cv2.multiply(strip, np.tile(gain, (WALL, 1, 1)), dst=strip, scale=1 / 128)
        cv2.add(strip, np.tile(haze, (WALL, 1, 1)), dst=strip)
        self._stand(strip, eye, depth)

    def _stand(self, strip: Pixels, eye: _Eye, depth: Floats) -> None:
        """Paint each column of `strip` as high as a wall at its depth is."""
        middle, full = self.size[1] // 2, self._focal / depth
        top, bottom = middle - (1 - eye.height) * full, middle + eye.height * full
        span = slice(max(0, int(top.min())), min(self.size[1], int(bottom.max()) + 1))
        down = self._down[span]
        np.multiply(self._rows[span], WALL / full, out=down)
        np.subtract(down, top * WALL / full + np.float32(0.5), out=down)
        cv2.remap(
            strip,
            self._columns[span],
            down,
            cv2.INTER_LINEAR,
            dst=self._pixels[span],
            borderMode=cv2.BORDER_TRANSPARENT,  # leaves what is above and below a wall
        )

    def _cast(self, eye: _Eye) -> tuple[Floats, Floats, Floats]:
        """For each column the wall ahead: depth, column in `maze.walls` and light (W, 3)."""
        ahead_x, ahead_y = eye.forward
        ray_x = np.float32(ahead_x + 1e-6) - self._offsets * np.float32(ahead_y)
        ray_y = np.float32(ahead_y + 1e-6) + self._offsets * np.float32(ahead_x)
        depth_x = _reach(self._maze.solid, (eye.x, eye.y), (ray_x, ray_y))
        depth_y = _reach(self._maze.solid.T, (eye.y, eye.x), (ray_y, ray_x))
        sideways = depth_x < depth_y
        depth = np.where(sideways, depth_x, depth_y)

        hit_x, hit_y = np.float32(eye.x) + depth * ray_x, np.float32(eye.y) + depth * ray_y
        along = (np.where(sideways, hit_y, hit_x) % 1 * WALL - 0.5).clip(0.5, WALL - 1.5)
        inside = np.float32(0.01) / depth
        row, column = (
            (hit_y + inside * ray_y).astype(np.intp),
            (hit_x + inside * ray_x).astype(np.intp),
        )
        across = along + self._maze.material[row, column] * np.float32(WALL)
        before = np.maximum(-depth / 2, np.float32(-0.16))
        lit_x, lit_y = (hit + before * ray for hit, ray in ((hit_x, ray_x), (hit_y, ray_y)))
        light = cv2.remap(
            self._maze.light,
            (lit_x * LIGHT_DETAIL - 0.5)[None],
            (lit_y * LIGHT_DETAIL - 0.5)[None],
            cv2.INTER_LINEAR,
        )[0]
        facing = np.where(sideways, np.float32(0.86), np.float32(1.06))[:, None]
        return depth, across, light * facing


def _reach(
    solid: NDArray[np.bool_], start: tuple[float, float], ray: tuple[Floats, Floats]
) -> Floats:
    """(W,): how far each ray goes to a line x = 0, 1, … where a solid cell begins; inf if none."""
    rows, columns = solid.shape
    lines = np.arange(columns + 1, dtype=np.float32)[:, None]
    depth = (lines - np.float32(start[0])) / ray[0]
    row = np.floor(np.float32(start[1]) + depth * ray[1]).clip(0, rows - 1).astype(np.intp)
    column = (lines - (ray[0] < 0)).clip(0, columns - 1).astype(np.intp)
    blocked = solid[row, column] & (depth > 0)
    reach: Floats = np.where(blocked, depth, np.float32(np.inf)).min(axis=0)
    return reach
