"""A stylizer that fails as it is told, with the errors that PyTorch raises."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from livestyle.chaos import Plan
from livestyle.chaos.stages import Faulty, asked
from livestyle.errors import SpoiltFrame, StylizerError

if TYPE_CHECKING:
    from livestyle.frame import Frame

# What PyTorch 2.13 says of each on CUDA 13.
_GPU_ERROR = "CUDA error: an illegal memory access was encountered"
_GPU_LOST = "CUDA error: no CUDA-capable device is detected"
_GPU_MEMORY = "CUDA out of memory. Tried to allocate 20.00 MiB"


class FaultyStylizer(Faulty):
    """See POINTS of livestyle.chaos."""

    def __init__(self, stylizer: Any, plan: Plan) -> None:
        points = ("stylizer.slow", "stylizer.error", "stylizer.nan")
        super().__init__(stylizer, plan, *points, "gpu.error", "gpu.memory", "gpu.lost")

    def stylize(self, frame: Frame) -> Frame:
        for fault in self.faults["stylizer.slow"]:
            if self.plan.now() >= (fault.at or 0.0):
                time.sleep(fault.seconds)
        if self.comes("stylizer.error"):
            raise StylizerError(f"a frame failed, as {asked('stylizer.error')}")
        if self.comes("stylizer.nan"):
            raise SpoiltFrame(f"a frame is no picture, as {asked('stylizer.nan')}")
        for point in ("gpu.error", "gpu.memory", "gpu.lost"):
            if self.faults[point] and self.comes(point):
                raise _gpu_error(point)
        styled: Frame = self.stage.stylize(frame)
        return styled


def _gpu_error(point: str) -> Exception:
    """The error that PyTorch raises."""
    import torch

    if point == "gpu.memory":
        return torch.OutOfMemoryError(_GPU_MEMORY)
    return torch.AcceleratorError(_GPU_LOST if point == "gpu.lost" else _GPU_ERROR)
