"""Lite: a small feed-forward style network on the CPU, through OpenVINO."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
from openvino import opset13 as ops
from openvino.preprocess import ColorFormat, PrePostProcessor
from openvino.utils.decorators import custom_preprocess_function

from livestyle.canvas import Canvas
from livestyle.errors import StylizerError
from livestyle.frame import Size
from livestyle.recipe import Recipe
from livestyle.stylizers.inferred import Inferred
from livestyle.stylizers.style import Style

if TYPE_CHECKING:
    pass

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


class Lite(Inferred):
    """A Stylizer: one style network in OpenVINO."""

    def __init__(self, style: Style, canvas: Canvas, size: Size | None) -> None:
        """size: (width, height) inside the network, None: the recipe's, in the canvas' shape."""
        self.style = style
        super().__init__(canvas, size)

    def compile(self, size: Size) -> ov.CompiledModel:
        """The network for that size."""
        return compile_network(self.style, size, self.recipe)
