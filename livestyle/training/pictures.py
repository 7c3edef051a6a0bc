"""The pictures that networks learn from: crops of many, with text on some, and a painting.

Pictures are uint8 RGB [H, W, 3] as numpy arrays.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from livestyle.errors import PictureError
from livestyle.still import read_still
from livestyle.training.panels import draw_panel

FLAT = 8
"""Standard deviation, in grey levels, of what is nearly one colour."""
_LEAST_HEIGHT = 64  # of a painting at its width
_HEIGHTS = (
    540,
    900,
)  # of the pictures that crops are of, so that things have the size they have live
_WITH_TEXT, _ALL_TEXT, _DARK = 0.3, 0.1, 0.1  # parts of the crops


class Place(NamedTuple):
    """Where a crop is taken: a picture of a folder, and the part of it."""

    folder: int
    picture: int
    rows: slice
    columns: slice
    mirrored: bool


class Batch(NamedTuple):
    """pictures: float32 [N, 3, side, side]. text: [N, 1, side, side], 1 where there is text."""

    pictures: Tensor
    text: Tensor


class Crops:
    """An endless supply of square crops of pictures; every folder is drawn as often as another.

    The pictures are kept on the device, where crops are cut and scaled; the places are chosen on
    the CPU, so that the device is never waited for.
    """

    def __init__(
        self, folders: Sequence[Sequence[np.ndarray]], side: int, seed: int, device: torch.device
    ) -> None:
        self._side = side
        self._random = np.random.default_rng(seed)
        self._folders = folders
        self._device = device
        self._there = [
            [torch.from_numpy(picture).to(device).permute(2, 0, 1) for picture in some]
            for some in folders
        ]

    @property
    def count(self) -> int:
        """Of the pictures."""
        return sum(map(len, self._folders))

    def batch(self, size: int) -> Batch:
        """So many crops."""
        crops, texts = zip(*(self._crop() for _ in range(size)), strict=True)
        return Batch(torch.cat(crops) / 255, torch.cat(texts))

    def _crop(self) -> tuple[Tensor, Tensor]:
        """[1, 3, side, side] in 0..255, [1, 1, side, side]."""
        place = self._lively_place()
        window = self._there[place.folder][place.picture][:, place.rows, place.columns]
        crop = F.interpolate(
            window[None].float(), (self._side, self._side), mode="bilinear", antialias=True
        )
        if place.mirrored:
            crop = crop.flip(3)
        chance = self._random.random(3)
        if chance[0] < _DARK:
            crop = crop * float(self._random.uniform(0.15, 0.5))
        if chance[1] >= _WITH_TEXT + _ALL_TEXT:
            return crop, torch.zeros_like(crop[:, :1])
        panel = draw_panel(self._side, self._random, whole=chance[1] < _ALL_TEXT)
        over, opaque, text = (self._uploaded(plane)[None].float() for plane in panel)
        return crop.lerp(over.permute(0, 3, 1, 2), opaque[:, None]), text[:, None]

    def _uploaded(self, plane: np.ndarray) -> Tensor:
        """On the device, which is not waited for."""
        here = torch.from_numpy(plane)
        if self._device.type == "cuda":
            return here.pin_memory().to(self._device, non_blocking=True)
        return here.to(self._device)

    def _lively_place(self) -> Place:
        """One that is not one flat colour, judged by every fourth pixel each way: normalising
        nothing makes gradients explode.
        """
        while True:
            place = self._place()
            pixels = self._folders[place.folder][place.picture][place.rows, place.columns]
            if pixels[::4, ::4].std() >= FLAT:
                return place

    def _place(self) -> Place:
        folder = int(self._random.integers(len(self._folders)))
        picture = int(self._random.integers(len(self._folders[folder])))
        height, width = self._folders[folder][picture].shape[:2]
        window = int(self._side * height / self._random.uniform(*_HEIGHTS))
        window = min(window, height, width)
        top = int(self._random.integers(height - window + 1))
        left = int(self._random.integers(width - window + 1))
        rows, columns = slice(top, top + window), slice(left, left + window)
        return Place(folder, picture, rows, columns, bool(self._random.random() < 0.5))


def read_picture(path: Path) -> np.ndarray:
    """A picture file. Raises PictureError for what is none."""
    try:
        return read_still(path)
    except ValueError as error:
        raise PictureError(
            f"cannot read the picture {str(path)!r}: {error}; name a JPEG, PNG or WebP file"
        ) from error


def read_folder(folder: Path, height: int = 720) -> list[np.ndarray]:
    """A folder's pictures, at most `height` high, without those that are nearly one colour.

    Raises PictureError where there are none.
    """
    found = []
    for path in sorted(folder.iterdir()) if os.path.isdir(folder) else []:
        try:
            picture = read_still(path)
        except ValueError:  # a folder may hold other things too
            continue
        if picture.std() < FLAT:
            continue
        scale = min(1, height / picture.shape[0])
        found.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    if not found:
        raise PictureError(f"no pictures in {str(folder)!r}; name a folder of JPEG or PNG files")
    return found


def to_tensor(picture: np.ndarray) -> Tensor:
    """[H, W, 3] -> float32 [1, 3, H, W]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def read_painting(path: Path, width: int) -> Tensor:
    """float32 [1, 3, H, width]: the painting without its outermost 3 % (frame or paper border).

    Raises PictureError for what is no picture, or too narrow a strip of one.
    """
    picture = read_picture(path)
    height, full = picture.shape[:2]
    down, across = height * 3 // 100, full * 3 // 100
    picture = picture[down : height - down, across : full - across]
    scale = width / picture.shape[1]
    if round(picture.shape[0] * scale) < _LEAST_HEIGHT:
        raise PictureError(
            f"{str(path)!r} has {full}x{height} pixels, which is too flat for a style; cut a part "
            "of it that is less wide"
        )
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return to_tensor(picture)
