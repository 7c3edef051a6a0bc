"""The network of the lite styles: a small U-shaped picture-to-picture network for two CPU cores."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from livestyle.stylizers.head import BLOCK, COARSE

HALF, QUARTER, EIGHTH = 16, 32, 64
"""Channels at 1/2, 1/4 and 1/8 of the size inside."""
MOST_GAIN = 1.5
"""Of the picture's own detail."""
BORDER = 16
"""Pixels around the picture that the network sees as its outermost ones go on; convolutions see
zeros beyond, and would draw a frame."""


class Norm(nn.Module):
    """Normalises by each picture's own statistics until it is frozen, then by usual ones.

    Instance normalisation (Ulyanov et al. 2016, arXiv:1607.08022) learns a style best; but its
    statistics are of the whole picture: whatever moves anywhere changes every pixel a little, and
    a graph with it can't be quantized. The large eps keeps a nearly black picture from being blown
    up to full contrast, noise and all.
    """

    EPS = 1e-3

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.frozen = False

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, H, W] -> the same shape."""
        if self.frozen:
            gain, offset = self.affine()
            return x * gain.to(x.dtype).reshape(-1, 1, 1) + offset.to(x.dtype).reshape(-1, 1, 1)
        return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.EPS)

    def freeze(self, x: Tensor) -> None:
        """Normalise by the statistics of this batch from now on."""
        variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3))
        self.mean.copy_(mean)
        self.variance.copy_(variance)
        self.frozen = True

    def affine(self) -> tuple[Tensor, Tensor]:
        """What it multiplies by and adds once it is frozen, [channels] each."""
        gain = self.weight * (self.variance + self.EPS).rsqrt()
        return gain, self.bias - self.mean * gain


class ConvNorm(nn.Sequential):
    """3x3 convolution and normalisation."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), Norm(outputs))


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
    """The picture's own pixels, in blocks of 2 x 2; three strides down to 1/8 of the size inside,
    four residual blocks there and two at 1/4, and up again.

    Most of the work is done at low resolution, where a stroke of the brush is a few pixels and
    memory traffic is small. What comes out is, at the size inside, a base and a gain of the
    picture's own detail that is added to it: outlines and letters keep the sharpness that features
    cannot carry. Height and width of the picture are multiples of 16.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_half = ConvNorm(3 * BLOCK**2, HALF, stride=2)
        self.to_quarter = ConvNorm(HALF, QUARTER, stride=2)
        self.to_eighth = ConvNorm(QUARTER, EIGHTH, stride=2)
        self.at_eighth = nn.Sequential(*(Residual(EIGHTH) for _ in range(4)))
        self.from_eighth = ConvNorm(EIGHTH, QUARTER)
        self.at_quarter = nn.Sequential(*(Residual(QUARTER) for _ in range(2)))
        self.from_quarter = ConvNorm(QUARTER, HALF)
        self.to_picture = nn.Conv2d(HALF, 4, 3)

    def features(self, picture: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, HALF, H/4, W/4]."""
        half = F.relu(self.to_half(F.pixel_unshuffle(picture, BLOCK)))
        quarter = F.relu(self.to_quarter(half))
        x = self.at_eighth(F.relu(self.to_eighth(quarter)))
        x = self.at_quarter(F.relu(self.from_eighth(_doubled(x))) + quarter)
        return F.relu(self.from_quarter(_doubled(x))) + half

    def forward(self, picture: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, 3, H, W], the restyled picture, float32."""
        features = _doubled(self.features(F.pad(picture, (BORDER,) * 4, mode="replicate")))
        off = BORDER // BLOCK - 1  # the last convolution takes one
        features = features[:, :, off:-off, off:-off]
        made = _doubled(torch.sigmoid(self.to_picture(features).float()))
        return (made[:, :3] + MOST_GAIN * made[:, 3:] * detail(picture)).clamp(0, 1)

    @property
    def norms(self) -> list[Norm]:
        """In the order in which they compute."""
        return [module for module in self.modules() if isinstance(module, Norm)]

    @torch.no_grad()
    def freeze(self, pictures: Tensor) -> None:
        """Normalise by usual statistics from now on: each norm by what it meets in these pictures
        [N, 3, H, W] when all before it are frozen.
        """
        hooks = [
            norm.register_forward_pre_hook(lambda norm, given: norm.freeze(given[0]))
            for norm in self.norms
        ]
        self.features(pictures)
        for hook in hooks:
            hook.remove()


def detail(picture: Tensor) -> Tensor:
    """[N, 3, H, W] -> [N, 1, H, W]: brightness that a picture shrunk to 1/16 does not show."""
    y = brightness(picture)
    coarse = F.avg_pool2d(y, BLOCK * COARSE)
    return y - F.interpolate(coarse, scale_factor=float(BLOCK * COARSE), mode="bilinear")


def brightness(picture: Tensor) -> Tensor:
    """[N, 3, H, W] -> [N, 1, H, W], BT.601."""
    red, green, blue = picture[:, :1], picture[:, 1:2], picture[:, 2:]
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")
