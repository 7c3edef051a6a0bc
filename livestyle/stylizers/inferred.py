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


Reader = Callable[["Pixels", "Pixels", "Pixels"], "Pixels"]
"""Puts on a canvas what a network made of a picture, and returns what `Canvas.put` does. The third
is that picture as the source has it, placed there, BGRA.
"""


class _Opened(NamedTuple):
    """A compiled network, and the memory that it reads, which must live as long."""

    request: ov.InferRequest
    picture: Pixels  # BGRX (h, w, 4)


class Inferred(Lookless):
    """A Stylizer, but for `compile` and `reader`: a network that takes BGRX, uint8."""

    name = "lite"
    engine = "openvino"
    is_plain = False
    grid = Recipe.GRID
    block = 1
    """Pixels that the network takes, each way, for one of the size inside."""

    def __init__(self, canvas: Canvas, size: Size | None) -> None:
        """size: (width, height) inside the network, None: the recipe's, in the canvas' shape."""
        self.recipe = load_recipe("lite", Recipe)
        self._wanted = size
        self._open(canvas)

    def compile(self, size: Size) -> ov.CompiledModel:
        """The network for that size inside, which takes (1, block * h, block * w, 4)."""
        raise NotImplementedError

    def reader(self, size: Size, canvas: Canvas) -> Reader:
        """What reads the network for that size inside."""
        raise NotImplementedError

    def fill(self, request: ov.InferRequest) -> None:
        """Give it what it takes beside the picture."""

    def _open(self, canvas: Canvas) -> None:
        """All of it or nothing: what was there before is used until the last line."""
        size = self.recipe.size_inside(canvas.size, self._wanted)
        opened, read = self._compiled(size), self.reader(size, canvas)
        self._opened, self._read, self.size, self._canvas = opened, read, size, canvas

    def _compiled(self, size: Size) -> _Opened:
        width, height = (side * self.block for side in size)
        picture: Pixels = np.zeros((height, width, 4), np.uint8)
        request = self.compile(size).create_infer_request()
        request.set_input_tensor(0, ov.Tensor(picture[None], shared_memory=True))
        self.fill(request)
        request.infer()  # the first one allocates
        return _Opened(request, picture)

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in, out what `Canvas.put` makes of the styled picture."""
        request, picture = self._opened
        seen = self._canvas.place(frame.pixels)
        scale(seen, (picture.shape[1], picture.shape[0]), into=picture)
        request.infer()
        return frame.with_pixels(self._read(request.get_output_tensor().data[0], picture, seen))

    def paint_on(self, canvas: Canvas) -> None:
        """Go on with another canvas; where that wants another size inside, compile for it."""
        if self.recipe.size_inside(canvas.size, self._wanted) == self.size:
            self._read, self._canvas = self.reader(self.size, canvas), canvas
        else:
            self._open(canvas)

    def prepare(self, size: Size) -> Callable[[], bool]:
        """Compile for that size."""
        opened, canvas = self._opened if size == self.size else self._compiled(size), self._canvas
        read = self.reader(size, canvas)

        def take() -> bool:
            self._opened, self.size = opened, size
            self._read = read if self._canvas is canvas else self.reader(size, self._canvas)
            return True

        return take
