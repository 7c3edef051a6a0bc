"""The finish of single pictures in RGB, as files and the Python API have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from livestyle.between.look import Finishing
from livestyle.finish.finish import Finish
from livestyle.finish.keep import keep_rectangles
from livestyle.finish.planes import Planes

if TYPE_CHECKING:
    from livestyle.frame import Pixels


class PictureFinish:
    """For pictures of one size, RGB (H, W, 3); kept rectangles show the source's very bytes."""

    def __init__(self, picture: Pixels, finishing: Finishing) -> None:
        """picture: one of that size."""
        self._finishing = finishing
        self._finished = Planes.of_rgb(np.zeros_like(picture))
        self._finish = Finish(self._finished, finishing) if finishing != Finishing() else None

    def forget(self) -> None:
        """The next picture has nothing to do with those before."""
        if self._finish is not None:
            self._finish.forget()

    def __call__(self, source: Pixels, style: Callable[[], Pixels]) -> Pixels:
        """The finished picture, the caller's own. style: called where the source has to be styled;
        what it returns is copied.
        """
        if self._finish is None:
            return style().copy()
        planes = Planes.of_rgb(source)
        styled = Planes.of_rgb(style()) if self._finish.look_at(planes) else None
        self._finish.apply(styled, self._finished)
        picture = self._finished.to_rgb()
        keep_rectangles(self._finishing.keep, (source,), (picture,))
        return picture
