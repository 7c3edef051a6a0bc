"""Hold: what stands still in the source stands still in what is shown, bit for bit.

Networks see the whole picture: one thing that moves changes every pixel a little. So a small copy
of the source is kept, of every place as it was when what is shown there was made. Where the source
has come away from the copy, what is new is shown and the copy moves on; everywhere else what was
shown stays. Comparing with the copy, not with the frame before, lets slow changes through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.finish.planes import ONE, Blender, Planes, grow, ramp, shrink

if TYPE_CHECKING:
    from livestyle.frame import Size

_CELLS = 320  # across the picture: what is compared are the means of cells
_FIRM = 12.0  # of 255: how far a cell may come away from the copy, for an amount of 1
_SOFT = 6  # of 255 more, until what is new is all that is shown
_REACH = np.ones((5, 5), np.uint8)  # cells: strokes reach beyond what they are of
_AROUND = 48  # px: as far as detail looks
_CUT = 0.7  # part of the picture: where more is new, it is another scene


class Hold:
    """For pictures of one size. It remembers the last result until `forget`."""

    def __init__(self, planes: Planes) -> None:
        """planes: of such a picture."""
        self._shown = planes.empty()
        width, height = planes.size
        cells = min(_CELLS, width)
        self._grid: Size = cells, max(1, round(height * cells / width))
        self._seen, self._now = (np.empty((3, *self._grid[::-1]), np.uint8) for _ in range(2))
        self._new = np.empty(self._grid[::-1], np.uint8)  # how much of it is: 0 … ONE
        self._masks = [np.empty_like(plane) for plane in planes[:2]]
        self._half = np.empty([max(1, side // 2) for side in planes.y.shape], np.uint8)
        self._blend = Blender(width)
        self._knows = False

    def forget(self) -> None:
        """Hold nothing: the next result is all new."""
        self._knows = False

    def look_at(self, source: Planes, amount: float) -> bool:
        """Compare the source with what was shown. amount: 0 … 1. Returns whether any is new."""
        y = shrink(source.y, self._half)  # by two and two, which is much faster than by four
        for plane, cells in zip((y, source.u, source.v), self._now, strict=True):
            shrink(plane, cells)
        if not self._knows:
            return True
        away = cv2.absdiff(self._now, self._seen).max(axis=0)
        cv2.dilate(away, _REACH, dst=away)
        still = _FIRM * amount
        cv2.LUT(away, ramp(still, still + _SOFT, ONE), dst=self._new)
        # a cell that is all new, and what it reaches, stays so: the blur is no wider than the reach
        cv2.blur(self._new, (3, 3), dst=self._new)
        cv2.blur(self._new, (3, 3), dst=self._new)
        if np.count_nonzero(self._new) > _CUT * self._new.size:
            self._knows = False
        return bool(self._new.any())

    def update(self, result: Planes) -> Planes:
        """What is shown: the new result where the source is new, else what was. It belongs to this
        object and changes at the next call.
        """
        if not self._knows:
            self._shown.copy_from(result)
            np.copyto(self._seen, self._now)
            self._knows = True
            return self._shown
        for cells, now in zip(self._seen, self._now, strict=True):
            self._blend(cells, now, self._new)
        for mask in self._masks:
            grow(self._new, mask)
        brightness, colour = self._masks
        self._blend(self._shown.y, result.y, brightness)
        cv2.copyTo(result.u, colour, self._shown.u)  # a seam in colour alone is not seen
        cv2.copyTo(result.v, colour, self._shown.v)
        return self._shown

    @property
    def new_part(self) -> tuple[slice, slice]:
        """The rows and columns outside of which nothing is new, and some around them: what is made
        there is enough for `update`. They begin and end at multiples of eight, as cells of a half
        and a quarter of the size do.
        """
        height, width = self._shown.y.shape
        if not self._knows or height % 8 or width % 8:
            return slice(0, height), slice(0, width)
        parts = []
        for axis, side in ((1, height), (0, width)):
            new = np.flatnonzero(self._new.any(axis=axis))
            cells = self._new.shape[1 - axis]
            first, last = (int(cell) * side // cells // 8 * 8 for cell in (new[0], new[-1] + 8))
            parts.append(slice(max(0, first - _AROUND), min(side, last + _AROUND)))
        return parts[0], parts[1]

    @property
    def shown(self) -> Planes:
        """The last result."""
        return self._shown
