"""Detail: the source's fine differences in brightness, put back into a styled picture.

    fine   = source - blur(source)
    m      = 0 … 1, where fine differences are strong over some area: text, outlines
    t      = 0 … 1, around where they are stronger than a texture's: text
    ground = (1 + t) / 2 of blur(source), the rest of blur(styled)
    result = styled + m * (ground - styled) + (k + (g - k) * m) * fine
    colour = nearer to the source's where t > 1/2, but no farther from grey than the style's

Style lives in colours and strokes; what people read lives in what is fine. Where that is strong the
style's own strokes give way to it, and the ground comes near enough to the source's for dark to
stay dark: on one that the style has made bright, bright letters would be lost. Under text the
colour is the source's for the most part, for a strong one leaves brightness no room to differ. The
constants were chosen by the words that a reader of text finds again on a game's panels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.finish.fused import Fused, in_parts
from livestyle.finish.planes import ONE, Planes, Room, divided, grow, shrink

if TYPE_CHECKING:
    import openvino as ov
    from numpy.typing import NDArray

    from livestyle.frame import Pixels, Size

STRENGTH = 4, 12  # mean of |fine| over an area, of 255: m is 0 below, 1 above
GAINS = 0.625, 1.625  # k and g for an amount of 1
GROUND = 0.5  # the source's share of the ground of what is fine and strong
BLUR, EDGES_BLUR = 1.2, 1.0  # sigma, at half and a quarter of the size
_WIDTH = 5, 5  # of the blurs
TEXT = 14, 26  # as STRENGTH, of t
COLOUR = 0.6  # the source's share of the colour of text
REACH = 3  # pixels of a quarter of the size, across, that t is spread over
_REACH = np.ones((REACH, REACH), np.uint8)


def gains_of(amount: float) -> tuple[float, float, float]:
    """k, g - k, and the most that m and t are, for an amount of 0 … 1."""
    weak, strong = (gain * amount for gain in GAINS)
    return weak, strong - weak, min(1.0, 1.25 * amount)


class Detail:
    """For pictures of a size or less."""

    def __init__(self, size: Size) -> None:
        """size: (width, height)."""
        whole, half, quarter = (divided(size[::-1], by) for by in (1, 2, 4))
        self._join = Fused(_joined, 5, 3, whole)
        self._lay = Fused(_laid, 3, 0, quarter)
        self._edges, *self._colours = (Room(whole) for _ in range(5))
        self._half, self._quarter = Room(half), Room(quarter)
        self._share = Room(quarter, np.float32)

    def add(self, source: Planes, styled: Planes, amount: float, mix: float = 0.0) -> None:
        """What is seen of the source, into the styled picture. amount: 0 … 1. mix: so much of the
        source's brightness altogether, on top.
        """
        shape = source.y.shape
        own, picture, low, ground, mask, result = self._join.planes(shape)
        np.copyto(own, source.y)
        np.copyto(picture, styled.y)
        weak, more, most = gains_of(amount)
        self._see(own, most, low, mask)
        self._make_ground(picture, ground)
        self._join(weak, more, mix)
        np.copyto(styled.y, result)
        self._colour_text(source, styled)

    def _see(self, source: Pixels, most: float, low: Pixels, mask: Pixels) -> None:
        """Part the source into what is coarse and what is fine, and find where that is strong.

        most: of m and t. low, mask: where blur(source) and m go.
        """
        half, quarter = (divided(source.shape, by) for by in (2, 4))
        _, coarse, text, _ = self._lay.planes(quarter)
        small = self._half.of(half)
        cv2.GaussianBlur(shrink(source, small), _WIDTH, BLUR, dst=small)
        shrink(small, coarse)
        edges = cv2.absdiff(source, grow(small, low), dst=self._edges.of(source.shape))
        shrink(shrink(edges, small), level := self._quarter.of(quarter))
        # in float32: a level more or less would be seen, m rises by an eighth with each
        share = self._share.of(quarter)
        np.copyto(share, level)
        cv2.GaussianBlur(share, _WIDTH, EDGES_BLUR, dst=share)
        grow(_ramp(share, STRENGTH, ONE * most, level), mask)
        _ramp(cv2.dilate(share, _REACH, dst=share), TEXT, ONE * most, text)

    def _make_ground(self, styled: Pixels, ground: Pixels) -> None:
        half, quarter = (divided(styled.shape, by) for by in (2, 4))
        soft, _, _, laid = self._lay.planes(quarter)
        shrink(shrink(styled, self._half.of(half)), soft)
        cv2.GaussianBlur(soft, _WIDTH, BLUR, dst=soft)
        self._lay()
        grow(laid, ground)

    def _colour_text(self, source: Planes, styled: Planes) -> None:
        _, _, text, _ = self._lay.planes(divided(styled.y.shape, 4))
        if cv2.minMaxLoc(text)[1] <= ONE // 2:
            return
        mask, between, end, other = (room.of(styled.u.shape) for room in self._colours)
        cv2.threshold(grow(text, mask), ONE // 2, ONE, cv2.THRESH_BINARY, dst=mask)
        for colour, theirs in zip(styled[1:], source[1:], strict=True):
            cv2.addWeighted(colour, 1 - COLOUR, theirs, COLOUR, 0, dst=between)
            cv2.addWeighted(colour, -1, colour, 0, 256, dst=other)  # as far from grey, beyond it
            cv2.min(between, cv2.max(colour, other, dst=end), dst=between)
            cv2.max(between, cv2.min(colour, other, dst=end), dst=between)
            cv2.copyTo(between, mask, colour)  # a seam in colour alone is not seen


def _joined(planes: Sequence[ov.Node], gains: Sequence[ov.Node]) -> ov.Node:
    """mask: m in parts of ONE. weak, more: k and g - k."""
    source, styled, low, ground, mask = planes
    weak, more, mix = gains
    fine = source - low
    there = ground - styled + more * fine
    result = styled + in_parts(mask) * there + weak * fine
    return result + mix * (source - result)


def _laid(planes: Sequence[ov.Node], _: Sequence[ov.Node]) -> ov.Node:
    """The ground, of both pictures' coarse parts. text: t in parts of ONE."""
    soft, coarse, text = planes
    ground, rest = np.array([[GROUND], [1 - GROUND]], np.float32)
    share = in_parts(text) * rest + ground
    return soft + (coarse - soft) * share


def _ramp(level: NDArray[Any], ends: tuple[int, int], most: float, into: Pixels) -> Pixels:
    """0 up to the first of the ends, `most` from the second on."""
    low, high = ends
    steep = most / (high - low)
    cv2.addWeighted(level, steep, level, 0, -low * steep, dst=into, dtype=cv2.CV_8U)
    return cv2.min(into, round(most), dst=into)  # type: ignore[call-overload,no-any-return]
