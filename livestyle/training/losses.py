"""What a network is trained to: the painting's style, the picture's content, text, stability.

Every loss but `variation`, `weave` and `stability` is relative: 1 means that the error is as large
as what it is compared with, whatever the painting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from livestyle.training.features import Features

_CLOUDS = (("conv1_2",), ("conv1_2", "conv2_2"), ("conv2_2", "conv3_1"))
"""Layers whose features are compared together, the finer one first."""
_SAMPLES, _DIRECTIONS = 2048, 96
_PLAIN = 1e-4
"""Mean square of the fine detail, 2.5 grey levels deep, that halves what `weave` counts."""

Clouds = Mapping[tuple[str, ...], Tensor]


def clouds(
    features: Mapping[str, Tensor], random: torch.Generator, count: int = _SAMPLES
) -> dict[tuple[str, ...], Tensor]:
    """Features of places chosen at random in all of a batch: [count, channels] by their layers.

    Of two layers both are taken at the same place: what is compared is which fine features occur
    with which coarse ones (the cross-layer term of ImagineNet, Fišer et al., CHI 2020).
    """
    return {
        layers: _cloud([features[name] for name in layers], random, count) for layers in _CLOUDS
    }


def _cloud(layers: Sequence[Tensor], random: torch.Generator, count: int) -> Tensor:
    pictures, _, height, width = layers[-1].shape
    which, down, across = (
        torch.randint(most, (count,), generator=random, device=random.device)
        for most in (pictures, height, width)
    )
    points = [layers[-1][which, :, down, across]]
    for finer in layers[:-1]:
        points.insert(0, finer[which, :, down * 2, across * 2])
    return torch.cat(points, 1).float()


def style(cloud: Clouds, wanted: Clouds, random: torch.Generator) -> Tensor:
    """Sliced Wasserstein distance of the clouds (Heitz et al., CVPR 2021, arXiv:2006.07229).

    Directions are drawn anew at each call. Each layer counts as much as another.
    """
    distances = []
    for layers, points in cloud.items():
        there = wanted[layers]
        spread = there.std(0, keepdim=True).mean()
        ways = torch.randn((points.shape[1], _DIRECTIONS), generator=random, device=random.device)
        ways = ways / (ways.norm(dim=0, keepdim=True) * spread)
        made, painted = ((some @ ways).sort(dim=0).values for some in (points, there))
        distances.append((made - painted).square().mean() / painted.var(0).mean().clamp(min=1e-6))
    return torch.stack(distances).mean()


def palette(pictures: Tensor) -> Tensor:
    """[N, 3, H, W] -> [7, patches]: brightness in seven directions of colour space, each sorted.

    Comparing these is the sliced Wasserstein distance of two clouds of colours (Rabin et al. 2011).
    A colour is that of a patch of 4x4 pixels: the palette has to be met in areas, not in fringes.
    """
    patches = F.avg_pool2d(pictures, 4).transpose(0, 1).flatten(1)
    return (_directions(patches.device) @ patches).sort(dim=1).values


@lru_cache
def _directions(device: torch.device) -> Tensor:
    """[7, 3], of length 1. Made once: a copy to the device at each step would wait for it."""
    mixed = torch.tensor([[1.0, 1, 1], [1, 0, -1], [1, -1, 0], [0, 1, -1]])
    return torch.cat([torch.eye(3), mixed / mixed.norm(dim=1, keepdim=True)]).to(device)


@lru_cache
def _opponents(device: torch.device) -> Tensor:
    """[3, 3]: brightness, blue against yellow, red against green."""
    return torch.tensor([[1 / 3, 1 / 3, 1 / 3], [-0.5, -0.5, 1], [1, -1, 0]], device=device)


def palette_distance(pictures: Tensor, wanted: Tensor) -> Tensor:
    """wanted: the painting's `palette`."""
    colours = palette(pictures)
    there = F.interpolate(wanted[None], colours.shape[1], mode="linear")[0]
    return (colours - there).square().mean() / there.var(1).mean()


def content(features: Tensor, wanted: Tensor) -> Tensor:
    """Of one layer, [N, C, H, W] each (Johnson et al. 2016, arXiv:1603.08155)."""
    return (features.float() - wanted.float()).square().mean() / wanted.float().square().mean()


def tone(pictures: Tensor, styled: Tensor) -> Tensor:
    """How little colour in patches of 4x4 pixels, anywhere in the batch, follows the pictures'.

    1 - correlation, of brightness and of blue against yellow and red against green, these half as
    much together: what was dark should stay darker, and what was bluer bluer, as far as the
    painting has both.
    """
    ways = _opponents(pictures.device)
    before, after = (
        ways @ F.avg_pool2d(x, 4).transpose(0, 1).flatten(1) for x in (pictures, styled)
    )
    before, after = (x - x.mean(1, keepdim=True) for x in (before, after))
    norms = (before.square().mean(1) * after.square().mean(1) + 1e-7).sqrt()
    apart = 1 - (before * after).mean(1) / norms
    return apart[0] * 2 / 3 + apart[1:].mean() / 3


def legibility(pictures: Tensor, finished: Tensor, text: Tensor) -> Tensor:
    """How far the edges of brightness are from the source's where there is text.

    text: [N, 1, H, W], 1 on panels of text, else 0. The share of what the source's edges sum to.
    """
    errors, edges = [], []
    for dim in (2, 3):
        here = text.narrow(dim, 1, text.shape[dim] - 1)
        before, after = (x.mean(1, keepdim=True).diff(dim=dim) for x in (pictures, finished))
        errors.append(((after - before).abs() * here).sum())
        edges.append((before.abs() * here).sum())
    return torch.stack(errors).sum() / (torch.stack(edges).sum() + 1.0)


def weave(pictures: Tensor, styled: Tensor) -> Tensor:
    """Mean square of the fine detail in places where the picture has none.

    All that such a network can fill a plain area with is one pattern again and again, which shows
    as a weave or a checkerboard.
    """
    # the border as much as the middle: it would put there what it may not put elsewhere
    margin = (8, 8, 8, 8)
    before, after = (
        F.avg_pool2d(F.pad(_fine(x), margin, mode="reflect"), 17, 8) for x in (pictures, styled)
    )
    return (after / (1 + before / _PLAIN)).mean()


def _fine(pictures: Tensor) -> Tensor:
    """[N, 3, H, W] -> [N, 1, H, W]: mean square of what a blur over 9 pixels takes away."""
    padded = F.pad(pictures, (4, 4, 4, 4), mode="reflect")
    return (pictures - F.avg_pool2d(padded, 9, 1)).square().mean(1, keepdim=True)


def variation(styled: Tensor) -> Tensor:
    """Mean absolute difference of neighbours."""
    return styled.diff(dim=3).abs().mean() + styled.diff(dim=2).abs().mean()


def instability(styled: Tensor, moved: Tensor, shift: tuple[int, int], edge: int) -> Tensor:
    """Mean squared difference where both views show the same thing, `edge` off the border.

    moved: of what lies `shift` (down, across) further, at most `edge`.
    """
    height, width = styled.shape[2:]
    dy, dx = shift
    here = styled[: len(moved), :, edge : height - edge, edge : width - edge]
    there = moved[:, :, edge - dy : height - edge - dy, edge - dx : width - edge - dx]
    return (here - there).square().mean()


class Target:
    """What to match of a painting, [1, 3, H, W]: its features at two scales, and its palette."""

    def __init__(self, features: Features, painting: Tensor) -> None:
        self.scales = [features(painting), features(F.avg_pool2d(painting, 2))]
        self.palette = palette(painting)
