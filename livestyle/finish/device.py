"""The finish where the picture is: detail, colour, mix and hold in PyTorch, as the last part of a
frame's work on a device.

The arithmetic is that of livestyle.finish.detail and hold, in few operations: at these sizes each
costs a GPU much the same. A blur of what is shrunk is one convolution. What is new is found out in
host memory, where it is decided whether the frame has to be styled at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from livestyle.finish.detail import (
    BLUR,
    COLOUR,
    EDGES_BLUR,
    GROUND,
    REACH,
    STRENGTH,
    TEXT,
    gains_of,
)
from livestyle.finish.hold import grids_of
from livestyle.finish.planes import ONE, divided
from livestyle.finish.tensors import gaussian

if TYPE_CHECKING:
    from livestyle.between.look import Finishing
    from livestyle.frame import Pixels, Size

_HALF = 0.5  # on every level: what is converted to uint8 is cut off
_LOST = 0.25  # level: what edges gain where their means are rounded twice, to half and to a quarter
_AROUND = 8  # px: as far as the blurs at a quarter of the size reach


class DeviceFinish:
    """For I420 pictures of one size. What `compute` does may be captured as a CUDA graph."""

    def __init__(self, size: Size, device: torch.device) -> None:
        """size: (width, height), even both."""
        width, height = size
        self._shape, rows = (height, width), height * 3 // 2
        self._quarter = divided(self._shape, 4)
        kinds = ((rows, width), torch.uint8), (grids_of(self._shape)[-1], torch.uint8), ((5,), None)
        self._given = [
            torch.zeros(shape, dtype=dtype, pin_memory=device.type == "cuda")
            for shape, dtype in kinds
        ]
        self._source, self._new, self._amounts = (
            given.to(device, copy=True) for given in self._given
        )
        self._halved = _shrinking(gaussian(BLUR, device), 2)
        self._softened = _shrinking(gaussian(BLUR, device), 4)
        edges = _shrinking(gaussian(EDGES_BLUR, device), 4)
        ends = torch.tensor([STRENGTH, TEXT], device=device).float()
        low, span = ends[:, 0], ends[:, 1] - ends[:, 0]
        self._strong = edges / span[:, None, None, None], (_LOST - low) / span
        self._both = torch.zeros(2, rows, width, device=device)
        self._shown = torch.zeros(rows, width, device=device)
        self._taken = False

    def take(self, source: Pixels, new: Pixels, finishing: Finishing) -> None:
        """What the next frame is finished with.

        source: I420 (H * 3 / 2, W). new: how much of each of its cells is, 0 … ONE.
        """
        amounts = *gains_of(finishing.detail), finishing.mix, finishing.colour_of_source
        into_source, into_new, into_amounts = (given.numpy() for given in self._given)
        np.copyto(into_source, source)
        np.copyto(into_new, new)
        into_amounts[:] = amounts
        self._taken = True

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """What is computed meanwhile changes nothing that is shown, nor what was taken."""
        _, new, _ = self._given
        kept, taken = new.clone(), self._taken
        new.zero_()
        self._new.zero_()  # a capture computes before anything is uploaded
        try:
            yield
        finally:
            new.copy_(kept)
            self._taken = taken

    def begin(self) -> bool:
        """Upload what was taken. Returns whether anything was for this frame: if not, the styled
        picture is what is shown.
        """
        there = self._source, self._new, self._amounts
        for given, buffer in zip(self._given, there, strict=True):
            buffer.copy_(given, non_blocking=True)
        taken, self._taken = self._taken, False
        return taken

    def compute(self, styled: Tensor, finished: Tensor) -> None:
        """Finish a picture into another, uint8 I420 [H * 3 / 2, W] both."""
        height, width = self._shape
        weak, more, most, mix, colour = self._amounts.unbind()
        for given, whole in zip((self._source, styled), self._both, strict=True):
            torch.add(given, _HALF, out=whole)
        both = self._both[:, None, :height]
        source, picture = both[:1], both[1:]
        seen = self._around(both)
        half = F.conv2d(seen[:1, :, 4:-4, 4:-4], self._halved, stride=2)
        fine = source - self._grown(half)
        edges = self._around(fine.abs())
        kernels, offsets = self._strong
        strong = F.conv2d(edges, kernels, offsets, stride=4).clamp_(0, 1).mul_(most)
        text = F.max_pool2d(strong[:, 1:], REACH, 1, REACH // 2)

        soft = F.conv2d(seen[1:], self._softened, stride=4)
        coarse = F.avg_pool2d(half, 2)
        laid = soft.lerp_(coarse, GROUND).lerp_(coarse, text)
        mask, ground = self._grown(torch.cat([strong[:, :1], laid], 1))[0, :, None, None].unbind()
        there = torch.addcmul(ground - picture, fine, more)
        result = torch.addcmul(picture, mask, there).addcmul_(fine, weak).lerp_(source, mix)

        new = torch.mul(self._new, 1 / ONE)[None, None]
        shown = self._shown[None, None, :height]
        shown.lerp_(result.clamp_(0, 255.5), _resized(new, self._shape))
        self._finish_colours(text, new, colour)
        finished.copy_(self._shown)

    def _finish_colours(self, text: Tensor, new: Tensor, share: Tensor) -> None:
        height, width = self._shape
        half = height // 2, width // 2
        source, mine = (picture[height:].view(2, *half) for picture in self._both)
        across = [2 * side for side in self._quarter]
        under_text = _resized(text, across)[0, :, : half[0], : half[1]] > 0.5
        other = 256 + 2 * _HALF - mine  # as far from grey, beyond it
        ends = torch.minimum(mine, other), torch.maximum(mine, other)
        mine = torch.where(under_text, mine.lerp(source, COLOUR).clamp_(*ends), mine)
        shown = self._shown[height:].view(2, *half)
        is_new = _resized(new, half)[0] > 0
        torch.where(is_new, mine.lerp_(source, share), shown, out=shown)

    def _grown(self, planes: Tensor) -> Tensor:
        """From a half or a quarter of the size, rounded up, to the whole."""
        height, width = self._shape
        whole = [4 * side for side in self._quarter]
        return _resized(planes, whole)[:, :, :height, :width]

    def _around(self, planes: Tensor) -> Tensor:
        """Of the whole size; with a border that goes on as the picture ends."""
        below, beside = (
            4 * quarter - side for quarter, side in zip(self._quarter, self._shape, strict=True)
        )
        around = (_AROUND, _AROUND + beside, _AROUND, _AROUND + below)
        return F.pad(planes, around, mode="replicate")


def _resized(planes: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(planes, list(size), mode="bilinear", align_corners=False)


def _shrinking(kernel: Tensor, divisor: int) -> Tensor:
    """The kernel that shrinks by means and blurs after that, in strides of the divisor."""
    for axis in (2, 3):
        kernel = kernel.repeat_interleave(divisor, axis)
    return kernel / divisor**2
