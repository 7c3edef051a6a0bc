"""Finish: a styled picture and its source in, what is shown out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from livestyle.between.look import Finishing
from livestyle.finish.detail import Detail
from livestyle.finish.hold import Hold
from livestyle.finish.keep import keep_rectangles
from livestyle.finish.planes import Planes

if TYPE_CHECKING:
    from livestyle.frame import Pixels


class Finish:
    """The stage after every stylizer, for pictures of one size. Used on one thread, but for
    `change`.
    """

    def __init__(self, planes: Planes, finishing: Finishing) -> None:
        """planes: of a picture of that size."""
        self.wanted = self._finishing = finishing
        self._detail = Detail(planes.size)
        self._hold = Hold(planes)
        self._source = planes

    def change(self, finishing: Finishing) -> None:
        """Take other settings, from the next frame on. Called on any thread."""
        self.wanted = finishing

    def forget(self) -> None:
        """The next frame has nothing to do with those before."""
        self._hold.watch.forget()

    def look_at(self, source: Planes) -> bool:
        """Begin a frame. Returns whether it has to be styled; else what was shown may stay."""
        wanted = self.wanted  # once: it may change at any moment
        if wanted != self._finishing:
            self._finishing = wanted
            self._hold.watch.forget()
        self._source = source
        return not wanted.hold or self._hold.watch.look_at(source, wanted.hold)

    def apply(self, styled: Planes | None, into: Planes) -> None:
        """End it. styled: changed in place; None where it had not to be."""
        if styled is None:
            shown = self._hold.shown
        elif self._finishing.hold:
            part = self._hold.watch.part
            self._add_source(self._source.cut(part), styled.cut(part))
            shown = self._hold.update(styled)
        else:
            self._add_source(self._source, styled)
            shown = styled
        into.copy_from(shown)
        keep_rectangles(self._finishing.keep, self._source, into)

    @property
    def finishing(self) -> Finishing:
        """Of the frame that was begun."""
        return self._finishing

    @property
    def new(self) -> Pixels:
        """How much of each cell of the frame that was begun is new, 0 … ONE."""
        return self._hold.watch.new

    def show(self, finished: Planes, into: Planes, *, is_new: bool) -> None:
        """End it with what a device has finished. is_new: whether that is of this frame."""
        if is_new and self._finishing.hold:
            self._hold.watch.remember()
        into.copy_from(finished)
        keep_rectangles(self._finishing.keep, self._source, into)

    def _add_source(self, source: Planes, styled: Planes) -> None:
        wanted = self._finishing
        if wanted.detail:
            self._detail.add(source, styled, wanted.detail, wanted.mix)
        else:
            _mix(styled.y, source.y, wanted.mix)
        for plane, theirs in zip(styled[1:], source[1:], strict=True):
            _mix(plane, theirs, wanted.colour_of_source)


def _mix(plane: Pixels, source: Pixels, part: float) -> None:
    if part:
        cv2.addWeighted(plane, 1 - part, source, part, 0, dst=plane)
