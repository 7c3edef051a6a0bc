"""Detail: the source's fine differences in brightness, put back into a styled picture.

    fine   = source - blur(source)
    m      = 0 … 1, where fine differences are strong over some area: text, outlines
    t      = 0 … 1, around where they are stronger than a texture's: text
    ground = (1 + t) / 2 of blur(source), the rest of blur(styled)
    result = styled + m * (ground - styled) + (k + (g - k) * m) * fine
    colour = half as strong where t > 1/2

Style lives in colours and strokes; what people read lives in what is fine. Where that is strong the
style's own strokes give way to it, and the ground comes near enough to the source's for dark to
stay dark: on one that the style has made bright, bright letters would be lost. Under text the
style's colour is paler, for a strong one leaves brightness no room to differ. The constants were
chosen by the words that a reader of text finds again on a game's panels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from livestyle.finish.planes import ONE, ROWS, Blender, Planes, Strips, grow, part, shrink

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from livestyle.frame import Pixels, Size

STRENGTH = 4, 12  # mean of |fine| over an area, of 255: m is 0 below, 1 above
GAINS = 0.625, 1.625  # k and g for an amount of 1
_DIVISORS = (1, 1, 1, 1, 2, 4, 4, 4, 2, 4)  # of a picture's sides, of the fields of _Planes
_TYPES = (*[np.uint8] * 8, np.float32, np.float32)
GROUND = 0.5  # the source's share of the ground of what is fine and strong
BLUR, EDGES_BLUR = 1.2, 1.0  # sigma, at half and a quarter of the size
_WIDTH = 5, 5  # of the blurs
TEXT = 14, 26  # as STRENGTH, of t
REACH = 5  # pixels of a quarter of the size, across, that t is spread over
_PALE = ((np.arange(256) - 128) / 2 + 128).astype(np.uint8)
_REACH = np.ones((REACH, REACH), np.uint8)


class Detail:
    """For pictures of a size or less."""

    def __init__(self, size: Size) -> None:
        """size: (width, height)."""
        self._whole = _Planes(*(part(size, *kind) for kind in zip(_DIVISORS, _TYPES, strict=True)))
        self._strips = Strips(4, size[0])
        self._blend = Blender(size[0])

    def add(self, source: Planes, styled: Planes, amount: float, into: Pixels) -> None:
        """What is seen of the source, brightness (H, W), into another; the styled picture's colours
        change in place. amount: 0 … 1.
        """
        planes = self._whole.of(source.y.shape)
        self._add_brightness(source.y, styled.y, amount, planes, into)
        self._pale(styled, planes)

    def _pale(self, styled: Planes, planes: _Planes) -> None:
        here = np.s_[: styled.u.shape[0], : styled.u.shape[1]]
        mask, pale = grow(planes.text, planes.edges[here]), planes.low[here]
        cv2.threshold(mask, ONE // 2, ONE, cv2.THRESH_BINARY, dst=mask)
        for colour in styled[1:]:  # a seam in colour alone is not seen
            cv2.copyTo(cv2.LUT(colour, _PALE, dst=pale), mask, colour)

    def _add_brightness(
        self, source: Pixels, styled: Pixels, amount: float, planes: _Planes, into: Pixels
    ) -> None:
        self._see(source, amount, planes)
        shrink(styled, planes.half)
        shrink(planes.half, planes.quarter)
        cv2.GaussianBlur(planes.quarter, _WIDTH, BLUR, dst=planes.quarter)
        cv2.addWeighted(planes.quarter, 1 - GROUND, planes.ground, GROUND, 0, dst=planes.quarter)
        self._blend(planes.quarter, planes.ground, planes.text)
        grow(planes.quarter, planes.soft)
        weak, strong = (round(gain * amount * ONE) for gain in GAINS)
        for top in range(0, source.shape[0], ROWS):
            rows = slice(top, top + ROWS)
            seen = planes.low[rows], planes.soft[rows], planes.mask[rows]
            self._add_rows(source[rows], styled[rows], seen, (weak, strong - weak), into[rows])

    def _see(self, source: Pixels, amount: float, planes: _Planes) -> None:
        """Part the source into what is coarse and what is fine, and find where that is strong."""
        shrink(source, planes.half)
        cv2.GaussianBlur(planes.half, _WIDTH, BLUR, dst=planes.half)
        grow(planes.half, planes.low)
        shrink(planes.half, planes.ground)
        cv2.absdiff(source, planes.low, dst=planes.edges)
        shrink(planes.edges, planes.half)
        # from here in float32: a level more or less would be seen, m rises by an eighth with each
        np.copyto(planes.around, planes.half)
        share = shrink(planes.around, planes.share)
        cv2.GaussianBlur(share, _WIDTH, EDGES_BLUR, dst=share)
        most = ONE * min(1.0, 1.25 * amount)
        _ramp(share, STRENGTH, most, planes.quarter)
        cv2.dilate(share, _REACH, dst=share)
        _ramp(share, TEXT, most, planes.text)
        grow(planes.quarter, planes.mask)

    def _add_rows(
        self,
        source: Pixels,
        styled: Pixels,
        seen: tuple[Pixels, Pixels, Pixels],
        gains: tuple[int, int],
        into: Pixels,
    ) -> None:
        """seen: low, soft, mask. gains: k and g - k, in parts of ONE."""
        low, soft, mask = seen
        fine, change, other, was = self._strips.of(source.shape)
        np.copyto(fine, source)
        np.copyto(other, low)
        fine -= other
        np.copyto(change, soft)
        np.copyto(was, styled)
        change -= was
        np.multiply(fine, np.int16(gains[1]), out=other)
        other >>= 6
        change += other
        np.copyto(other, mask)
        change *= other
        change >>= 6
        fine *= np.int16(gains[0])
        fine >>= 6
        change += fine
        change += was
        np.clip(change, 0, 255, out=change)
        np.copyto(into, change, casting="unsafe")


def _ramp(level: NDArray[np.float32], ends: tuple[int, int], most: float, into: Pixels) -> None:
    """0 up to the first of the ends, `most` from the second on."""
    low, high = ends
    np.copyto(into, ((level - low) * (most / (high - low))).clip(0, most), casting="unsafe")


class _Planes(NamedTuple):
    """Where it computes: at full size the source's coarse part, its edges, m, and the ground."""

    low: Pixels
    edges: Pixels
    mask: Pixels
    soft: Pixels
    half: Pixels
    quarter: Pixels
    ground: Pixels
    text: Pixels
    around: NDArray[np.float32]
    share: NDArray[np.float32]

    def of(self, shape: tuple[int, ...]) -> _Planes:
        """As much of it as a picture of that shape takes."""
        planes: tuple[NDArray[Any], ...] = self
        return _Planes(
            *(
                plane[: -(-shape[0] // divisor), : -(-shape[1] // divisor)]
                for plane, divisor in zip(planes, _DIVISORS, strict=True)
            )
        )
