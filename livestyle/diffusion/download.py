"""Download: what leaves the device in one copy, a picture and what tells whether it is one."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_ALIGNMENT = 64  # bytes


class Download:
    """Room for a picture on a device and for the same in host memory; on a CPU both are one.

    Where pictures are finished there is room for two, and between them lie the sums of what the
    networks gave: they come along with whichever is shown. A sum is NaN or infinite where any of
    its numbers is, of which the picture itself, in uint8, tells nothing.
    """

    def __init__(self, shape: tuple[int, ...], device: torch.device, *, finishes: bool) -> None:
        """shape: of a picture. finishes: whether there is a second one, `finished`."""
        size = math.prod(shape)
        sums = -(-size // _ALIGNMENT) * _ALIGNMENT
        second = sums + _ALIGNMENT
        there = torch.zeros(second + size * finishes, dtype=torch.uint8, device=device)
        here = there.cpu().pin_memory() if device.type == "cuda" else there
        self.styled, self.finished = _pictures(there, shape, second)
        self._latents, self._decoded = _floats(there[sums:]).unbind()
        self._shown, self._sums = _pictures(here, shape, second), _floats(here[sums:]).numpy()
        parts = slice(second), slice(sums, None)
        self._copied = [(here[part], there[part]) for part in parts if here is not there]

    def add_up(self, latents: Tensor, decoded: Tensor) -> None:
        """Take the sums, by a small kernel each. Of the latents too: the layers of an engine may
        make zeros of NaN.
        """
        for numbers, total in ((latents, self._latents), (decoded, self._decoded)):
            torch.sum(numbers, list(range(numbers.dim())), out=total)

    def start(self, *, finished: bool) -> Tensor:
        """Begin the copy of the styled or of the finished picture; on CUDA this does not wait for
        it. Returns where it comes to be.
        """
        if self._copied:
            here, there = self._copied[finished]
            here.copy_(there, non_blocking=True)
        return self._shown[finished]

    @property
    def is_finite(self) -> bool:
        """Whether all numbers were, of the frame whose copy is done."""
        return bool(np.isfinite(self._sums).all())


def _pictures(buffer: Tensor, shape: tuple[int, ...], second: int) -> tuple[Tensor, Tensor]:
    """The second has no rows where there is none."""
    return buffer[: math.prod(shape)].view(shape), buffer[second:].view(-1, *shape[1:])


def _floats(buffer: Tensor) -> Tensor:
    return buffer[:8].view(torch.float32)
