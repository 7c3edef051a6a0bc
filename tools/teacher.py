"""The network that distill_lite learns from, in PyTorch: Magenta's for any style, on any device.

    pip install -e '.[any-style,train]'
    python tools/teacher.py teacher.safetensors --paintings paintings/*.jpg

What it computes is what livestyle/stylizers/transfer.py does, nothing of it rounded. The file has
the network and the styles of the paintings by their names; where it is used neither OpenVINO nor
the package that it comes from is needed.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
import written
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

SIZE = 640, 360
"""(width, height) inside, at which styles are."""
_EPSILON = 1e-5
_OF = "weight", "bias"


class Teacher:
    """Paints in one style."""

    def __init__(self, tensors: dict[str, Tensor], style: str, device: torch.device) -> None:
        """tensors: of the file. Raises KeyError for a style that is not in it."""
        values = {name: tensor.to(device) for name, tensor in tensors.items()}
        self._grain = values["grain"]
        self._layers: list[Layer] = []
        for number in range(sum(name.startswith("weight.") for name in values)):
            affine = [
                F.linear(values[f"style.{style}"], *(values[f"{kind}.{number}.{of}"] for of in _OF))
                for kind in ("scale", "shift")
                if f"{kind}.{number}.weight" in values
            ]
            weight, bias = (values[f"{of}.{number}"] for of in _OF)
            self._layers.append(Layer(weight, bias, *(numbers[0] for numbers in affine)))

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """uint8 RGB [N, 3, H, W] of SIZE -> the same."""
        x = pictures.float() / 255 + self._grain
        layers = iter(self._layers)
        for stride in (1, 2, 2):
            x = next(layers)(x, stride).relu_()
        for _ in range(5):
            before = x
            x = next(layers)(x).relu_()
            x = next(layers)(x) + before
        for _ in range(2):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = next(layers)(x).relu_()
        x = next(layers)(x).sigmoid_()
        return (x * 255).round_().to(torch.uint8)


class Layer(NamedTuple):
    """A convolution; with a scale and a shift, a style's, what comes of it is normalised."""

    weight: Tensor
    bias: Tensor
    scale: Tensor | None = None
    shift: Tensor | None = None

    def __call__(self, x: Tensor, stride: int = 1) -> Tensor:
        x = F.pad(x, (self.weight.shape[-1] // 2,) * 4, mode="reflect")
        x = F.conv2d(x, self.weight, self.bias, stride)
        if self.scale is None:
            return x
        return F.instance_norm(x, weight=self.scale, bias=self.shift, eps=_EPSILON)


def load_teacher(file: Path, style: str, device: torch.device) -> Teacher:
    """Of the file that this tool writes."""
    return Teacher(load_file(file), style, device)


def painting_digest(file: Path, style: str) -> str:
    """SHA-256 of the painting that a style of the file is of."""
    with safe_open(file, "pt") as opened:
        return str(opened.metadata()[style])


def main() -> None:
    from livestyle.stylizers.blend import Part
    from livestyle.stylizers.magenta import CONTRACT, EXPAND, RESIDUAL, predict_style, read_network
    from livestyle.stylizers.transfer import grain

    parser = argparse.ArgumentParser(description="Write what distill_lite learns from.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--paintings", type=Path, nargs="+", required=True, help="NAME.jpg")
    args = written.parse(parser, "file")
    network = read_network()
    tensors: dict[str, np.ndarray] = {"grain": grain(SIZE) / 255}
    for number, name in enumerate((*CONTRACT, *RESIDUAL, *EXPAND)):
        layer = network.layers[name]
        tensors |= {f"weight.{number}": layer.weights, f"bias.{number}": layer.bias}
        for kind, affines in (("scale", network.scales), ("shift", network.shifts)):
            if name in affines:
                tensors[f"{kind}.{number}.weight"] = affines[name].weights
                tensors[f"{kind}.{number}.bias"] = affines[name].bias
    for painting in args.paintings:
        tensors[f"style.{painting.stem}"] = predict_style([Part(painting, 1.0)])
    digests = {
        painting.stem: hashlib.sha256(painting.read_bytes()).hexdigest()
        for painting in args.paintings
    }
    args.file.write(save({name: torch.tensor(value) for name, value in tensors.items()}, digests))


if __name__ == "__main__":
    main()
