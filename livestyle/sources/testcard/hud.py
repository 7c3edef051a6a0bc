"""What the testcard shows over its scene: text, health, crosshair, map and a wand in the hand.

Everything is drawn in the full size of the picture, so it stays sharp where the scene is enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin, tau
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.sources.testcard.maze import FRAMES, STEPS, maze

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from livestyle.frame import Pixels, Size

    Colour = tuple[int, int, int, int]

FONT = cv2.FONT_HERSHEY_DUPLEX
TITLE = "livestyle testcard"
DIGITS = 6  # of the frame number
ROOM = (240, 135)
LIGHT: Colour = (240, 246, 250, 255)
GOLD: Colour = (90, 200, 250, 255)
PANEL: Colour = (24, 18, 16, 184)


@dataclass(frozen=True, slots=True, eq=False)
class Decal:
    """A picture with transparency, laid over others."""

    colour: Pixels  # (h, w, 4), multiplied by its opacity
    rest: Pixels  # (h, w, 4): how much of what is under it is left, in 255ths

    @staticmethod
    def of(pixels: Pixels) -> Decal:
        """From BGRA (h, w, 4) whose fourth byte is opacity."""
        opacity = pixels[..., 3:].astype(np.uint16)
        colour = (pixels * opacity // 255).astype(np.uint8)
        return Decal(colour, np.repeat(255 - pixels[..., 3:], 4, axis=2))

    def lay(self, pixels: Pixels, left: int, top: int) -> None:
        """Over `pixels`, of which it may stick out to the right and below."""
        under = pixels[top : top + len(self.colour), left : left + self.colour.shape[1]]
        height, width = under.shape[:2]
        under[:] = cv2.add(
            cv2.multiply(under, self.rest[:height, :width], scale=1 / 255),
            self.colour[:height, :width],
        )


class Hud:
    """Draws over pictures of one size."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.unit = max(0.42, min(size[0] / 1280, size[1] / 720))
        self._panel, self.number_at = self._text_panel()
        self._digits = [self._digit(str(value)) for value in range(10)]
        self._map, self._cell = self._map_panel()
        self._health, self._bar = self._health_panel()
        self._cross = self._crosshair()
        self._wand = Decal.of(_wand(round(300 * self.unit)))

    def draw(self, pixels: Pixels, seq: int) -> None:
        """Draw frame `seq`'s over `pixels`, (H, W, 4) of the size; nothing where it has no room."""
        width, height = self.size
        if width < ROOM[0] or height < ROOM[1]:
            return
        edge = self._px(16)
        phase = (seq % FRAMES) / FRAMES
        sway = sin(tau * phase * STEPS / 2), abs(sin(tau * phase * STEPS / 2))
        reach = len(self._wand.colour)
        self._wand.lay(
            pixels,
            min(width - reach // 2, width - reach + self._px(40 + 14 * sway[0])),
            height - reach + self._px(26 + 14 * sway[1]),
        )
        cross = len(self._cross.colour)
        self._cross.lay(pixels, (width - cross) // 2, (height - cross) // 2)
        self._panel.lay(pixels, edge, edge)
        self._draw_number(pixels, seq)
        self._draw_map(pixels, seq)
        self._draw_health(pixels, phase)

    def digit_box(self, place: int) -> tuple[slice, slice]:
        """Where in the picture a digit of the frame number stands (rows, columns); 0 is left."""
        height, width = self._digits[0].shape[:2]
        left, top = self.number_at
        left += place * width
        return slice(top, top + height), slice(left, left + width)

    def _px(self, value: float) -> int:
        """Pixels here for `value` pixels of a picture of 1280 x 720."""
        return round(value * self.unit)

    def _text(self, pixels: Pixels, text: str, at: tuple[int, int], colour: Colour) -> None:
        ink = np.zeros(pixels.shape[:2], np.uint8)  # apart, for OpenCV spoils the fourth byte
        thick = max(1, self._px(1.4))
        cv2.putText(ink, text, at, FONT, 0.8 * self.unit, (255,), thick, cv2.LINE_AA)
        share = ink[..., None] / np.float32(255)
        pixels[:] = pixels * (1 - share) + share * np.array(colour)

    def _text_panel(self) -> tuple[Decal, tuple[int, int]]:
        """The panel with the title, and where in the picture its number begins."""
        panel = _box(self._px(330), self._px(84), self._px(10))
        self._text(panel, TITLE, (self._px(16), self._px(34)), LIGHT)
        self._text(panel, "frame", (self._px(16), self._px(68)), GOLD)
        return Decal.of(panel), (self._px(16 + 104), self._px(16 + 46))

    def _digit(self, text: str) -> Pixels:
        glyph = np.zeros((self._px(28), max(8, self._px(20)), 4), np.uint8)
        self._text(glyph, text, (1, self._px(24)), GOLD)
        return glyph

    def _draw_number(self, pixels: Pixels, seq: int) -> None:
        for place, digit in enumerate(f"{seq % 10**DIGITS:0{DIGITS}d}"):
            box = self.digit_box(place)
            pixels[box] = cv2.add(pixels[box], self._digits[int(digit)])

    def _map_panel(self) -> tuple[Decal, int]:
        """The map, and the pixels a side of its cells."""
        solid = maze().solid
        cell = max(2, self._px(9))
        panel = _box(solid.shape[1] * cell + 2 * cell, solid.shape[0] * cell + 2 * cell, cell)
        inside = panel[cell:-cell, cell:-cell]
        floor = np.kron(~solid, np.ones((cell, cell))).astype(bool)
        inside[floor] = (150, 190, 205, 210)
        return Decal.of(panel), cell

    def _draw_map(self, pixels: Pixels, seq: int) -> None:
        left = self.size[0] - self._px(16) - self._map.colour.shape[1]
        top = self._px(16)
        self._map.lay(pixels, left, top)
        x, y, heading = (float(value) for value in maze().walk[seq % FRAMES])
        centre = left + self._cell * (1 + x), top + self._cell * (1 + y)
        arrow = [
            (centre[0] + reach * self._cell * cos(turn), centre[1] + reach * self._cell * sin(turn))
            for reach, turn in ((1.2, heading), (0.9, heading + 2.5), (0.9, heading - 2.5))
        ]
        points = np.round(np.array([arrow]) * 16).astype(np.int32)
        cv2.fillPoly(pixels, list(points), (50, 60, 235, 255), cv2.LINE_AA, 4)

    def _health_panel(self) -> tuple[Decal, NDArray[np.uint8]]:
        """The panel with a heart, and the full bar, from red to green."""
        panel = _box(self._px(330), self._px(50), self._px(10))
        points = [(0, 9), (-11, -3), (-9, -10), (-3, -10), (0, -6), (3, -10), (9, -10), (11, -3)]
        heart = np.array([[(self._px(28 + x), self._px(26 + y)) for x, y in points]])
        cv2.fillPoly(panel, list(heart.astype(np.int32)), (70, 60, 235, 255), cv2.LINE_AA)
        frame = (self._px(52), self._px(14)), (self._px(312), self._px(36))
        cv2.rectangle(panel, *frame, (60, 56, 54, 255), -1)
        length, height = frame[1][0] - frame[0][0] - 1, frame[1][1] - frame[0][1] - 1
        share = np.linspace(0, 1, length)[:, None]
        low, high = np.array([60, 50, 220, 255]), np.array([90, 205, 90, 255])
        tone = np.linspace(1.12, 0.8, height)[:, None, None]
        bar = np.clip((low + (high - low) * share) * tone, 0, 255)
        return Decal.of(panel), bar.astype(np.uint8)

    def _draw_health(self, pixels: Pixels, phase: float) -> None:
        left, top = self._px(16), self.size[1] - self._px(16) - len(self._health.colour)
        self._health.lay(pixels, left, top)
        full = self._bar.shape[1]
        filled = round(full * (0.66 + 0.3 * sin(tau * phase * 3)))
        x, y = left + self._px(52) + 1, top + self._px(14) + 1
        pixels[y : y + len(self._bar), x : x + filled] = self._bar[:, :filled]

    def _crosshair(self) -> Decal:
        side = 2 * self._px(18) + 1
        middle, gap = side // 2, self._px(6)
        pixels = np.zeros((side, side, 4), np.uint8)
        for colour, thick in (
            ((20, 20, 20, 160), max(3, self._px(4))),
            (LIGHT, max(1, self._px(2))),
        ):
            for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                inner = (middle + x * gap, middle + y * gap)
                outer = (middle + x * (middle - 2), middle + y * (middle - 2))
                cv2.line(pixels, inner, outer, colour, thick)
        return Decal.of(pixels)


def _box(width: int, height: int, corner: int) -> Pixels:
    """A panel with round corners."""
    pixels = np.zeros((height, width, 4), np.uint8)
    for inset in (0, corner):
        ends = (corner - inset, inset), (width - 1 - corner + inset, height - 1 - inset)
        cv2.rectangle(pixels, *ends, PANEL, -1)
    for x in (corner, width - 1 - corner):
        for y in (corner, height - 1 - corner):
            cv2.circle(pixels, (x, y), corner, PANEL, -1)
    return pixels


def _wand(side: int) -> Pixels:
    """A gloved hand with a wand that ends in a crystal: (side, side, 4)."""
    large = 3 * side
    pixels = np.zeros((large, large, 4), np.uint8)
    y, x = np.mgrid[:large, :large].astype(np.float32) / large
    pixels[..., :3] = (250, 220, 120)
    pixels[..., 3] = 190 * np.exp(-((x - 0.3) ** 2 + (y - 0.24) ** 2) / 0.014)
    shapes: tuple[tuple[Colour, tuple[tuple[float, float], ...]], ...] = (
        ((40, 66, 104, 255), ((0.33, 0.30), (0.38, 0.27), (0.86, 0.98), (0.76, 1.0))),
        ((78, 118, 164, 255), ((0.345, 0.30), (0.365, 0.29), (0.82, 0.98), (0.79, 1.0))),
        ((70, 170, 220, 255), ((0.29, 0.34), (0.40, 0.26), (0.43, 0.31), (0.33, 0.38))),
        (
            (190, 140, 30, 255),
            ((0.30, 0.08), (0.39, 0.20), (0.36, 0.31), (0.28, 0.33), (0.22, 0.22)),
        ),
        ((240, 210, 110, 255), ((0.30, 0.08), (0.33, 0.21), (0.28, 0.33), (0.22, 0.22))),
        ((255, 245, 205, 255), ((0.30, 0.08), (0.31, 0.20), (0.25, 0.22))),
        (
            (46, 40, 92, 255),
            ((0.60, 1.0), (0.56, 0.84), (0.62, 0.70), (0.78, 0.64), (1.0, 0.8), (1.0, 1.0)),
        ),
        (
            (70, 60, 138, 255),
            ((0.56, 0.84), (0.60, 0.70), (0.74, 0.66), (0.78, 0.72), (0.66, 0.78), (0.62, 0.88)),
        ),
        (
            (84, 74, 160, 255),
            ((0.58, 0.90), (0.64, 0.80), (0.80, 0.76), (0.84, 0.82), (0.70, 0.90)),
        ),
        ((70, 60, 138, 255), ((0.62, 0.97), (0.68, 0.90), (0.84, 0.86), (0.88, 0.92), (0.74, 1.0))),
        ((80, 170, 210, 255), ((0.86, 1.0), (0.92, 0.74), (1.0, 0.80), (1.0, 1.0))),
    )
    for colour, points in shapes:
        corners = np.round(np.array([points]) * large * 16).astype(np.int32)
        cv2.fillPoly(pixels, list(corners), colour, cv2.LINE_AA, 4)
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
