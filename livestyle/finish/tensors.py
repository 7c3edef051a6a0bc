"""The brightness of livestyle.finish.detail in PyTorch, where networks are trained."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from livestyle.finish.detail import (
    BLUR,
    EDGES_BLUR,
    GROUND,
    REACH,
    STRENGTH,
    TEXT,
    gains_of,
)
from livestyle.finish.planes import ONE


def add_detail(source: Tensor, styled: Tensor, amount: float) -> Tensor:
    """Brightness [N, 1, H, W] in 0..255, all three: what `Detail.add` makes, rounded as there.

    For even sizes 999 of 1000 pixels are within 2 of it; OpenCV is not exact where it enlarges, so
    that an edge of strong contrast can be further off. amount: 0 … 1. By `styled` it can be
    differentiated; that is not rounded then.
    """
    half = _whole(_blurred(_whole(_shrunk(source)), BLUR))
    low = _whole(_grown(half, source))
    edges = _whole(_shrunk(_whole(_shrunk((source - low).abs()))))
    level = _blurred(edges, EDGES_BLUR)
    weak, more, most = gains_of(amount)
    mask = _whole(_grown(_ramp(level, STRENGTH, most), source)) / ONE
    around = F.max_pool2d(level, REACH, 1, REACH // 2)
    text = _ramp(around, TEXT, most) / ONE
    soft = _whole(_blurred(_whole(_shrunk(_whole(_shrunk(styled)))), BLUR))
    coarse = _whole(_shrunk(half))
    ground = _whole(_grown(_whole(soft + (coarse - soft) * (GROUND + (1 - GROUND) * text)), source))
    fine = source - low
    there = ground - styled + more * fine
    return _whole((styled + mask * there + weak * fine).clamp(0, 255))


def _ramp(level: Tensor, ends: tuple[int, int], most: float) -> Tensor:
    """In parts of ONE."""
    low, high = ends
    return (((level - low) / (high - low)).clamp(0, 1) * (most * ONE) + 0.5).floor()


def _whole(x: Tensor) -> Tensor:
    """Rounded as OpenCV does, halves up."""
    return x if x.requires_grad else (x + 0.5).floor()


def _shrunk(x: Tensor) -> Tensor:
    height, width = x.shape[2:]
    if height % 2 or width % 2:
        return F.adaptive_avg_pool2d(x, (-(-height // 2), -(-width // 2)))
    return F.avg_pool2d(x, 2)


def _grown(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def _blurred(x: Tensor, sigma: float) -> Tensor:
    kernel = gaussian(sigma, x.device).to(x.dtype)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel)


@functools.lru_cache
def gaussian(sigma: float, device: torch.device) -> Tensor:
    """[1, 1, 5, 5], in parts of 256 as OpenCV's for uint8. Made once: a copy to the device would
    wait for it.
    """
    row = torch.exp(-torch.arange(-2.0, 3).square() / (2 * sigma**2))
    row = (row / row.sum() * 256).round()
    row[2] += 256 - row.sum()
    return torch.outer(row, row)[None, None].to(device) / 256**2
