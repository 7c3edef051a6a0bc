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

from livestyle.finish.fused import Fused, blended
from livestyle.finish.planes import ONE, Planes, Room, divided, grow, ramp, shrink

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_CELLS = 480  # across the picture at most: what is compared are the means of cells
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
        whole = planes.y.shape
        self._grids = [divided(whole, 2)]  # by two and two, which is much faster than at once
        while self._grids[-1][1] > _CELLS:
            self._grids.append(divided(self._grids[-1], 2))
        grid = self._grids[-1]
        self._cell = 2 ** len(self._grids)  # px
        self._smaller = Room(self._grids[0])
        self._seen, self._now = (np.zeros((3, *grid), np.uint8) for _ in range(2))
        self._difference = np.zeros_like(self._now)
        self._new = np.zeros(grid, np.uint8)  # how much of it is: 0 … ONE
        self._share = Room(planes.u.shape)
        self._lay = Fused(blended, 3, 0, whole)
        self._move_on = Fused(blended, 3, 0, (3 * grid[0], grid[1]))
        self._knows = False

    def forget(self) -> None:
        """Hold nothing: the next result is all new."""
        self._knows = False

    def look_at(self, source: Planes, amount: float) -> bool:
        """Compare the source with what was shown. amount: 0 … 1. Returns whether any is new."""
        for plane, cells in zip(source, self._now, strict=True):
            self._shrink(plane, cells)
        if not self._knows:
            return True
        cv2.absdiff(self._now, self._seen, dst=self._difference)
        first, *others = self._difference
        for other in others:
            cv2.max(first, other, dst=first)
        cv2.dilate(first, _REACH, dst=first)
        still = _FIRM * amount
        cv2.LUT(first, ramp(still, still + _SOFT, ONE), dst=self._new)
        # a cell that is all new, and what it reaches, stays so: the blur is no wider than the reach
        cv2.blur(self._new, (3, 3), dst=self._new)
        cv2.blur(self._new, (3, 3), dst=self._new)
        new = cv2.countNonZero(self._new)
        if new > _CUT * self._new.size:
            self._knows = False
        return new > 0

    def _shrink(self, plane: Pixels, cells: Pixels) -> None:
        for grid in self._grids[:-1]:
            if plane.shape[0] > grid[0]:
                plane = shrink(plane, self._smaller.of(grid))
        shrink(plane, cells)

    def update(self, result: Planes) -> Planes:
        """What is shown: the new result where the source is new, else what was. It belongs to this
        object and changes at the next call.
        """
        if not self._knows:
            self._shown.copy_from(result)
            np.copyto(self._seen, self._now)
            self._knows = True
            return self._shown
        self._remember()
        part = self.new_part
        new, shown = result.cut(part), self._shown.cut(part)
        cells = tuple(slice(at.start // self._cell, -(-at.stop // self._cell)) for at in part)
        *given, share, laid = self._lay.planes(new.y.shape)
        for room, plane in zip(given, (shown.y, new.y), strict=True):
            np.copyto(room, plane)
        grow(self._new[cells], share)
        self._lay()
        np.copyto(shown.y, laid)
        share = grow(self._new[cells], self._share.of(new.u.shape))
        for colour, theirs in zip(shown[1:], new[1:], strict=True):
            cv2.copyTo(theirs, share, colour)  # a seam in colour alone is not seen
        return self._shown

    def _remember(self) -> None:
        """Move the copy of the source on, where what is new is shown."""
        shape = -1, self._seen.shape[2]
        seen = self._seen.reshape(shape)
        was, now, share, moved = self._move_on.planes(seen.shape)
        np.copyto(was, seen)
        np.copyto(now, self._now.reshape(shape))
        np.copyto(share.reshape(self._seen.shape), self._new)
        self._move_on()
        np.copyto(seen, moved)

    @property
    def new_part(self) -> tuple[slice, slice]:
        """The rows and columns outside of which nothing is new, and some around them: what is made
        there is enough for `update`. They begin and end where cells do, and those of a half and a
        quarter of the size.
        """
        height, width = self._shown.y.shape
        step = max(8, self._cell)
        if not self._knows or height % step or width % step:
            return slice(0, height), slice(0, width)
        parts = []
        for axis, side in ((1, height), (0, width)):
            new = np.flatnonzero(self._new.any(axis=axis)) * self._cell
            first, last = new[0] // step * step - _AROUND, -(-new[-1] // step) * step + _AROUND
            parts.append(slice(max(0, int(first)), min(side, int(last) + step)))
        return parts[0], parts[1]

    @property
    def shown(self) -> Planes:
        """The last result."""
        return self._shown
