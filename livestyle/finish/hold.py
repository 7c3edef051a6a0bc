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
_AROUND = 32  # px: as far as detail looks
_CUT = 0.7  # part of the picture: where more is new, it is another scene


def grids_of(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """How a picture of (height, width) is shrunk to cells: by two and two, which is faster."""
    grids = [divided(shape, 2)]
    while grids[-1][1] > _CELLS:
        grids.append(divided(grids[-1], 2))
    return grids


class Watch:
    """What of a source has changed since what is shown was made, for pictures of one size."""

    def __init__(self, planes: Planes) -> None:
        """planes: of such a picture."""
        self._whole = planes.y.shape
        self._grids = grids_of(self._whole)
        grid = self._grids[-1]
        self._cell = 2 ** len(self._grids)  # px
        self._smaller = [Room(grid) for grid in self._grids[:-1]]
        self._seen, self._now = (np.zeros((3, *grid), np.uint8) for _ in range(2))
        self._difference = np.zeros_like(self._now)
        self.new = np.full(grid, ONE, np.uint8)  # how much of each cell is: 0 … ONE
        self._move_on = Fused(blended, 3, 0, (3 * grid[0], grid[1]), parts=(1,))
        self.knows = False

    def forget(self) -> None:
        """All that comes next is new."""
        self.knows = False
        self.new.fill(ONE)

    def look_at(self, source: Planes, amount: float) -> bool:
        """Compare the source with what was shown. amount: 0 … 1. Returns whether any is new."""
        for plane, cells in zip(source, self._now, strict=True):
            self._shrink(plane, cells)
        if not self.knows:
            return True
        cv2.absdiff(self._now, self._seen, dst=self._difference)
        first, *others = self._difference
        for other in others:
            cv2.max(first, other, dst=first)
        cv2.dilate(first, _REACH, dst=first)
        still = _FIRM * amount
        cv2.LUT(first, ramp(still, still + _SOFT, ONE), dst=self.new)
        # a cell that is all new, and what it reaches, stays so: the blur is no wider than the reach
        cv2.blur(self.new, (3, 3), dst=self.new)
        cv2.blur(self.new, (3, 3), dst=self.new)
        new = cv2.countNonZero(self.new)
        if new > _CUT * self.new.size:
            self.forget()
        return new > 0

    def _shrink(self, plane: Pixels, cells: Pixels) -> None:
        for grid, room in zip(self._grids, self._smaller, strict=False):
            if plane.shape[0] > grid[0]:
                plane = shrink(plane, room.of(grid))
        shrink(plane, cells)

    def remember(self) -> None:
        """Move the copy of the source on, where what is new is shown from now on."""
        if not self.knows:
            np.copyto(self._seen, self._now)
            self.knows = True
            return
        seen = self._seen.reshape(-1, self._seen.shape[2])
        was, now, share, moved = self._move_on.planes(seen.shape)
        np.copyto(was, seen)
        np.copyto(now, self._now.reshape(seen.shape))
        np.copyto(share.reshape(self._seen.shape), self.new)
        self._move_on()
        np.copyto(seen, moved)

    @property
    def part(self) -> tuple[slice, slice]:
        """The rows and columns outside of which nothing is new, and some around them: what is made
        there is enough. They begin and end where cells do, and those of a half and a quarter of the
        size.
        """
        height, width = self._whole
        step = max(8, self._cell)
        if not self.knows or height % step or width % step:
            return slice(0, height), slice(0, width)
        parts = []
        for axis, side in ((1, height), (0, width)):
            new = np.flatnonzero(self.new.any(axis=axis)) * self._cell
            first, last = new[0] // step * step - _AROUND, -(-new[-1] // step) * step + _AROUND
            parts.append(slice(max(0, int(first)), min(side, int(last) + step)))
        return parts[0], parts[1]

    def cells_of(self, part: tuple[slice, slice]) -> Pixels:
        """How much of each cell is new, of those of a part that begins and ends where they do."""
        rows, columns = (slice(of.start // self._cell, -(-of.stop // self._cell)) for of in part)
        return self.new[rows, columns]


class Hold:
    """What was shown, for pictures of one size."""

    def __init__(self, planes: Planes) -> None:
        """planes: of such a picture."""
        self.watch = Watch(planes)
        self.shown = planes.empty()  # the last result
        self._share = Room(planes.u.shape)
        self._lay = Fused(blended, 3, 0, planes.y.shape)

    def update(self, result: Planes) -> Planes:
        """What is shown: the new result where the source is new, else what was. It belongs to this
        object and changes at the next call.
        """
        if self.watch.knows:
            self._lay_on(result, self.watch.part)
        else:
            self.shown.copy_from(result)
        self.watch.remember()
        return self.shown

    def _lay_on(self, result: Planes, part: tuple[slice, slice]) -> None:
        cells = self.watch.cells_of(part)
        new, shown = result.cut(part), self.shown.cut(part)
        was, now, share, laid = self._lay.planes(new.y.shape)
        np.copyto(was, shown.y)
        np.copyto(now, new.y)
        grow(cells, share)
        self._lay()
        np.copyto(shown.y, laid)
        share = grow(cells, self._share.of(new.u.shape))
        for colour, theirs in zip(shown[1:], new[1:], strict=True):
            cv2.copyTo(theirs, share, colour)  # a seam in colour alone is not seen
