"""A trained network as what ships: OpenVINO's graph, its convolutions in eight bits.

On CPUs with VNNI these are four times as fast as in bfloat16 (2 cores, AVX512: the whole goes from
34 to 10 ms).
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
from livestyle.training.network import BORDER, HALF, MOST_GAIN, LiteNetwork, Norm

_RARE = 1e-4
"""Part of the values at each end that may lie outside of what eight bits span."""

Ranges = Mapping[str, tuple[float, float]]
"""Of what goes into the convolutions, by their names."""


def to_graph(network: LiteNetwork, ranges: Ranges | None) -> ov.Model:
    """image: float32 NCHW RGB in 0..1, of any size of multiples of 8; styled: the same.

    ranges: None leaves everything in float32. Raises TrainingError for a network that is not
    frozen.
    """
    if not all(norm.frozen for norm in network.norms):
        raise TrainingError("the network's statistics are not frozen yet; train it to its end")
    image = ops.parameter([1, 3, -1, -1], np.float32, "image")
    image.output(0).tensor.set_names({"image"})
    styled = _Writer(network, ranges).write(image)
    styled.output(0).tensor.set_names({"styled"})
    return ov.Model([styled], [image], "livestyle")


def ranges_of(network: LiteNetwork, pictures: Tensor) -> dict[str, tuple[float, float]]:
    """What goes into the convolutions for these pictures [N, 3, H, W]."""
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
        self._ranges = ranges

    def write(self, image: ov.Node) -> ov.Node:
        around = np.array([0, 0, BORDER, BORDER])
        half = ops.relu(self._conv_norm("to_half", ops.pad(image, around, around, "edge")))
        quarter = ops.relu(self._conv_norm("to_quarter", half))
        x = ops.relu(self._conv_norm("to_eighth", quarter))
        x = self._residuals("at_eighth", x)
        x = ops.add(ops.relu(self._conv_norm("from_eighth", _grown(x, 2))), quarter)
        x = self._residuals("at_quarter", x)
        x = ops.add(ops.relu(self._conv_norm("from_quarter", _grown(x, 2))), half)
        folded, features = fold(self._network.to_picture), _inner(x)
        assert folded.bias is not None
        base, gain = (  # two convolutions take less time than to part what one has made
            ops.depth_to_space(
                ops.sigmoid(
                    self._conv("to_picture", features, folded.weight[of], folded.bias[of], (1, 0))
                ),
                "depth_first",
                2,
            )
            for of in (slice(0, 12), slice(12, 16))
        )
        coarse = ops.avg_pool(image, [8, 8], [0, 0], [0, 0], [8, 8], exclude_pad=True)
        fine = ops.subtract(image, _grown(coarse, 8))
        own = ops.multiply(ops.multiply(gain, np.float32(MOST_GAIN)), fine)
        return ops.clamp(ops.add(base, own), 0.0, 1.0)

    def _residuals(self, name: str, x: ov.Node) -> ov.Node:
        for number in range(len(self._network.get_submodule(name))):  # type: ignore[arg-type]
            change = ops.relu(self._conv_norm(f"{name}.{number}.first", x))
            x = ops.add(x, self._conv_norm(f"{name}.{number}.second", change))
        return x

    def _conv_norm(self, name: str, x: ov.Node) -> ov.Node:
        conv, norm = (
            self._network.get_submodule(f"{name}.0"),
            self._network.get_submodule(f"{name}.1"),
        )
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, Norm)
        gain, offset = norm.affine()
        weight = conv.weight * gain[:, None, None, None]
        return self._conv(f"{name}.0", x, weight, offset, (conv.stride[0], 1))

    def _conv(
        self, name: str, x: ov.Node, weight: Tensor, bias: Tensor, places: tuple[int, int]
    ) -> ov.Node:
        """places: stride, padding."""
        stride, padding = places
        kernel = weight.detach().float().cpu().numpy()
        if self._ranges is None:
            weights: ov.Node = ops.constant(kernel)
        else:
            x, weights = _in_8_bits(x, self._ranges[name]), _weights_in_8_bits(kernel)
        pads = [padding, padding]
        made = ops.convolution(x, weights, [stride, stride], pads, pads, [1, 1], name=name)
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


def _grown(x: ov.Node, times: int) -> ov.Node:
    scales = np.array([times, times], np.float32)
    return ops.interpolate(
        x, scales, "linear_onnx", "scales", coordinate_transformation_mode="half_pixel",
        axes=np.array([2, 3]),
    )  # fmt: skip


def _inner(x: ov.Node) -> ov.Node:
    """Without what is of the border, but for the pixel that the last convolution takes."""
    off = BORDER // 2 - 1
    return ops.slice(
        x, np.array([off] * 2), np.array([-off] * 2), np.array([1, 1]), np.array([2, 3])
    )


def fold(conv: nn.Conv2d) -> nn.Conv2d:
    """Rewrite LiteNetwork.to_picture as a 3x3 convolution on half-resolution features.

    No tensor of many channels is then left at full resolution. A 3x3 window around full-resolution
    pixel 2i or 2i+1 covers the pixels 2i-1 .. 2i+2, each of them by bilinear interpolation a fixed
    mix of the half-resolution pixels i-1, i, i+1. So for every output phase the two linear steps
    are one 3x3 kernel; the sum below multiplies them out. Its outputs are for pixel_shuffle(2).
    """
    mix = torch.tensor([[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25], [0, 0.25, 0.75]])
    mix = torch.stack([mix[0:3], mix[1:4]])  # [output phase, tap, neighbour]
    # o, c: channels; t, s: taps; p, q: output phases; a, b: neighbours.
    weight = torch.einsum("octs,pta,qsb->opqcab", conv.weight.detach().cpu(), mix, mix)
    folded = nn.Conv2d(HALF, 16, 3)
    with torch.no_grad():
        folded.weight.copy_(weight.reshape(16, HALF, 3, 3))
        if conv.bias is not None and folded.bias is not None:
            folded.bias.copy_(conv.bias.cpu().repeat_interleave(4))
    return folded
