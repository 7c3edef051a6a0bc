"""The network of the lite styles: a small U-shaped picture-to-picture network for two CPU cores.

All pictures here are float32 NCHW RGB in 0..1; height and width are multiples of 8.
"""

from __future__ import annotations

from pathlib import Path

import openvino as ov
import torch
import torch.nn.functional as F
from torch import Tensor, nn

HALF, QUARTER, EIGHTH = 16, 32, 64
"""Channels at 1/2, 1/4 and 1/8 of the picture's resolution."""


class ConvNorm(nn.Sequential):
    """3x3 convolution and instance normalisation (Ulyanov et al. 2016, arXiv:1607.08022).

    The large eps keeps a nearly black picture from being blown up to full contrast, noise and all.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False, padding_mode="reflect"),
            nn.InstanceNorm2d(outputs, eps=1e-3, affine=True),
        )


class Residual(nn.Module):
    """The residual block of Johnson et al. 2016 (arXiv:1603.08155), nothing after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels)
        self.second = ConvNorm(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.second(F.relu(self.first(x)))
        return x + change


class LiteNetwork(nn.Module):
    """Three strides down to 1/8, four residual blocks there and two at 1/4, and up again.

    Most of the work is done at low resolution, where a stroke of the brush is a few pixels and
    memory traffic is small. The last convolution sees the picture itself beside the features, so
    outlines keep the sharpness that features at half resolution cannot carry.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_half = ConvNorm(3, HALF, stride=2)
        self.to_quarter = ConvNorm(HALF, QUARTER, stride=2)
        self.to_eighth = ConvNorm(QUARTER, EIGHTH, stride=2)
        self.at_eighth = nn.Sequential(*(Residual(EIGHTH) for _ in range(4)))
        self.from_eighth = ConvNorm(EIGHTH, QUARTER)
        self.at_quarter = nn.Sequential(*(Residual(QUARTER) for _ in range(2)))
        self.from_quarter = ConvNorm(QUARTER, HALF)
        self.to_picture = nn.Conv2d(HALF + 3, 3, 3)

    def features(self, picture: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, HALF, H/2, W/2]."""
        half = F.relu(self.to_half(picture))
        quarter = F.relu(self.to_quarter(half))
        x = self.at_eighth(F.relu(self.to_eighth(quarter)))
        x = self.at_quarter(F.relu(self.from_eighth(_doubled(x))) + quarter)
        return F.relu(self.from_quarter(_doubled(x))) + half

    def forward(self, picture: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, 3, H, W], the restyled picture."""
        features = _doubled(self.features(picture))
        features = F.pad(features, (1, 1, 1, 1), mode="replicate")
        beside = F.pad(picture, (1, 1, 1, 1), mode="reflect").to(features.dtype)
        return torch.sigmoid(self.to_picture(torch.cat([features, beside], dim=1)))


class FoldedNetwork(nn.Module):
    """A trained LiteNetwork with its last convolution done at half resolution: same result, faster.

    No tensor of many channels is left at full resolution (640x360: 40 ms become 20 ms in float32).
    """

    def __init__(self, network: LiteNetwork) -> None:
        super().__init__()
        self.network = network
        self.to_picture = fold(network.to_picture)

    def forward(self, picture: Tensor) -> Tensor:
        parts = [self.network.features(picture), F.pixel_unshuffle(picture, 2)]
        return torch.sigmoid(F.pixel_shuffle(self.to_picture(torch.cat(parts, dim=1)), 2))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")


def fold(conv: nn.Conv2d) -> nn.Conv2d:
    """Rewrite LiteNetwork.to_picture as a 3x3 convolution on half-resolution inputs.

    A 3x3 window around full-resolution pixel 2i or 2i+1 covers the pixels 2i-1 .. 2i+2. Each of
    these four is a fixed mix of the half-resolution pixels i-1, i, i+1: of features by bilinear
    interpolation, of the picture by lying in one of two phases of pixel_unshuffle. So for every
    output phase the two linear steps are one 3x3 kernel; the sums below multiply them out.
    """
    mix = torch.tensor([[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25], [0, 0.25, 0.75]])
    pick = torch.zeros(4, 3, 2)  # of pixels 2i-1 .. 2i+2: half-resolution neighbour, phase
    pick[[0, 1, 2, 3], [0, 1, 1, 2], [1, 0, 1, 0]] = 1
    mix = torch.stack([mix[0:3], mix[1:4]])  # [output phase, tap, neighbour]
    pick = torch.stack([pick[0:3], pick[1:4]])
    weight = conv.weight.detach()
    features, picture = weight[:, :-3], weight[:, -3:]
    # o, c: channels; t, s: taps; p, q: output phases; u, v: input phases; a, b: neighbours.
    features = torch.einsum("octs,pta,qsb->opqcab", features, mix, mix)
    picture = torch.einsum("octs,ptau,qsbv->opqcuvab", picture, pick, pick)
    folded = nn.Conv2d(features.shape[3] + 12, 12, 3, padding=1, padding_mode="replicate")
    with torch.no_grad():
        folded.weight[:, :-12] = features.reshape(12, -1, 3, 3)
        folded.weight[:, -12:] = picture.reshape(12, 12, 3, 3)
        if conv.bias is not None and folded.bias is not None:
            folded.bias.copy_(conv.bias.repeat_interleave(4))
    return folded


def unfold(folded: Tensor, channels: int) -> Tensor:
    """The weight [3, channels, 3, 3] that `fold` made into this one, by least squares."""
    conv = nn.Conv2d(channels, 3, 3, bias=False)
    columns = []
    for unit in torch.eye(channels * 9).reshape(-1, 1, channels, 3, 3):
        conv.weight.data = unit.expand(3, -1, -1, -1)
        columns.append(fold(conv).weight.detach()[:4].flatten())  # the first of three channels
    rows = folded.reshape(3, -1).T
    solution: Tensor = torch.linalg.lstsq(torch.stack(columns, 1), rows).solution
    return solution.T.reshape(3, channels, 3, 3)


def load_exported(network: LiteNetwork, path: Path) -> None:
    """Take the weights out of OpenVINO IR that `export` wrote."""
    model = ov.Core().read_model(path)
    constants = {
        op.get_friendly_name().removesuffix("_compressed"): torch.tensor(
            op.data, dtype=torch.float32
        )
        for op in model.get_ops()
        if op.get_type_name() == "Constant" and op.get_element_type().is_real()
    }
    weights = {
        name.removeprefix("self.network."): weight
        for name, weight in constants.items()
        if name.startswith("self.network.")
    }
    norms = {"weight": "Reshape", "bias": "Reshape_1"}
    for name, module in network.named_modules():
        if isinstance(module, nn.InstanceNorm2d):
            place = f"__module.network.{name}/aten::instance_norm/"
            weights |= {f"{name}.{of}": constants[place + at].flatten() for of, at in norms.items()}
    weights["to_picture.weight"] = unfold(constants["self.to_picture.weight"], HALF + 3)
    weights["to_picture.bias"] = constants[
        "__module.to_picture/aten::_convolution/Reshape"
    ].flatten()[::4]
    network.load_state_dict(weights)


def export(network: LiteNetwork, path: Path) -> None:
    """Write OpenVINO IR (path and its .bin, half-precision weights) that takes any picture size."""
    example = torch.rand(1, 3, 64, 96)
    folded = FoldedNetwork(network.float().eval())
    difference = (folded(example) - network(example)).abs().max().item()
    if difference > 1e-4:
        raise RuntimeError(f"the folded network differs by {difference:.6f} from the trained one")
    model = ov.convert_model(folded, example_input=example)
    model.reshape({0: ov.PartialShape([1, 3, -1, -1])})
    model.input(0).tensor.set_names({"image"})
    model.output(0).tensor.set_names({"styled"})
    _save(model, path)


def _save(model: ov.Model, path: Path) -> None:
    """Save beside the target and rename, so that no reader ever meets half a file."""
    fresh = path.with_name(f"{path.stem}-fresh.xml")
    ov.save_model(model, fresh, compress_to_fp16=True)
    fresh.with_suffix(".bin").replace(path.with_suffix(".bin"))
    fresh.replace(path)
