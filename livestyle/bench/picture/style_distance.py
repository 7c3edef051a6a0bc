"""How far a picture is from a painting's style, by the features of VGG16."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livestyle.errors import ConfigError, MissingPackage
from livestyle.still import read_still

if TYPE_CHECKING:
    from torch import Tensor

    from livestyle.frame import Pixels

_WIDTH = 640  # px of both, as the networks are trained
_LAYERS = ("conv1_2", "conv2_2", "conv3_1")
_DIRECTIONS = 32  # of each layer's space


@dataclass(frozen=True)
class Painting:
    """file: the painting."""

    file: str

    def open(self) -> Callable[[Pixels], float]:
        """What gives a picture's distance, RGB (H, W, 3). Raises ConfigError, MissingPackage."""
        try:
            painted = read_still(Path(self.file))
        except ValueError as error:
            raise ConfigError(
                f"--painting {self.file!r} can't be read as a picture: {error}; name another"
            ) from error
        try:
            import torch

            from livestyle.training.features import Features
        except ModuleNotFoundError as missing:
            raise MissingPackage(missing.name or "torch", "train") from missing
        vgg = Features(torch.device("cpu"))

        def features(picture: Pixels) -> Mapping[str, Tensor]:
            height = round(_WIDTH * picture.shape[0] / picture.shape[1])
            small = cv2.resize(picture, (_WIDTH, height), interpolation=cv2.INTER_AREA)
            planes = torch.from_numpy(small.astype(np.float32) / 255).permute(2, 0, 1)
            with torch.no_grad():
                found: Mapping[str, Tensor] = vgg(planes[None])
            return found

        painting = features(painted)
        return lambda picture: style_distance(features(picture), painting)


def style_distance(picture: Mapping[str, Tensor], painting: Mapping[str, Tensor]) -> float:
    """Sliced Wasserstein distance of the features (Heitz et al. 2021, arXiv:2006.07229), mean over
    the layers: 0 where both have the same features, wherever they are; about 1 where they differ by
    as much as the painting's do among each other.

    Both are [1, C, H, W] by layer name, of any H and W.
    """
    import torch
    import torch.nn.functional as F

    random = torch.Generator().manual_seed(1)
    distances = []
    for layer in _LAYERS:
        channels = painting[layer].shape[1]
        directions = torch.randn(_DIRECTIONS, channels, generator=random)
        directions /= directions.norm(dim=1, keepdim=True)
        there, wanted = (
            (directions @ features[layer][0].flatten(1).float()).sort(dim=1).values
            for features in (picture, painting)
        )
        wanted = F.interpolate(wanted[None], there.shape[1], mode="linear")[0]
        distances.append((there - wanted).square().mean() / wanted.var(dim=1).mean())
    return float(torch.stack(distances).mean())
