"""Detail: the source's fine differences in brightness, put back into a styled picture.

    fine   = source - blur(source)
    m      = 0 … 1, where fine differences are strong over some area: text, outlines
    ground = a mean of blur(styled) and blur(source)
    result = styled + m * (ground - styled) + (k + (g - k) * m) * fine

Style lives in colours and strokes; what people read lives in what is fine. Where that is strong the
style's own strokes give way to it, and the ground comes near enough to the source's for dark to
stay dark: on one that the style has made bright, bright letters would be lost. The constants were
chosen by the words that a reader of text finds again on a game's panels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.finish.planes import ONE, ROWS, grow, part, shrink

if TYPE_CHECKING:
    from livestyle.frame import Pixels, Size

_WEAK, _STRONG = 4, 12  # mean of |fine| over an area, of 255: m is 0 below, 1 above
_K, _G = 0.625, 1.625  # gains for an amount of 1
_GROUND = 0.5  # the source's share of the ground of what is fine and strong


class Detail:
    """For pictures of one size."""

    def __init__(self, size: Size) -> None:
        """size: (width, height)."""
        self._half, self._other_half = part(size, 2), part(size, 2)
        self._quarter, self._ground = part(size, 4), part(size, 4)
        self._low, self._edges, self._mask, self._soft = (part(size, 1) for _ in range(4))
        self._strips = np.empty((4, min(ROWS, size[1]), size[0]), np.int16)

    def add(self, source: Pixels, styled: Pixels, amount: float, into: Pixels) -> None:
        """Brightness (H, W), uint8, all three; `into` may be `styled`. amount: 0 … 1."""
        self._see(source, amount)
        shrink(styled, self._half)
        shrink(self._half, self._quarter)
        cv2.GaussianBlur(self._quarter, (5, 5), 1.2, dst=self._quarter)
        cv2.addWeighted(self._quarter, 1 - _GROUND, self._ground, _GROUND, 0, dst=self._quarter)
        grow(self._quarter, self._soft)
        weak, strong = (round(gain * amount * ONE) for gain in (_K, _G))
        for top in range(0, source.shape[0], ROWS):
            rows = slice(top, top + ROWS)
            self._add_rows(source[rows], styled[rows], rows, (weak, strong - weak), into[rows])

    def _see(self, source: Pixels, amount: float) -> None:
        """Part the source into what is coarse and what is fine, and find where that is strong."""
        shrink(source, self._half)
        cv2.GaussianBlur(self._half, (5, 5), 1.2, dst=self._half)
        grow(self._half, self._low)
        shrink(self._half, self._ground)
        cv2.absdiff(source, self._low, dst=self._edges)
        shrink(self._edges, self._half)
        shrink(self._half, self._quarter)
        cv2.GaussianBlur(self._quarter, (5, 5), 1.0, dst=self._quarter)
        most = ONE * min(1.0, 1.25 * amount)
        ramp = (np.arange(256) - _WEAK) / (_STRONG - _WEAK)
        cv2.LUT(self._quarter, (ramp.clip(0, 1) * most).astype(np.uint8), dst=self._quarter)
        grow(self._quarter, self._mask)

    def _add_rows(
        self, source: Pixels, styled: Pixels, rows: slice, gains: tuple[int, int], into: Pixels
    ) -> None:
        """gains: k and g - k, in parts of ONE."""
        fine, change, other, was = (strip[: len(source)] for strip in self._strips)
        np.copyto(fine, source)
        np.copyto(other, self._low[rows])
        fine -= other
        np.copyto(change, self._soft[rows])
        np.copyto(was, styled)
        change -= was
        np.multiply(fine, np.int16(gains[1]), out=other)
        other >>= 6
        change += other
        np.copyto(other, self._mask[rows])
        change *= other
        change >>= 6
        fine *= np.int16(gains[0])
        fine >>= 6
        change += fine
        change += was
        np.clip(change, 0, 255, out=change)
        np.copyto(into, change, casting="unsafe")
