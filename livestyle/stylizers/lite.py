"""Lite: a small feed-forward style network on the CPU, through OpenVINO."""

from __future__ import annotations

import contextlib

import openvino as ov

from livestyle.canvas import Canvas
from livestyle.errors import StylizerError
from livestyle.frame import Size
from livestyle.installation import command
from livestyle.recipe import Recipe
from livestyle.stylizers.head import BLOCK, PAINTED, Head
from livestyle.stylizers.inferred import Inferred, Reader
from livestyle.stylizers.style import Style

_PRECISIONS = {"bf16": ov.Type.bf16, "fp32": ov.Type.f32}


def compile_options(recipe: Recipe) -> dict[str, object]:
    """The recipe as OpenVINO's properties."""
    options: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY"}
    if recipe.precision != "auto":
        options["INFERENCE_PRECISION_HINT"] = _PRECISIONS[recipe.precision]
    return options


def compile_network(style: Style, size: Size, recipe: Recipe) -> ov.CompiledModel:
    """The style's network, compiled: BGRX (1, BLOCK * h, BLOCK * w, 4) uint8 in, out what Head
    takes.

    Raises StylizerError when the network cannot be read or compiled, or is another kind.
    """
    try:
        model = read_network(style, size)
        return ov.Core().compile_model(model, recipe.device, compile_options(recipe))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise StylizerError(
            f"style {style.name!r}: cannot use {style.network}: {reason}"
        ) from error


def read_network(style: Style, size: Size) -> ov.Model:
    """The style's network for (width, height) inside. Raises RuntimeError or StylizerError."""
    model = ov.Core().read_model(style.network)
    width, height = size
    given, made = model.input(), model.output()
    with contextlib.suppress(RuntimeError):  # it takes no picture
        model.reshape([1, BLOCK * height, BLOCK * width, 4])
    painted = [1, height // 2, width // 2, PAINTED]
    bytes_alone = given.element_type == made.element_type == ov.Type.u8
    if not bytes_alone or made.partial_shape != ov.PartialShape(painted):
        raise StylizerError(
            f"style {style.name!r}: {style.network} is no network of this version of livestyle; "
            f"train it again: {command(f'train PICTURE --on RECORDING --name {style.name}')}"
        )
    return model


class Lite(Inferred):
    """A Stylizer: one style network in OpenVINO."""

    block = BLOCK

    def __init__(self, style: Style, canvas: Canvas, size: Size | None) -> None:
        """size: (width, height) inside the network, None: the recipe's, in the canvas' shape."""
        self.style = style
        super().__init__(canvas, size)

    def compile(self, size: Size) -> ov.CompiledModel:
        """The network for that size."""
        return compile_network(self.style, size, self.recipe)

    def reader(self, size: Size, canvas: Canvas) -> Reader:
        """What makes a picture of what it paints."""
        return Head(size, canvas)
