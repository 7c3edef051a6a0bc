"""The card: what the camera shows while there is no picture yet, or none any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.canvas import to_i420
from livestyle.frame import Size

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_TOP = np.array([38, 26, 58], np.float32)  # RGB, a calm dusk
_BOTTOM = np.array([16, 22, 34], np.float32)
_FONT = cv2.FONT_HERSHEY_DUPLEX


def draw_card(size: Size, text: str) -> Pixels:
    """An I420 card (H * 3 / 2, W) with one line of text in its middle.

    Others see it: the text says what a viewer needs, never what went wrong.
    """
    width, height = size
    shade = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    rows = _TOP * (1 - shade) + _BOTTOM * shade
    picture = np.repeat(rows[:, None], width, axis=1).astype(np.uint8)
    _write(picture, text, middle=0.5, height=0.055, colour=(232, 228, 240))
    _write(picture, "livestyle", middle=0.92, height=0.026, colour=(140, 132, 158))
    card = np.empty((height * 3 // 2, width), np.uint8)
    to_i420(picture, card.data.cast("B"))
    return card


def black(size: Size) -> Pixels:
    """An I420 picture (H * 3 / 2, W) of nothing."""
    width, height = size
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = 16  # BT.601 limited range
    return picture


def draw_hud(text: str) -> Pixels:
    """A grey patch (h, w), both even, with one line of text: Y values of BT.601 limited range."""
    (width, height), baseline = cv2.getTextSize(text, _FONT, 0.5, 1)
    patch = np.full(((height + baseline + 11) // 2 * 2, (width + 17) // 2 * 2), 24, np.uint8)
    cv2.putText(patch, text, (8, height + 5), _FONT, 0.5, 220, 1, cv2.LINE_AA)
    return patch


def _write(
    picture: Pixels, text: str, *, middle: float, height: float, colour: tuple[int, int, int]
) -> None:
    """Write centred text; `middle` and `height` are shares of the picture's height."""
    rows, columns = picture.shape[:2]
    (width, text_height), _ = cv2.getTextSize(text, _FONT, 1, 1)
    scale = min(rows * height / text_height, 0.9 * columns / width)
    origin = round((columns - width * scale) / 2), round(rows * middle + text_height * scale / 2)
    thickness = max(1, round(scale))
    cv2.putText(picture, text, origin, _FONT, scale, colour, thickness, cv2.LINE_AA)
