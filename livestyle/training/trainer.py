"""Trainer: brings a network to a painting's style, iteration by iteration."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from livestyle.finish.tensors import add_detail
from livestyle.stylizers.head import BLOCK
from livestyle.training import losses
from livestyle.training.features import Features
from livestyle.training.network import BORDER, LiteNetwork, brightness
from livestyle.training.pictures import Batch, Crops

MARGIN = 16
"""Largest shift, in pixels, that the stability term asks for."""
DETAIL = 0.4
"""Less than of other styles: a network has learned to leave letters and outlines sharp."""
_CONTENT = "conv3_1"
_USUAL = 64  # crops, whose statistics are the usual ones


@dataclass(frozen=True)
class Weights:
    """What each loss counts. style, content and stability are the ones to steer with."""

    style: float = 10.0
    palette: float = 1.0
    content: float = 1.0
    tone: float = 1.5
    legibility: float = 0.5
    stability: float = 60.0
    variation: float = 0.3
    weave: float = 300.0


@dataclass(frozen=True)
class Course:
    """How to train. It ends with its iterations or seconds, whichever is first.

    side: of the crops at the size inside, a multiple of 8. freeze_at: after that part of the course
    the statistics are frozen. detail: of the finish, in training and of the style.
    """

    weights: Weights = Weights()
    iterations: int = 8000
    seconds: float = 36000.0
    side: int = 128
    batch: int = 4
    learning_rate: float = 1e-3
    freeze_at: float = 0.65
    detail: float = DETAIL
    seed: int = 1

    @property
    def source_side(self) -> int:
        """Of the crops that it takes, in pixels."""
        return BLOCK * self.side + 2 * MARGIN


class Reached(NamedTuple):
    """How far a training is."""

    iteration: int = 0
    seconds: float = 0.0


class Trainer:
    """Trains in place. `reached` and `adam` are what goes on in another process."""

    def __init__(
        self,
        network: LiteNetwork,
        painting: Tensor,
        course: Course,
        reached: Reached = Reached(),  # noqa: B008  (it can't change)
    ) -> None:
        """painting: [1, 3, H, W], on the network's device, as wide as its strokes should be."""
        self._network, self.course, self.reached = network, course, reached
        self._device = painting.device
        self._features = Features(self._device)
        with torch.no_grad():
            self._target = losses.Target(self._features, painting)
        on_gpu = self._device.type == "cuda"
        self.adam = torch.optim.Adam(network.parameters(), lr=course.learning_rate, fused=on_gpu)
        seed = course.seed + reached.iteration
        self._chance = torch.Generator().manual_seed(seed)
        self._noise = torch.Generator(self._device).manual_seed(seed)

    def restore(self, moments: Mapping[int, Mapping[str, Tensor]]) -> None:
        """Let the optimizer go on as a checkpoint has it."""
        state = self.adam.state_dict()
        state["state"] = {place: dict(moment) for place, moment in moments.items()}
        self.adam.load_state_dict(state)

    def run(self, crops: Crops) -> Iterator[dict[str, Tensor]]:
        """After each iteration yield its losses by name; on the device, which is not waited for."""
        course = self.course
        before, began = self.reached, time.monotonic()
        for iteration in range(before.iteration + 1, course.iterations + 1):
            seconds = before.seconds + time.monotonic() - began
            progress = max(iteration / course.iterations, seconds / course.seconds)
            if progress > 1:
                return
            if progress >= course.freeze_at and not self._network.norms[0].frozen:
                self._network.freeze(crops.batch(_USUAL).pictures)
            rate = min(1, (iteration - before.iteration) / 50) * (0.02 + 0.98 * (1 - progress))
            self.adam.param_groups[0]["lr"] = course.learning_rate * rate
            parts = self._step(crops.batch(course.batch))
            self.reached = Reached(iteration, seconds)
            yield parts

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        source, moved, shift = self._two_views(batch.pictures)
        text = _middle(batch.text, self._side)
        seen = torch.cat([source, moved]).to(memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            both = self._network(seen)
        styled, again = both.float().split([len(source), len(moved)])
        parts = self._losses(source, styled, text)
        parts["stability"] = losses.instability(styled, again, shift, MARGIN + BORDER)
        weights = asdict(self.course.weights)
        self.adam.zero_grad()
        torch.stack([weights[name] * loss for name, loss in parts.items()]).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 10)
        self.adam.step()
        return {name: loss.detach() for name, loss in parts.items()}

    @property
    def _side(self) -> int:
        return BLOCK * self.course.side

    def _losses(self, source: Tensor, styled: Tensor, text: Tensor) -> dict[str, Tensor]:
        """Of what is shown, at the size inside, where the style is; text at the source's."""
        shown = finished(source, styled, self.course.detail)
        small, painted, seen = map(_inside, (source, styled, shown))
        with torch.no_grad():
            wanted = self._features(small)[_CONTENT]
        features = self._features(seen)
        scales = [features, self._features(F.avg_pool2d(seen, 2))]
        style = [
            losses.style(
                losses.clouds(made, self._noise), losses.clouds(painted, self._noise), self._noise
            )
            for made, painted in zip(scales, self._target.scales, strict=True)
        ]
        return {
            "style": torch.stack(style).mean(),
            "palette": losses.palette_distance(seen, self._target.palette),
            "content": losses.content(features[_CONTENT], wanted),
            "tone": losses.tone(small, painted),
            "legibility": losses.legibility(source, shown, text),
            "variation": losses.variation(painted),
            "weave": losses.weave(small, painted),
        }

    def _two_views(self, crops: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
        """The middle of the crops; that of the first half of them moved by (dy, dx), with noise and
        another gamma.
        """
        side = self._side
        dy, dx = (int(torch.randint(-MARGIN, MARGIN + 1, (), generator=self._chance)) for _ in "yx")
        first = crops[: (len(crops) + 1) // 2]
        top, left = MARGIN + dy, MARGIN + dx
        moved = first[:, :, top : top + side, left : left + side]
        noise = torch.randn(moved.shape, generator=self._noise, device=moved.device) * 0.02
        gamma = 0.95 + 0.1 * float(torch.rand((), generator=self._chance))
        return _middle(crops, side), (moved**gamma + noise).clamp(0, 1), (dy, dx)


def finished(source: Tensor, styled: Tensor, amount: float) -> Tensor:
    """As it is shown: [N, 3, H, W], as both are."""
    y = brightness(styled)
    with_detail = add_detail(brightness(source) * 255, y * 255, amount) / 255
    return (styled + with_detail - y).clamp(0, 1)


def _inside(pictures: Tensor) -> Tensor:
    return F.avg_pool2d(pictures, BLOCK)


def _middle(crops: Tensor, side: int) -> Tensor:
    edge = (crops.shape[2] - side) // 2
    return crops[:, :, edge : edge + side, edge : edge + side]
