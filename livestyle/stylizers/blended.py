"""Blended: the lite stylizer in the style of any pictures, through OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import openvino as ov

from livestyle.canvas import Canvas, scale
from livestyle.frame import Frame, Size
from livestyle.recipe import Recipe, load_recipe
from livestyle.stylizers.blend import Part
from livestyle.stylizers.lookless import Lookless
from livestyle.stylizers.magenta import compiled, predict_style, read_network
from livestyle.stylizers.transfer import transfer_model

if TYPE_CHECKING:
    from livestyle.frame import Pixels


class _Opened(NamedTuple):
    """A compiled network and the memory that it reads, which must live as long."""

    request: ov.InferRequest
    picture: Pixels  # BGRX (h, w, 4)


class Blended(Lookless):
    """A Stylizer: pictures as a style."""

    name = "lite"
    engine = "openvino"
    is_plain = False

    def __init__(self, blend: tuple[Part, ...], canvas: Canvas, size: Size | None) -> None:
        """size: (width, height) inside the network, None: the recipe's, in the canvas' shape.

        Raises ConfigError for a file that is no picture, MissingPackage, StylizerError.
        """
        self._recipe = load_recipe("lite", Recipe)
        self._wanted = size
        self._style = predict_style(blend)
        self._network = read_network()
        self._open(canvas)

    def _open(self, canvas: Canvas) -> None:
        """All of it or nothing: what was there before is used until the last line."""
        size = self._recipe.size_inside(canvas.size, self._wanted)
        precision = self._recipe.precision
        model = transfer_model(self._network, size, in_int8=precision == "auto")
        # statistics in bf16 would be off by a part of what they are: the picture would breathe
        hint = ov.Type.bf16 if precision == "bf16" else ov.Type.f32
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
        request = compiled(model, self._recipe.device, options).create_infer_request()
        picture: Pixels = np.zeros((size[1], size[0], 4), np.uint8)
        request.set_input_tensor(0, ov.Tensor(picture[None], shared_memory=True))
        request.set_input_tensor(1, ov.Tensor(self._style, shared_memory=True))
        request.infer()  # the first one allocates
        self._canvas, self.size, self._opened = canvas, size, _Opened(request, picture)

    def stylize(self, frame: Frame) -> Frame:
        """BGRA (h, w, 4) in, styled RGB (H, W, 3) of the canvas out."""
        opened = self._opened
        scale(self._canvas.place(frame.pixels), self.size, into=opened.picture)
        opened.request.infer()
        styled: Pixels = opened.request.get_output_tensor().data[0]
        room = self._canvas.room
        scale(styled, (room.shape[1], room.shape[0]), into=room)
        return frame.with_pixels(self._canvas.pixels)

    def paint_on(self, canvas: Canvas) -> None:
        """Go on with another canvas; where that wants another size inside, compile for it."""
        if self._recipe.size_inside(canvas.size, self._wanted) == self.size:
            self._canvas = canvas
        else:
            self._open(canvas)
