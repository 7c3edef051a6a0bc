"""What a lite style is trained to: the painting's style, the picture's content, stability in time.

Perceptual losses after Johnson et al. 2016 (arXiv:1603.08155), judged by the features of VGG16.
Pictures are float32 NCHW RGB in 0..1. Every loss but `variation`, `weave` and `stability` is
relative: 1 means that the error is as large as the thing compared, whatever the painting.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

STYLE_LAYERS = ("conv1_2", "conv2_2", "conv3_1", "conv3_3")
VGG_LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3")
POOLED = ("conv1_2", "conv2_2")
PLAIN = 1e-4
"""Mean square of the fine detail, 2.5 grey levels deep, that halves what `weave` counts."""
MARGIN = 6
"""Largest shift, in pixels, that the stability term asks for."""


class Vgg(nn.Module):
    """VGG16's first convolutions (Simonyan and Zisserman 2014, arXiv:1409.1556) in bfloat16."""

    def __init__(self, path: Path, device: torch.device) -> None:
        super().__init__()
        weights = load_file(path, str(device))
        self._weights = {
            name: (
                weights[f"{name}.weight"].bfloat16().to(memory_format=torch.channels_last),
                weights[f"{name}.bias"].bfloat16(),
            )
            for name in VGG_LAYERS
        }
        mean = torch.tensor([104.00699, 116.66877, 122.67892], device=device)
        self.mean = mean.reshape(1, 3, 1, 1)

    def forward(self, pictures: Tensor, last: str = VGG_LAYERS[-1]) -> dict[str, Tensor]:
        """[N, 3, H, W] -> the features after each ReLU, by layer name, down to `last`."""
        x = (pictures.flip(1) * 255 - self.mean).bfloat16()
        x = x.to(memory_format=torch.channels_last)
        features = {}
        for name, (weight, bias) in self._weights.items():
            x = F.conv2d(x, weight, bias, padding=1).relu_()
            features[name] = x
            if name == last:
                break
            if name in POOLED:
                x = F.max_pool2d(x, 2)
        return features


def gram(features: Tensor) -> Tensor:
    """[N, C, H, W] -> [N, C, C]: which features occur together (Gatys et al. 2015, 1508.06576)."""
    flat = features.permute(0, 2, 3, 1).flatten(1, 2)  # a view: channels are last in memory
    return (flat.transpose(1, 2) @ flat).float() / flat.shape[1]


def style_target(vgg: Vgg, painting: Tensor) -> dict[str, Tensor]:
    """What to match of a painting [1, 3, H, W]: Gram matrices by layer name, and its "palette"."""
    features = vgg(painting)
    grams = {name: gram(features[name]) for name in STYLE_LAYERS}
    return grams | {"palette": palette(painting)}


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


def tone(pictures: Tensor, styled: Tensor) -> Tensor:
    """1 - correlation of brightness in patches of 4x4 pixels: what was dark should stay darker."""
    before, after = (F.avg_pool2d(x.mean(1), 4).flatten(1) for x in (pictures, styled))
    before, after = (x - x.mean(1, keepdim=True) for x in (before, after))
    norms = (before.square().mean(1) * after.square().mean(1) + 1e-6).sqrt()
    return (1 - (before * after).mean(1) / norms).mean()


def two_views(
    crops: Tensor, random: torch.Generator, noisy: torch.Generator
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """The middle of the crops; that of the first half of them moved by (dy, dx), with noise.

    `random`, on the CPU, chooses the shift; `noisy`, where the crops are, makes the noise.
    """
    side = crops.shape[2] - 2 * MARGIN
    dy, dx = (int(torch.randint(-MARGIN, MARGIN + 1, (), generator=random)) for _ in range(2))
    middle = crops[:, :, MARGIN : MARGIN + side, MARGIN : MARGIN + side]
    first = crops[: (len(crops) + 1) // 2]
    moved = first[:, :, MARGIN + dy : MARGIN + dy + side, MARGIN + dx : MARGIN + dx + side]
    noise = torch.randn(moved.shape, generator=noisy, device=moved.device) * 0.02
    return middle, (moved + noise).clamp(0, 1), (dy, dx)


def instability(styled: Tensor, moved: Tensor, shift: tuple[int, int]) -> Tensor:
    """Mean squared difference where both views show the same thing, 8 pixels off the border."""
    edge = MARGIN + 8
    height, width = styled.shape[2:]
    dy, dx = shift
    here = styled[: len(moved), :, edge : height - edge, edge : width - edge]
    there = moved[:, :, edge - dy : height - edge - dy, edge - dx : width - edge - dx]
    return (here - there).square().mean()


def weave(pictures: Tensor, styled: Tensor) -> Tensor:
    """Mean square of the fine detail in places where the picture has none.

    All that such a network can fill a plain area with is one pattern again and again, which shows
    as a weave or a checkerboard.
    """
    # the border as much as the middle: it would put there what it may not put elsewhere
    margin = (8, 8, 8, 8)
    before, after = (
        F.avg_pool2d(F.pad(_detail(x), margin, mode="reflect"), 17, 8) for x in (pictures, styled)
    )
    return (after / (1 + before / PLAIN)).mean()


def _detail(pictures: Tensor) -> Tensor:
    """[N, 3, H, W] -> [N, 1, H, W]: mean square of what a blur over 9 pixels takes away."""
    padded = F.pad(pictures, (4, 4, 4, 4), mode="reflect")
    return (pictures - F.avg_pool2d(padded, 9, 1)).square().mean(1, keepdim=True)


def losses(
    vgg: Vgg, target: dict[str, Tensor], pictures: Tensor, styled: Tensor, layer: str
) -> dict[str, Tensor]:
    """The relative losses that look at one view alone, by the names of Weights."""
    with torch.no_grad():
        wanted = vgg(pictures, last=layer)[layer].float()
    features = vgg(styled)
    style = [_relative(gram(features[name]), target[name]) for name in STYLE_LAYERS]
    colours = palette(styled)
    wanted_colours = F.interpolate(target["palette"][None], colours.shape[1], mode="linear")[0]
    across = (styled[:, :, :, 1:] - styled[:, :, :, :-1]).abs().mean()
    down = (styled[:, :, 1:] - styled[:, :, :-1]).abs().mean()
    return {
        "style": torch.stack(style).mean(),
        "palette": (colours - wanted_colours).square().mean() / wanted_colours.var(1).mean(),
        "content": _relative(features[layer].float(), wanted),
        "tone": tone(pictures, styled),
        "variation": across + down,
        "weave": weave(pictures, styled),
    }


def _relative(value: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error (over the batch) as a share of the mean square of what is wanted."""
    return (value - wanted).square().mean() / wanted.square().mean()
