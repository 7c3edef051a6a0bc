"""Training: of one style, from where it is to its end, saved as it goes."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from livestyle.errors import ConfigError
from livestyle.places import is_there
from livestyle.training.checkpoint import Checkpoint, load_checkpoint
from livestyle.training.network import LiteNetwork
from livestyle.training.pictures import Crops, read_painting
from livestyle.training.record import Record
from livestyle.training.trainer import Course, Reached, Trainer

MEASURED = 16  # crops, for what eight bits have to span


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is to be learned. painting_width: px that it is scaled to, which is the scale of its
    strokes. folders: RGB pictures to learn from. shown: pictures for the sheet.
    """

    name: str
    painting: Path
    painting_width: int
    folders: Sequence[Sequence[np.ndarray]]
    shown: Sequence[np.ndarray] = ()


class Training:
    """Goes on where `path`, its checkpoint, was left; else begins with another checkpoint."""

    def __init__(
        self,
        subject: Subject,
        course: Course,
        path: Path,
        begin: Path | None,
        device: torch.device,
    ) -> None:
        """begin: the other checkpoint; None: a network that knows nothing.

        Raises ConfigError where `path` is of another painting, PictureError, ModelError.
        """
        torch.manual_seed(course.seed)
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # every step has the same shapes
        self.name, painting = subject.name, subject.painting
        goes_on = is_there(path)
        begun = _begun(path if goes_on else begin)
        self._network = begun.network().to(device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        seed = course.seed + begun.reached.iteration * goes_on
        self._crops = Crops(subject.folders, course.source_side, seed, device)
        target = read_painting(painting, subject.painting_width).to(device)
        digest = hashlib.sha256(painting.read_bytes()).hexdigest()
        if goes_on and begun.stages[-1].get("painting_sha256") != digest:
            raise ConfigError(
                f"{str(path)!r} is the training of another picture than {str(painting)!r}; choose "
                "another name"
            )
        self._stages = begun.stages if goes_on else [*begun.stages, self._stage(course, device)]
        told = {"painting_width": subject.painting_width, "painting_sha256": digest}
        self._stages[-1] |= told
        reached = begun.reached if goes_on else Reached()
        self.trainer = Trainer(self._network, target, course, reached)
        if goes_on:
            self.trainer.restore(begun.adam)
        self.record = Record(path, self.trainer, self._network, self._stages, subject.shown)

    def run(self) -> Iterator[Reached]:
        """Train; after each iteration tell how far it is. Nothing waits for the device."""
        for parts in self.trainer.run(self._crops):
            self.record.add(parts)
            yield self.trainer.reached

    def style(self) -> tuple[LiteNetwork, Tensor, list[dict[str, Any]]]:
        """What a style is made of, see `export_style`: the network, on the CPU from now on, some
        pictures that it learned from, its stages.
        """
        crops = self._crops.batch(MEASURED).pictures
        return self._network.cpu().float().eval(), crops.cpu(), self._stages

    def _stage(self, course: Course, device: torch.device) -> dict[str, Any]:
        """What the card says about this training before it has begun."""
        told = dataclasses.asdict(course)
        weights = told.pop("weights")
        del told["iterations"], told["seconds"]
        return {
            "style": self.name,
            "date": datetime.date.today().isoformat(),
            "machine": machine(device),
            "pictures": self._crops.count,
            **told,
            **{f"{name}_weight": value for name, value in weights.items()},
        }


def _begun(path: Path | None) -> Checkpoint:
    return Checkpoint(LiteNetwork().state_dict(), []) if path is None else load_checkpoint(path)


def machine(device: torch.device) -> str:
    """What trains, in words."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name()}, bfloat16"
    return f"{platform.machine()}, {torch.get_num_threads()} threads, features in bfloat16"
