"""Blended: the lite stylizer in the style of any pictures, through OpenVINO."""

from __future__ import annotations

import openvino as ov

from livestyle.canvas import Canvas
from livestyle.frame import Size
from livestyle.stylizers.blend import Part
from livestyle.stylizers.inferred import Inferred, Reader
from livestyle.stylizers.magenta import compiled, predict_style, read_network
from livestyle.stylizers.transfer import transfer_model


class Blended(Inferred):
    """A Stylizer: pictures as a style."""

    def __init__(self, blend: tuple[Part, ...], canvas: Canvas, size: Size | None) -> None:
        """size: (width, height) inside the network, None: the recipe's, in the canvas' shape.

        Raises ConfigError for a file that is no picture, MissingPackage, StylizerError.
        """
        self._style = predict_style(blend)
        self._network = read_network()
        super().__init__(canvas, size)

    def compile(self, size: Size) -> ov.CompiledModel:
        """The network for that size."""
        precision = self.recipe.precision
        model = transfer_model(self._network, size, in_int8=precision == "auto")
        # statistics in bf16 would be off by a part of what they are: the picture would breathe
        hint = ov.Type.bf16 if precision == "bf16" else ov.Type.f32
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
        return compiled(model, self.recipe.device, options)

    def reader(self, size: Size, canvas: Canvas) -> Reader:
        """What it makes is RGB."""
        return lambda made, *_: canvas.put(made)

    def fill(self, request: ov.InferRequest) -> None:
        """Give it the style."""
        request.set_input_tensor(1, ov.Tensor(self._style, shared_memory=True))
