"""Filtered: the lite stylizer without a network, by a filter of OpenCV calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.canvas import Canvas, scale
from livestyle.frame import Frame, Size
from livestyle.recipe import Recipe, load_recipe
from livestyle.stylizers.filters import FILTERS
from livestyle.stylizers.lookless import Lookless

if TYPE_CHECKING:
    from livestyle.frame import Pixels


class Filtered(Lookless):
    """A Stylizer: one of FILTERS on a small picture."""

    name = "lite"
    engine = "opencv"
    is_plain = False
    grid = Recipe.GRID

    def __init__(self, filter: str, canvas: Canvas, size: Size | None) -> None:
        """size: (width, height) of the small picture, None: the recipe's, in the canvas' shape."""
        self._make = FILTERS[filter]
        self._recipe = load_recipe("lite", Recipe)
        self._wanted = size
        self.size: Size = 0, 0
        self.paint_on(canvas)

    def paint_on(self, canvas: Canvas) -> None:
        """Go on with another canvas; where that wants another small picture, draw for it anew."""
        size = self._recipe.size_inside(canvas.size, self._wanted)
        if size != self.size:
            self.prepare(size)()
        self._canvas = canvas

    def prepare(self, size: Size) -> Callable[[], bool]:
        """Draw for that size."""
        filter = self._make(size)
        small: Pixels = np.zeros((size[1], size[0], 4), np.uint8)

        def take() -> bool:
            self._filter, self._small, self.size = filter, small, size
            return True

        return take

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in, out what `Canvas.put` makes of the styled picture."""
        scale(self._canvas.place(frame.pixels), self.size, into=self._small)
        layers = self._filter(cv2.cvtColor(self._small, cv2.COLOR_BGRA2RGB))  # type: ignore[arg-type]
        # a filter's colours may be none that RGB has; what goes on has to be what is seen
        styled: Any = cv2.cvtColor(cv2.merge(layers), cv2.COLOR_YCrCb2RGB)
        return frame.with_pixels(self._canvas.put(styled))
