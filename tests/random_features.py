"""VGG16's first convolutions with random weights: their shapes, without the real ones' size."""

from __future__ import annotations

from pathlib import Path

import torch
from lite_losses import VGG_LAYERS
from safetensors.torch import save_file

CHANNELS = {"conv1": 64, "conv2": 128, "conv3": 256}


def write_features(path: Path) -> None:
    """In float32, and with a layer more than is used."""
    random, inputs, weights = torch.Generator().manual_seed(1), 3, {}
    for layer in VGG_LAYERS:
        outputs = CHANNELS[layer[:5]]
        weight = torch.randn(outputs, inputs, 3, 3, generator=random)
        weights[f"{layer}.weight"] = weight * (2 / (9 * inputs)) ** 0.5
        weights[f"{layer}.bias"] = torch.zeros(outputs)
        inputs = outputs
    save_file({**weights, "conv4_1.bias": torch.zeros(512)}, path)
