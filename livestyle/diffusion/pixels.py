"""Between uint8 pictures and what networks take, as tensors on whatever device they are on."""

from __future__ import annotations

import torch
from torch import Tensor

from livestyle.frame import Size

# ITU-R BT.601, limited range, for R, G, B in 0 … 1: rows Y, U (Cb), V (Cr)
_YUV = [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]
_OFFSET = [16.0, 128.0, 128.0]


def resampling(source: int, target: int) -> Tensor:
    """[target, source]: the matrix that brings `source` samples to `target` samples.

    Every row adds up to 1. Shrinking takes means over areas, growing is bilinear between the
    samples' centres, as `livestyle.canvas.scale` does with OpenCV.
    """
    scale = source / target
    cells = torch.arange(source, dtype=torch.float64)
    if scale >= 1:
        edges = torch.arange(target + 1, dtype=torch.float64)[:, None] * scale
        shared = torch.minimum(edges[1:], cells + 1) - torch.maximum(edges[:-1], cells)
        return (shared.clamp(min=0) / scale).float()
    centres = (torch.arange(target, dtype=torch.float64)[:, None] + 0.5) * scale - 0.5
    return (1 - (centres.clamp(0, source - 1) - cells).abs()).clamp(min=0).float()


class Resize:
    """Brings pictures from one (width, height) to another."""

    def __init__(self, size: Size, target: Size, device: torch.device) -> None:
        self._across = self._down = None
        if size != target:
            self._across = resampling(size[0], target[0]).T.contiguous().to(device)
            self._down = resampling(size[1], target[1]).to(device)

    def __call__(self, planes: Tensor) -> Tensor:
        """float32 [3, H, W] -> float32 [3, h, w]; the same tensor where the sizes are equal."""
        if self._across is None or self._down is None:
            return planes
        return self._down @ planes @ self._across


def planes_of(bgra: Tensor) -> Tensor:
    """uint8 BGRA [H, W, 4] -> float32 RGB [3, H, W] in 0 … 255."""
    return bgra[:, :, :3].flip(2).permute(2, 0, 1).float()


def to_rgb(planes: Tensor) -> Tensor:
    """float32 RGB [3, H, W] in 0 … 255 -> uint8 [H, W, 3]."""
    return planes.round().to(torch.uint8).permute(1, 2, 0).contiguous()


class ToI420:
    """float32 RGB [3, H, W] in 0 … 255, H and W even -> uint8 I420 [H * 3 / 2, W].

    BT.601 limited range; a colour is the mean of its 2 x 2 pixels.
    """

    def __init__(self, device: torch.device) -> None:
        self._matrix = (torch.tensor(_YUV) / 255).to(device)
        self._offset = torch.tensor(_OFFSET)[:, None, None].to(device)

    def __call__(self, planes: Tensor) -> Tensor:
        height, width = planes.shape[1:]
        blocks = planes.reshape(3, height // 2, 2, width // 2, 2)
        brightness = torch.tensordot(self._matrix[:1], planes, 1) + self._offset[:1]
        colour = torch.tensordot(self._matrix[1:], blocks.mean((2, 4)), 1) + self._offset[1:]
        chroma = colour.reshape(height // 2, width)  # a chroma row is half as long as the picture's
        return torch.cat([brightness[0], chroma]).round().clamp(0, 255).to(torch.uint8)
