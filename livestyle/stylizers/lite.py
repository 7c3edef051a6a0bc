"""Lite: a small feed-forward style network on the CPU, through OpenVINO."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import openvino as ov
from openvino import opset13 as ops
from openvino.preprocess import ColorFormat, PrePostProcessor
from openvino.utils.decorators import custom_preprocess_function

from livestyle.canvas import Canvas, scale
from livestyle.errors import StylizerError
from livestyle.frame import Frame, Size
from livestyle.recipe import Recipe, load_recipe
from livestyle.stylizers.lookless import Lookless
from livestyle.stylizers.style import Style

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_PRECISIONS = {"bf16": ov.Type.bf16, "fp32": ov.Type.f32}


def compile_options(recipe: Recipe) -> dict[str, object]:
    """The recipe as OpenVINO's properties."""
    options: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
    if recipe.precision != "auto":
        options["INFERENCE_PRECISION_HINT"] = _PRECISIONS[recipe.precision]
    return options


def compile_network(style: Style, size: Size, recipe: Recipe) -> ov.CompiledModel:
    """The style's network, compiled: BGRX (1, h, w, 4) uint8 in, RGB (1, h, w, 3) uint8 out.

    Conversion to and from the network's float32 NCHW RGB in 0..1 is part of the graph.

    Raises StylizerError when the network cannot be read or compiled.
    """
    try:
        core = ov.Core()
        model = core.read_model(style.network)
        model.reshape([1, 3, size[1], size[0]])
        model = _with_uint8(model)
        return core.compile_model(model, recipe.device, compile_options(recipe))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise StylizerError(
            f"style {style.name!r}: cannot use {style.network}: {reason}"
        ) from error


def _with_uint8(model: ov.Model) -> ov.Model:
    processing = PrePostProcessor(model)
    picture = processing.input()
    picture.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    picture.tensor().set_color_format(ColorFormat.BGRX)
    picture.model().set_layout(ov.Layout("NCHW"))
    picture.preprocess().convert_color(ColorFormat.RGB)
    picture.preprocess().convert_element_type(ov.Type.f32).scale(255.0)
    styled = processing.output()
    styled.model().set_layout(ov.Layout("NCHW"))
    styled.postprocess().custom(_to_255).convert_layout(ov.Layout("NHWC"))
    styled.tensor().set_element_type(ov.Type.u8)
    return processing.build()


@custom_preprocess_function  # type: ignore[untyped-decorator]
def _to_255(output: ov.Output) -> ov.Node:
    # conversion to uint8 cuts off, hence the half
    return ops.add(ops.multiply(output, np.float32(255)), np.float32(0.5))


class _Opened(NamedTuple):
    """A compiled network and the memory that it reads, which must live as long."""

    request: ov.InferRequest
    picture: Pixels  # BGRX (h, w, 4)


class Lite(Lookless):
    """A Stylizer: one bundled style network in OpenVINO."""

    name = "lite"
    engine = "openvino"
    is_plain = False
    grid = Recipe.GRID

    def __init__(self, style: Style, canvas: Canvas, size: Size | None) -> None:
        """size: (width, height) inside the network, None: the recipe's, in the canvas' shape."""
        self.style = style
        self.recipe = load_recipe("lite", Recipe)
        self._wanted = size
        self._open(canvas)

    def _open(self, canvas: Canvas) -> None:
        """All of it or nothing: what was there before is used until the last line."""
        size = self.recipe.size_inside(canvas.size, self._wanted)
        self._opened, self.size, self._canvas = self._compiled(size), size, canvas

    def _compiled(self, size: Size) -> _Opened:
        picture: Pixels = np.zeros((size[1], size[0], 4), np.uint8)
        request = compile_network(self.style, size, self.recipe).create_infer_request()
        request.set_input_tensor(ov.Tensor(picture[None], shared_memory=True))
        request.infer()  # the first one allocates
        return _Opened(request, picture)

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
