"""A trained network as what ships: OpenVINO's graph, its convolutions in eight bits.

On CPUs with VNNI these are four times as fast as in bfloat16. Pictures come as they are captured
and what is painted goes as bytes: in the graph, conversions and the last steps took as long as half
of the convolutions. livestyle.stylizers.head makes a picture of it.

The graph is written here, operation by operation, and not by a converter: those of OpenVINO and of
its compression framework report to their maker what they are used for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from openvino import opset13 as ops
from torch import Tensor, nn

from livestyle.errors import TrainingError
from livestyle.stylizers.head import BLOCK, GAIN
from livestyle.training.network import BORDER, MOST_GAIN, LiteNetwork, Norm

_RARE = 1e-4
"""Part of the values at each end that may lie outside of what eight bits span."""

_PIXELS = "to_half.0"
"""The convolution that takes the picture."""

Ranges = Mapping[str, tuple[float, float]]
"""Of what goes into the convolutions, by their names."""


def to_graph(network: LiteNetwork, ranges: Ranges | None) -> ov.Model:
    """image: BGRX (1, h, w, 4) uint8, of any size of multiples of 16; painted: (1, h / 4, w / 4,
    PAINTED) uint8, which livestyle.stylizers.head.Head makes a picture of.

    ranges: None leaves everything in float32. Raises TrainingError for a network that is not
    frozen.
    """
    if not all(norm.frozen for norm in network.norms):
        raise TrainingError("the network's statistics are not frozen yet; train it to its end")
    image = ops.parameter([1, -1, -1, 4], np.uint8, "image")
    image.output(0).tensor.set_names({"image"})
    painted = _Writer(network, ranges).write(image)
    painted.output(0).tensor.set_names({"painted"})
    return ov.Model([painted], [image], "livestyle")


def ranges_of(network: LiteNetwork, pictures: Tensor) -> dict[str, tuple[float, float]]:
    """What goes into the convolutions for these pictures [N, 3, H, W].

    Where features grow first it is what they grow to, which spans very little less.
    """
    met: dict[str, list[Tensor]] = {}
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            values = met.setdefault(name, [])
            hooks.append(
                module.register_forward_pre_hook(
                    lambda _, given, values=values: values.append(given[0].flatten())
                )
            )
    with torch.no_grad():
        network(pictures)
    for hook in hooks:
        hook.remove()
    return {name: _range(torch.cat(values)) for name, values in met.items()}


def _range(values: Tensor) -> tuple[float, float]:
    """Zero, and what but few values are between."""
    ordered = values[:: max(1, len(values) // 2**20)].sort().values
    outside = int(len(ordered) * _RARE)
    low, high = float(ordered[outside]), float(ordered[-1 - outside])
    return min(0.0, low), max(high, 1e-3)


def save_graph(model: ov.Model, path: Path) -> None:
    """Write path (.xml) and its .bin, under other names and then renamed."""
    fresh = path.with_name(f"{path.stem}-fresh.xml")
    ov.save_model(model, fresh, compress_to_fp16=True)
    fresh.with_suffix(".bin").replace(path.with_suffix(".bin"))
    fresh.replace(path)


class _Writer:
    """LiteNetwork.forward, in OpenVINO's operations."""

    def __init__(self, network: LiteNetwork, ranges: Ranges | None) -> None:
        self._network = network
        self._ranges = ranges and {**ranges, _PIXELS: (0.0, 255.0)}

    def write(self, image: ov.Node) -> ov.Node:
        half = ops.relu(self._to_half(image))
        quarter = ops.relu(self._conv_norm("to_quarter", half))
        x = ops.relu(self._conv_norm("to_eighth", quarter))
        x = self._residuals("at_eighth", x)
        x = ops.add(ops.relu(self._grown("from_eighth", x)), quarter)
        x = self._residuals("at_quarter", x)
        x = ops.add(ops.relu(self._grown("from_quarter", x)), half)
        last = self._network.to_picture
        assert last.bias is not None
        x = self._conv("to_picture", _inner(x), on_half(last.weight), last.bias.repeat(4), (1, 0))
        scale = [255.0, 255.0, 255.0, MOST_GAIN * GAIN] * 4
        x = ops.multiply(ops.sigmoid(x), np.array(scale, np.float32).reshape(1, -1, 1, 1))
        x = ops.convert(ops.add(x, np.float32(0.5)), "u8")  # which cuts off
        return ops.transpose(x, np.array([0, 2, 3, 1]))

    def _to_half(self, image: ov.Node) -> ov.Node:
        """On BGRX in 0..255, which are eight bits as they are.

        Two pixels side by side lie as one of eight channels; that two rows are one is in the
        kernel. So blocks need not be gathered.
        """
        around = np.array([0, BORDER, BORDER, 0])
        x = ops.pad(image, around, around, "edge")
        x = ops.reshape(x, np.array([0, 0, -1, 4 * BLOCK]), special_zero=True)
        x = ops.transpose(ops.convert(x, "f32"), np.array([0, 3, 1, 2]))
        weight, offset = self._folded("to_half")
        return self._conv(_PIXELS, x, _of_pairs(weight / 255), offset, (2, 1))

    def _residuals(self, name: str, x: ov.Node) -> ov.Node:
        for number in range(len(self._network.get_submodule(name))):  # type: ignore[arg-type]
            change = ops.relu(self._conv_norm(f"{name}.{number}.first", x))
            x = ops.add(x, self._conv_norm(f"{name}.{number}.second", change))
        return x

    def _conv_norm(self, name: str, x: ov.Node) -> ov.Node:
        conv = self._network.get_submodule(f"{name}.0")
        assert isinstance(conv, nn.Conv2d)
        return self._conv(f"{name}.0", x, *self._folded(name), (conv.stride[0], 1))

    def _grown(self, name: str, x: ov.Node) -> ov.Node:
        """The same on x at twice its size."""
        weight, offset = self._folded(name)
        made = self._conv(f"{name}.0", x, on_half(weight), offset.repeat(4), (1, 1))
        return ops.depth_to_space(made, "blocks_first", 2)

    def _folded(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of a convolution with its norm in it."""
        conv, norm = (self._network.get_submodule(f"{name}.{number}") for number in (0, 1))
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, Norm)
        gain, offset = norm.affine()
        return conv.weight * gain[:, None, None, None], offset

    def _conv(
        self, name: str, x: ov.Node, weight: Tensor, bias: Tensor, places: tuple[int, int]
    ) -> ov.Node:
        """places: stride, padding; for a kernel that is higher than wide, of what it is across."""
        high = weight.shape[2] // weight.shape[3]
        stride, padding = ([high * place, place] for place in places)
        kernel = weight.detach().float().cpu().numpy()
        if self._ranges is None:
            weights: ov.Node = ops.constant(kernel)
        else:
            x, weights = _in_8_bits(x, self._ranges[name]), _weights_in_8_bits(kernel)
        made = ops.convolution(x, weights, stride, padding, padding, [1, 1], name=name)
        return ops.add(made, bias.detach().float().cpu().numpy().reshape(1, -1, 1, 1))


def _in_8_bits(x: ov.Node, span: tuple[float, float]) -> ov.Node:
    low, high = span
    if low < 0:  # signed: zero has to be one of the levels
        most = max(-low, high)
        low, high = -most, most * 127 / 128
    ends = np.float32(low), np.float32(high)
    return ops.fake_quantize(x, *ends, *ends, 256)


def _weights_in_8_bits(kernel: NDArray[np.float32]) -> ov.Node:
    """Signed, with a scale for every output.

    The largest is 63 of 127: CPUs without VNNI add two products in 16 bits, which would not hold
    more.
    """
    scale = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True).clip(1e-9) / 63
    levels = np.round(kernel / scale).astype(np.int8)
    return ops.multiply(ops.convert(ops.constant(levels), np.float32), scale.astype(np.float32))


def _of_pairs(weight: Tensor) -> Tensor:
    """[out, (colour, row, column), k, k], on blocks in RGB, as [out, (column, BGRX), 2 k, k]."""
    out, _, side, _ = weight.shape
    parts = weight.reshape(out, 3, BLOCK, BLOCK, side, side).flip(1)
    parts = torch.cat([parts, torch.zeros_like(parts[:, :1])], 1)
    return parts.permute(0, 3, 1, 4, 2, 5).reshape(out, -1, BLOCK * side, side)


def _inner(x: ov.Node) -> ov.Node:
    """Without what is of the border, but for the place that the last convolution takes."""
    off = BORDER // 4 - 1
    return ops.slice(
        x, np.array([off] * 2), np.array([-off] * 2), np.array([1, 1]), np.array([2, 3])
    )


def on_half(weight: Tensor) -> Tensor:
    """Rewrite a 3x3 convolution on features at twice their size, bilinear, as one on the features.

    weight: [out, in, 3, 3]. Returns [4 * out, in, 3, 3]: the four output pixels one after the
    other, as DepthToSpace's blocks_first has them.

    No tensor of many channels is then at twice the size. A 3x3 window around pixel 2i or 2i+1
    covers the pixels 2i-1 .. 2i+2, each of them by bilinear interpolation a fixed mix of the
    features i-1, i, i+1. So for every output pixel the two linear steps are one 3x3 kernel; the sum
    below multiplies them out. It differs at the features' border alone, which is behind BORDER.
    """
    mix = torch.tensor([[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25], [0, 0.25, 0.75]])
    mix = torch.stack([mix[0:3], mix[1:4]])  # [output pixel, tap, neighbour]
    # o, c: channels; t, s: taps; p, q: output pixels; a, b: neighbours.
    made = torch.einsum("octs,pta,qsb->pqocab", weight.detach().float().cpu(), mix, mix)
    return made.reshape(-1, *weight.shape[1:])
