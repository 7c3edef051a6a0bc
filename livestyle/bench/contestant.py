"""A contestant of `livestyle bench turbo`: what all have in common, and how their frames are timed.

Each has a process to itself, and so the device, its caches and the libraries' settings. It warms up
until the clocks have risen, then times frames, uint8 in host memory to uint8 in host memory, in a
row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from livestyle.bench.gpu_state import describe_device, state_of
from livestyle.config import Config
from livestyle.diffusion.model import Model
from livestyle.errors import LivestyleError
from livestyle.frame import Size
from livestyle.models.loadable import Loadable
from livestyle.sources.testcard import draw

if TYPE_CHECKING:
    from livestyle.frame import Pixels

Run = Callable[["Pixels"], "Pixels"]
Figures = dict[str, Any]
Tell = Callable[[Figures], None]  # what is known so far

_PICTURES = 8
# On a GPU clocks take a second to rise, and a 99th percentile wants several frames above it.
_WARM_UP = {"cuda": 1.5, "cpu": 0.0}  # s
_WARM_UP_FRAMES = 3
_FRAMES = {"cuda": 600, "cpu": 20}


@dataclass(frozen=True)
class Task:
    """What all contestants have in common.

    config: settled. frames: to time; None: as many as the device is worth. in_flight: frames at
    once, also; 1: not. folder: for what Inductor writes, and finds again.
    """

    model: Loadable
    config: Config
    size: Size
    frames: int | None
    in_flight: int
    folder: Path

    def pictures(self) -> list[Pixels]:
        """BGRA (h, w, 4) of the size."""
        return [draw(seq, self.size) for seq in range(_PICTURES)]


def measure_frames(run: Run, task: Task, model: Model, ready: float) -> Figures:
    """ms of each frame, as fast as they come; and the state of the card before and after."""
    pictures, device = task.pictures(), model.device.type
    wanted = pictures[0].shape[:2]
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()  # of what was tried and compiled
    frames = task.frames or _FRAMES[device]
    before = state_of(model.device)
    began = time.perf_counter()
    warm_up = 0
    while warm_up < _WARM_UP_FRAMES or time.perf_counter() < began + _WARM_UP[device]:
        result = run(pictures[warm_up % _PICTURES])
        if result.dtype != np.uint8 or result.shape != (*wanted, 3):
            raise LivestyleError(f"it gave {result.dtype} {result.shape}, not the picture")
        warm_up += 1
    each = []
    for number in range(frames):
        started = time.perf_counter()
        run(pictures[number % _PICTURES])
        each.append((time.perf_counter() - started) * 1000)
    state: Figures = {}
    if before is not None:
        state["gpu_state"] = {"before": before, "after": state_of(model.device)}
        state["gpu_memory_gib"] = round(torch.cuda.max_memory_reserved() / 2**30, 2)
    return {
        "device": describe_device(model.device),
        "ready_s": round(ready, 2),
        "warm_up_frames": warm_up,
        "frames": frames,
        "frame_ms_each": [round(ms, 3) for ms in each],
        "picture": run(pictures[0]).copy(),
        **state,
    }
