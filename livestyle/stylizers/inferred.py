"""Inferred: what stylizers have in common whose network OpenVINO runs on a small picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import openvino as ov

from livestyle.canvas import Canvas, scale
from livestyle.frame import Frame, Size
from livestyle.recipe import Recipe, load_recipe
from livestyle.stylizers.lookless import Lookless

if TYPE_CHECKING:
    from livestyle.frame import Pixels


Reader = Callable[["Pixels", "Pixels"], "Pixels"]
"""Makes RGB (h, w, 3) of what a network made, and of the picture of which it was, BGRX (h, w, 4).
"""


class _Opened(NamedTuple):
    """A compiled network, the memory that it reads, which must live as long, and its reader."""

    request: ov.InferRequest
    picture: Pixels  # BGRX (h, w, 4)
    read: Reader


class Inferred(Lookless):
    """A Stylizer, but for `compile` and `reader`: a network that takes BGRX, uint8."""

    name = "lite"
    engine = "openvino"
    is_plain = False
    grid = Recipe.GRID

    def __init__(self, canvas: Canvas, size: Size | None) -> None:
        """size: (width, height) inside the network, None: the recipe's, in the canvas' shape."""
        self.recipe = load_recipe("lite", Recipe)
        self._wanted = size
        self._open(canvas)

    def compile(self, size: Size) -> ov.CompiledModel:
        """The network for that size, which takes (1, h, w, 4)."""
        raise NotImplementedError

    def reader(self, size: Size) -> Reader:
        """What reads the network for that size."""
        raise NotImplementedError

    def fill(self, request: ov.InferRequest) -> None:
        """Give it what it takes beside the picture."""

    def _open(self, canvas: Canvas) -> None:
        """All of it or nothing: what was there before is used until the last line."""
        size = self.recipe.size_inside(canvas.size, self._wanted)
        self._opened, self.size, self._canvas = self._compiled(size), size, canvas

    def _compiled(self, size: Size) -> _Opened:
        picture: Pixels = np.zeros((size[1], size[0], 4), np.uint8)
        request = self.compile(size).create_infer_request()
        request.set_input_tensor(0, ov.Tensor(picture[None], shared_memory=True))
        self.fill(request)
        request.infer()  # the first one allocates
        return _Opened(request, picture, self.reader(size))

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in, out what `Canvas.put` makes of the styled picture."""
        opened = self._opened
        scale(self._canvas.place(frame.pixels), self.size, into=opened.picture)
        opened.request.infer()
        styled = opened.read(opened.request.get_output_tensor().data[0], opened.picture)
        return frame.with_pixels(self._canvas.put(styled))

    def paint_on(self, canvas: Canvas) -> None:
        """Go on with another canvas; where that wants another size inside, compile for it."""
        if self.recipe.size_inside(canvas.size, self._wanted) == self.size:
            self._canvas = canvas
        else:
            self._open(canvas)

    def prepare(self, size: Size) -> Callable[[], bool]:
        """Compile for that size."""
        opened = self._opened if size == self.size else self._compiled(size)

        def take() -> bool:
            self._opened, self.size = opened, size
            return True

        return take
