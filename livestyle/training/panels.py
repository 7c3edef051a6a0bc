"""Panels of text, as games, menus and terminals show them, drawn at random to be learned from."""

from __future__ import annotations

import string

import cv2
import numpy as np

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
    cv2.FONT_HERSHEY_TRIPLEX,
)
_LETTERS = list(string.ascii_letters + string.digits + "%:/+-.")


def draw_panel(
    side: int, random: np.random.Generator, *, whole: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A panel on a crop [side, side]: RGB uint8 [side, side, 3]; how opaque it is, float32 0..1;
    and where it is, uint8 0 or 1.

    whole: it fills the crop, as menus and terminals do.
    """
    panel = np.zeros((side, side, 3), np.uint8)
    opaque, text = np.zeros((side, side), np.float32), np.zeros((side, side), np.uint8)
    width, height = side, side
    if not whole:
        width, height = (int(random.integers(side // 3, side * 3 // 4)) for _ in "wh")
    left, top = (int(random.integers(side - length + 1)) for length in (width, height))
    place = np.s_[top : top + height, left : left + width]
    is_dark = random.random() < 0.75
    ground = random.integers(0, 60, 3) if is_dark else random.integers(190, 256, 3)
    panel[place] = ground
    opaque[place] = 1.0 if whole else random.uniform(0.6, 1.0)
    text[place] = 1
    if not whole and random.random() < 0.2:  # letters on the picture itself
        opaque[place] = 0.0
    ink = random.integers(170, 256, 3) if is_dark else random.integers(0, 80, 3)
    letters = np.zeros((side, side), np.uint8)
    scale = random.uniform(0.35, 0.9)  # capitals of 8 to 20 px
    font = _FONTS[random.integers(len(_FONTS))]
    for line in range(int(height / (34 * scale)) + 1):
        words = "".join(random.choice([*_LETTERS, "     "], 40))
        at = left + 6, top + int((line + 0.9) * 34 * scale)
        if at[1] < top + height:
            cv2.putText(letters, words, at, font, scale, 255, 1, cv2.LINE_AA)
    letters[text == 0] = 0
    share = (letters / np.float32(255))[..., None]
    panel[:] = (panel * (1 - share) + ink * share).astype(np.uint8)
    return panel, np.maximum(opaque, share[..., 0]), text
