"""The network of the lite styles: a small U-shaped picture-to-picture network for two CPU cores.

All pictures here are float32 NCHW RGB in 0..1; height and width are multiples of 8.
"""

from __future__ import annotations

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


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")
