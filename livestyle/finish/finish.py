"""Finish: a styled picture and its source in, what is shown out."""

from __future__ import annotations

import cv2
import numpy as np

from livestyle.between.look import Finishing
from livestyle.finish.detail import Detail
from livestyle.finish.hold import Hold
from livestyle.finish.keep import keep_rectangles
from livestyle.finish.planes import Planes


class Finish:
    """The stage after every stylizer, for pictures of one size. Used on one thread, but for
    `change`.
    """

    def __init__(self, planes: Planes, finishing: Finishing) -> None:
        """planes: of a picture of that size."""
        self.wanted = self._finishing = finishing
        self._detailed = planes.empty().y
        self._detail = Detail(planes.size)
        self._hold = Hold(planes)
        self._source = planes

    def change(self, finishing: Finishing) -> None:
        """Take other settings, from the next frame on. Called on any thread."""
        self.wanted = finishing

    def forget(self) -> None:
        """The next frame has nothing to do with those before."""
        self._hold.forget()

    def look_at(self, source: Planes) -> bool:
        """Begin a frame. Returns whether it has to be styled; else what was shown may stay."""
        wanted = self.wanted  # once: it may change at any moment
        if wanted != self._finishing:
            self._finishing = wanted
            self._hold.forget()
        self._source = source
        return not wanted.hold or self._hold.look_at(source, wanted.hold)

    def apply(self, styled: Planes | None, into: Planes) -> None:
        """End it. styled: None where it had not to be."""
        finishing = self._finishing
        if styled is None:
            shown = self._hold.shown
        else:
            shown = styled
            if finishing.detail:
                part = self._hold.new_part if finishing.hold else np.s_[:, :]
                into_y = self._detailed[part]
                self._detail.add(self._source.cut(part), styled.cut(part), finishing.detail, into_y)
                shown = Planes(self._detailed, styled.u, styled.v)
            if finishing.hold:
                shown = self._hold.update(shown)
        self._mix(shown, into)
        keep_rectangles(finishing.keep, self._source, into)

    def _mix(self, shown: Planes, into: Planes) -> None:
        """With so much of the source's colour, and of the source altogether."""
        mix, colour = self._finishing.mix, self._finishing.colour
        parts = (mix, *[1 - (1 - mix) * (1 - colour)] * 2)
        for part, plane, source, out in zip(parts, shown, self._source, into, strict=True):
            if part:
                cv2.addWeighted(plane, 1 - part, source, part, 0, dst=out)
            else:
                np.copyto(out, plane)
