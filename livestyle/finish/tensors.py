"""The detail of livestyle.finish.detail in PyTorch: on a GPU, and where networks are trained."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from livestyle.finish.detail import BLUR, EDGES_BLUR, GAINS, GROUND, STRENGTH
from livestyle.finish.planes import ONE


def add_detail(source: Tensor, styled: Tensor, amount: float | Tensor) -> Tensor:
    """Brightness [N, 1, H, W] in 0..255, all three: what `Detail.add` does, to 2 for even sizes.

    amount: 0 … 1, a number or a tensor of one on their device. What is seen in the source is
    rounded as there; by `styled` it can be differentiated.
    """
    half = _whole(_blurred(_whole(_shrunk(source)), BLUR))
    low = _whole(_grown(half, source))
    edges = _whole(_shrunk(_whole(_shrunk((source - low).abs()))))
    weak, strong = STRENGTH
    share = (_whole(_blurred(edges, EDGES_BLUR)) - weak) / (strong - weak)
    share = (share.clamp(0, 1) * _most(amount) * ONE).floor()
    mask = _whole(_grown(share, source)) / ONE
    soft = _blurred(_shrunk(_shrunk(styled)), BLUR)
    ground = _grown(soft.lerp(_whole(_shrunk(half)), GROUND), source)
    k, g = (gain * amount for gain in GAINS)
    made = styled + mask * (ground - styled) + (k + (g - k) * mask) * (source - low)
    return made.clamp(0, 255)


def _most(amount: float | Tensor) -> float | Tensor:
    """Of what is fine and strong, that gives way."""
    if isinstance(amount, Tensor):
        return (1.25 * amount).clamp(max=1)
    return min(1.0, 1.25 * amount)


def _whole(x: Tensor) -> Tensor:
    """Rounded as OpenCV does, halves up."""
    return (x + 0.5).floor()


def _shrunk(x: Tensor) -> Tensor:
    height, width = x.shape[2:]
    if height % 2 or width % 2:
        return F.adaptive_avg_pool2d(x, (-(-height // 2), -(-width // 2)))
    return F.avg_pool2d(x, 2)


def _grown(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def _blurred(x: Tensor, sigma: float) -> Tensor:
    kernel = _gaussian(sigma, x.device).to(x.dtype)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel)


@functools.lru_cache
def _gaussian(sigma: float, device: torch.device) -> Tensor:
    """[1, 1, 5, 5], in parts of 256 as OpenCV's for uint8. Made once: a copy to the device would
    wait for it.
    """
    row = torch.exp(-torch.arange(-2.0, 3).square() / (2 * sigma**2))
    row = (row / row.sum() * 256).round()
    row[2] += 256 - row.sum()
    return torch.outer(row, row)[None, None].to(device) / 256**2
