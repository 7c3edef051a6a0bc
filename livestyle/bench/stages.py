"""Where a frame's time goes: its stages and its kernels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from livestyle.diffusion.program import Program

if TYPE_CHECKING:
    from livestyle.frame import Pixels

STAGES = ("upload", "encode", "unet", "decode", "download")
_WARM_UP = 3
_PROFILED = 5  # frames
_TOP = 25  # kernels that are named


def summary(ms: Sequence[float]) -> dict[str, float]:
    """Percentiles of times."""
    p50, p95, p99 = np.percentile(ms, (50, 95, 99))
    figures = {"p50": p50, "p95": p95, "p99": p99, "max": max(ms)}
    return {name: round(float(value), 3) for name, value in figures.items()}


def time_stages(program: Program, pictures: list[Pixels], frames: int) -> dict[str, Any]:
    """ms of each stage. On CUDA by events that the frame's own graph records; the upload begins
    with the copy into pinned memory."""
    clock: _Clock = _GraphClock(program) if torch.cuda.is_available() else _Clock()
    spent: dict[str, list[float]] = {name: [] for name in STAGES}
    for number in range(_WARM_UP + frames):
        clock.start()
        program.run_in_stages(pictures[number % len(pictures)], clock.lap, clock.graph)
        if number >= _WARM_UP:
            for name, ms in clock.laps().items():
                spent[name].append(ms)
    return {name: summary(ms) for name, ms in spent.items()}


class _Clock:
    """Laps by the CPU's clock."""

    graph: torch.cuda.CUDAGraph | None = None

    def start(self) -> None:
        self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name], self._last = (now - self._last) * 1000, now

    def laps(self) -> dict[str, float]:
        """ms by name, since `start`."""
        return self._laps


class _GraphClock(_Clock):
    """Laps by the device's own time: those between the copies are recorded inside the graph."""

    def __init__(self, program: Program) -> None:
        self._events = {name: _event(external=name in STAGES[1:-1]) for name in ("", *STAGES)}
        self._lane = program.lane
        self.graph = program.capture(lambda name: self._events[name].record())

    def start(self) -> None:
        self._events[""].record(self._lane)

    def lap(self, name: str) -> None:
        self._events[name].record()

    def laps(self) -> dict[str, float]:
        """ms by name, since `start`."""
        before = ("", *STAGES)
        return {
            name: self._events[last].elapsed_time(self._events[name])
            for last, name in zip(before, STAGES, strict=False)
        }


def _event(*, external: bool) -> Any:
    return torch.cuda.Event(enable_timing=True, external=external)  # type: ignore[no-untyped-call]


def count_kernels(program: Program, picture: Pixels) -> dict[str, Any] | None:
    """What a frame has the GPU do: kernels and copies a frame, ms in which it was busy, and those
    that took longest as [name, times a frame, us a frame]; None on a CPU."""
    if not torch.cuda.is_available():
        return None
    from torch.autograd import DeviceType  # type: ignore[attr-defined]
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as profiled:
        for _ in range(_PROFILED):
            program.run(picture)
    rows = [row for row in profiled.key_averages() if row.device_type == DeviceType.CUDA]
    rows.sort(key=lambda row: -row.self_device_time_total)
    copies = sum(row.count for row in rows if row.key.startswith("Mem"))
    return {
        "launches": (sum(row.count for row in rows) - copies) / _PROFILED,
        "copies": copies / _PROFILED,
        "busy_ms": round(sum(row.self_device_time_total for row in rows) / _PROFILED / 1000, 3),
        "top": [
            [row.key, row.count / _PROFILED, round(row.self_device_time_total / _PROFILED, 1)]
            for row in rows[:_TOP]
        ],
    }
