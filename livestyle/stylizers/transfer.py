"""Transfer: the network that paints in any style as a graph of OpenVINO, for any size.

What it computes is what Magenta's computes. How differs in three points:

- What goes into a convolution is rounded to 8 bits, as its weights are, and nothing else.
- At full size there are 3 or 8 channels, too few for a CPU's vectors. So the 2 x 2 pixels of a
  block become channels of their own, at half the size: the same sums, four times as wide. Channel
  phase * channels + c is pixel (phase // 2, phase % 2) of c, as DepthToSpace has it.
- A faint grain lies under the picture. A normalisation that knows no scale makes as much of the
  steps of an even gradient as of anything else: lines from edge to edge. On a grain it paints
  strokes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import openvino as ov
from openvino import opset13 as ops

from livestyle.frame import Size
from livestyle.stylizers.magenta import CONTRACT, EXPAND, RESIDUAL, STYLE_NUMBERS, Layer, Network

if TYPE_CHECKING:
    from livestyle.stylizers.magenta import Floats

_GRAIN = 2.0  # of 255, its standard deviation
_GRAIN_BLUR = 4.0  # pixels, sigma
_EPSILON = 1e-5
# Of the package's ranges, which hold the largest values. Nearly all lie in half of them, where they
# are told apart twice as well: noise in the source comes out as 0.7 times the noise.
_RANGE = 0.5


def transfer_model(network: Network, size: Size, *, in_int8: bool) -> ov.Model:
    """For pictures of one (width, height), both multiples of 4 and 16 at least.

    In: BGRX (1, h, w, 4) uint8 and a style (1, 100) float32. Out: RGB (1, h, w, 3) uint8.
    in_int8: whether convolutions may be.
    """
    width, height = size
    picture = ops.parameter([1, height, width, 4], np.uint8, "picture")
    style = ops.parameter([1, STYLE_NUMBERS], np.float32, "style")
    normalised = _normalisations(network, style)
    layers = {name: _narrowed(layer) for name, layer in network.layers.items()}

    def taken(x: ov.Node, layer: Layer) -> ov.Node:
        """As the layer takes it in."""
        return _rounded(x, layer.low, layer.high) if in_int8 else x

    def convolved(x: ov.Node, layer: Layer, stride: int = 1) -> ov.Node:
        weights = _rounded_weights(layer.weights) if in_int8 else ops.constant(layer.weights)
        x = ops.convolution(x, weights, [stride] * 2, [0, 0], [0, 0], [1, 1])
        return ops.add(x, _column(layer.bias)) if layer.bias.any() else x

    x = ops.transpose(ops.convert(picture, "f32"), np.array([0, 3, 1, 2]))
    x = ops.add(x, ops.constant(grain(size)))
    layer = _of_bgrx(_to_phases(layers[CONTRACT[0]]))
    x = ops.relu(convolved(_padded(taken(x, layer), 4, 4, "reflect"), layer, 2))
    layer = _of_phases(_with_margin(layers[CONTRACT[1]]))
    x = ops.relu(convolved(_padded(taken(x, layer), 1, 0, "edge"), layer))
    layer = layers[CONTRACT[2]]
    x = ops.relu(convolved(_padded(taken(x, layer), 1, 1, "reflect"), layer, 2))

    for first, second in zip(RESIDUAL[::2], RESIDUAL[1::2], strict=True):
        before = x
        x = _padded(taken(x, layers[first]), 1, 1, "reflect")
        x = ops.relu(normalised[first](convolved(x, layers[first])))
        x = _padded(taken(x, layers[second]), 1, 1, "reflect")
        x = ops.add(normalised[second](convolved(x, layers[second])), before)

    # the mirrored border of a doubled picture is its outermost pixel again
    layer = _after_doubling(layers[EXPAND[0]])
    x = convolved(_padded(taken(x, layer), 1, 1, "edge"), layer)
    x = ops.relu(normalised[EXPAND[0]](x, phases=4))
    layer = _after_doubling(layers[EXPAND[1]])
    x = ops.depth_to_space(taken(x, layer), "blocks_first", 2)
    x = convolved(_padded(x, 1, 1, "edge"), layer)
    x = ops.relu(normalised[EXPAND[1]](x, phases=4))
    # nearly mirrored: blocks are, the pixels in them are not
    layer = _of_phases(_to_phases(layers[EXPAND[2]]))
    x = convolved(_padded(taken(x, layer), 2, 2, "symmetric"), layer)
    x = ops.sigmoid(normalised[EXPAND[2]](x, phases=4))

    # conversion to uint8 cuts off, hence the half
    x = ops.convert(ops.add(ops.multiply(x, np.float32(255)), np.float32(0.5)), "u8")
    x = ops.transpose(ops.depth_to_space(x, "blocks_first", 2), np.array([0, 2, 3, 1]))
    return ov.Model([x], [picture, style], "transfer")


class _Normalisation:
    """Every channel of the picture gets the mean and the deviation that the style has there."""

    def __init__(self, scale: ov.Output, shift: ov.Output) -> None:
        """Both (1, channels)."""
        self._scale, self._shift = scale, shift

    def __call__(self, x: ov.Node, phases: int = 1) -> ov.Node:
        """phases: of every channel, which are normalised as one."""
        plane = np.array([2, 3])
        _, channels, height, width = x.output(0).shape

        def joint(each: ov.Node) -> ov.Node:
            by_phase = ops.reshape(each, np.array([1, phases, channels // phases]), False)
            return ops.reduce_mean(by_phase, np.array([1]), False)

        def column(value: ov.Node) -> ov.Node:
            return ops.reshape(ops.concat([value] * phases, 1), np.array([1, -1, 1, 1]), False)

        mean = joint(ops.reduce_mean(x, plane, False))
        length = ops.reduce_l2(x, plane, False)  # which makes no plane of squares
        square = joint(ops.multiply(ops.multiply(length, length), np.float32(1 / height / width)))
        variance = ops.relu(ops.subtract(square, ops.multiply(mean, mean)))
        scale = ops.divide(self._scale, ops.sqrt(ops.add(variance, np.float32(_EPSILON))))
        shift = ops.subtract(self._shift, ops.multiply(mean, scale))
        return ops.add(ops.multiply(x, column(scale)), column(shift))


def _normalisations(network: Network, style: ov.Node) -> dict[str, _Normalisation]:
    """Those of a style (1, 100), by layer; one product makes all their scales and shifts."""
    affines = [*network.scales.values(), *network.shifts.values()]
    weights = ops.constant(np.concatenate([affine.weights for affine in affines]))
    bias = ops.constant(np.concatenate([affine.bias for affine in affines])[None])
    values = ops.add(ops.matmul(style, weights, False, True), bias)
    lengths = np.array([len(affine.bias) for affine in affines])
    parts = ops.variadic_split(values, np.int64(1), lengths).outputs()
    scales, shifts = parts[: len(network.scales)], parts[len(network.scales) :]
    return {
        name: _Normalisation(scale, shift)
        for name, scale, shift in zip(network.scales, scales, shifts, strict=True)
    }


def _narrowed(layer: Layer) -> Layer:
    return layer._replace(low=_RANGE * layer.low, high=_RANGE * layer.high)


def _to_phases(layer: Layer) -> Layer:
    """The same at stride 2, with the phases of what comes out as channels."""
    out, into, side, _ = layer.weights.shape
    weights = np.zeros((4, out, into, side + 1, side + 1), np.float32)
    for phase in range(4):
        y, x = divmod(phase, 2)
        weights[phase, :, :, y : y + side, x : x + side] = layer.weights
    return _of_four(layer, weights)


def _of_phases(layer: Layer) -> Layer:
    """A layer at stride 2, of an even side, for phases as the channels that come in."""
    out, into, side, _ = layer.weights.shape
    blocks = side // 2
    weights = layer.weights.reshape(out, into, blocks, 2, blocks, 2).transpose(0, 3, 5, 1, 2, 4)
    return layer._replace(weights=weights.reshape(out, 4 * into, blocks, blocks))


def _with_margin(layer: Layer) -> Layer:
    """The same with a row and a column of nothing before: it begins where a block does."""
    return layer._replace(weights=np.pad(layer.weights, ((0, 0), (0, 0), (1, 0), (1, 0))))


def _after_doubling(layer: Layer) -> Layer:
    """A layer 3 x 3 on a doubled picture as one on the picture, with phases of what comes out."""
    out, into, _, _ = layer.weights.shape
    weights = np.zeros((4, out, into, 3, 3), np.float32)
    for phase, *tap in np.ndindex(4, 3, 3):
        y, x = ((at + inside + 1) // 2 for at, inside in zip(tap, divmod(phase, 2), strict=True))
        weights[phase, :, :, y, x] += layer.weights[:, :, tap[0], tap[1]]
    return _of_four(layer, weights)


def _of_four(layer: Layer, weights: Floats) -> Layer:
    """weights: (4, out, in, k, k)."""
    return layer._replace(
        weights=weights.reshape(-1, *weights.shape[2:]), bias=np.tile(layer.bias, 4)
    )


def _of_bgrx(layer: Layer) -> Layer:
    """A layer on RGB in 0 … 1 as one on BGRX in 0 … 255."""
    weights = np.pad(layer.weights[:, ::-1] / np.float32(255), ((0, 0), (0, 1), (0, 0), (0, 0)))
    return layer._replace(weights=weights, low=0.0, high=255.0)


def grain(size: Size) -> Floats:
    """Noise (1, 1, h, w), the same every time."""
    noise = np.random.default_rng(0).standard_normal(size[::-1], np.float32)
    blurred = np.asarray(cv2.GaussianBlur(noise, (0, 0), _GRAIN_BLUR), np.float32)
    return blurred[None, None] * np.float32(_GRAIN / blurred.std())


def _padded(x: ov.Node, before: int, after: int, border: str) -> ov.Node:
    begin, end = (np.array([0, 0, side, side]) for side in (before, after))
    return ops.pad(x, begin, end, border)


def _rounded(x: ov.Node, low: float, high: float) -> ov.Node:
    """To the nearest of 256 values, of which 0 is one."""
    if low < 0:
        high = max(-low, high)
        low = -high * 128 / 127
    limits = [ops.constant(np.full((1, 1, 1, 1), limit, np.float32)) for limit in (low, high)]
    return ops.fake_quantize(x, *limits, *limits, 256)


def _rounded_weights(weights: Floats) -> ov.Node:
    """To the nearest of 255 values, of each channel's own."""
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    limits = [ops.constant(limit) for limit in (-largest, largest)]
    return ops.fake_quantize(ops.constant(weights), *limits, *limits, 255)


def _column(values: Floats) -> ov.Node:
    return ops.constant(values.reshape(1, -1, 1, 1))
