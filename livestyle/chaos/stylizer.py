"""A stylizer that fails as it is told, with the errors that PyTorch raises."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from livestyle.chaos.stages import Faulty, asked
from livestyle.errors import SpoiltFrame, StylizerError

if TYPE_CHECKING:
    from livestyle.frame import Frame

_GPU_POINTS = ("gpu.error", "gpu.memory", "gpu.lost")
# What PyTorch 2.13 says of each on CUDA 13.
_GPU_ERROR = "CUDA error: an illegal memory access was encountered"
_GPU_LOST = "CUDA error: no CUDA-capable device is detected"
_GPU_MEMORY = "CUDA out of memory. Tried to allocate 20.00 MiB"


class FaultyStylizer(Faulty):
    """A Stylizer."""

    points = "stylizer.slow", "stylizer.error", "stylizer.nan", *_GPU_POINTS

    def stylize(self, frame: Frame) -> Frame:
        for fault in self.faults["stylizer.slow"]:
            if self.plan.now() >= (fault.at or 0.0):
                time.sleep(fault.seconds)
        if self.comes("stylizer.error"):
            raise StylizerError(f"a frame failed, as {asked('stylizer.error')}")
        if self.comes("stylizer.nan"):
            raise SpoiltFrame(f"a frame is no picture, as {asked('stylizer.nan')}")
        for point in _GPU_POINTS:
            if self.comes(point):
                raise _gpu_error(point)
        styled: Frame = self.stage.stylize(frame)
        return styled


def _gpu_error(point: str) -> Exception:
    """The error that PyTorch raises."""
    import torch

    if point == "gpu.memory":
        return torch.OutOfMemoryError(_GPU_MEMORY)
    return torch.AcceleratorError(_GPU_LOST if point == "gpu.lost" else _GPU_ERROR)
