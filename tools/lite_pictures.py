"""The pictures that the lite styles learn from: crops of many, and a painting.

Pictures are uint8 RGB [H, W, 3] as numpy arrays and float32 NCHW RGB in 0..1 as tensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

FLAT = 8
"""Standard deviation, in grey levels, of what is nearly one colour."""


@dataclass(frozen=True)
class Place:
    """Where a crop is taken: a picture of a folder, and the part of it."""

    folder: int
    picture: int
    rows: slice
    columns: slice
    mirrored: bool


class Crops:
    """An endless supply of square crops at the scale they have in a picture 300 to 560 high."""

    def __init__(self, folders: list[Path], side: int, seed: int) -> None:
        self.side = side
        self._random = np.random.default_rng(seed)
        self.folders = [read_folder(folder) for folder in folders]

    @property
    def count(self) -> int:
        return sum(len(pictures) for pictures in self.folders)

    def batch(self, size: int) -> Tensor:
        """[size, 3, side, side]; every folder is drawn as often as any other."""
        crops = np.stack([self._lively_crop() for _ in range(size)])
        return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255

    def _lively_crop(self) -> np.ndarray:
        """A crop that is not one flat colour: normalising nothing makes gradients explode."""
        while (crop := self._crop(self._place())).std() < FLAT:
            pass
        return crop

    def _place(self) -> Place:
        folder = int(self._random.integers(len(self.folders)))
        picture = int(self._random.integers(len(self.folders[folder])))
        height, width = self.folders[folder][picture].shape[:2]
        window = int(self.side * height / self._random.uniform(300, 560))
        window = min(window, height, width)
        top = int(self._random.integers(height - window + 1))
        left = int(self._random.integers(width - window + 1))
        rows, columns = slice(top, top + window), slice(left, left + window)
        return Place(folder, picture, rows, columns, bool(self._random.random() < 0.5))

    def _crop(self, place: Place) -> np.ndarray:
        picture = self.folders[place.folder][place.picture]
        crop = picture[place.rows, place.columns]
        crop = cv2.resize(crop, (self.side, self.side), interpolation=cv2.INTER_AREA)
        return crop[:, ::-1] if place.mirrored else crop


class DeviceCrops(Crops):
    """The same with the pictures kept on a device, where crops are cut and scaled.

    The places are chosen on the CPU, so that the device is never waited for.
    """

    def __init__(self, folders: list[Path], side: int, seed: int, device: torch.device) -> None:
        super().__init__(folders, side, seed)
        self._there = [
            [torch.from_numpy(picture).to(device).permute(2, 0, 1).contiguous() for picture in some]
            for some in self.folders
        ]

    def batch(self, size: int) -> Tensor:
        """[size, 3, side, side], on the device."""
        return torch.cat([self._cut(self._lively_place()) for _ in range(size)]) / 255

    def _lively_place(self) -> Place:
        """As `_lively_crop`, judged by every fourth pixel each way."""
        while True:
            place = self._place()
            pixels = self.folders[place.folder][place.picture][place.rows, place.columns]
            if pixels[::4, ::4].std() >= FLAT:
                return place

    def _cut(self, place: Place) -> Tensor:
        """[1, 3, side, side] in 0..255."""
        window = self._there[place.folder][place.picture][:, place.rows, place.columns]
        size = (self.side, self.side)
        crop = F.interpolate(window[None].float(), size, mode="bilinear", antialias=True)
        return crop.flip(3) if place.mirrored else crop


def read_picture(path: Path) -> np.ndarray:
    """uint8 RGB [H, W, 3]. Raises SystemExit for what is no picture."""
    picture = _read(path)
    if picture is None:
        raise SystemExit(f"cannot read the picture {path}; name a JPEG, PNG or WebP file")
    return picture


def read_folder(folder: Path, height: int = 720) -> list[np.ndarray]:
    """A folder's pictures, at most `height` high, without those that are nearly one colour.

    Raises SystemExit where there are none.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        picture = _read(path)
        if picture is None or picture.std() < FLAT:
            continue
        scale = min(1, height / picture.shape[0])
        found.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    if not found:
        raise SystemExit(f"no pictures in {folder}; run tools/fetch_training_pictures.sh")
    return found


def _read(path: Path) -> np.ndarray | None:
    picture = cv2.imread(str(path))
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def to_tensor(picture: np.ndarray) -> Tensor:
    """[H, W, 3] -> [1, 3, H, W]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def read_painting(path: Path, width: int) -> Tensor:
    """[1, 3, H, width]: the painting without its outermost 3 % (frame or paper border)."""
    picture = read_picture(path)
    height, full = picture.shape[:2]
    picture = picture[height * 3 // 100 : -height * 3 // 100, full * 3 // 100 : -full * 3 // 100]
    scale = width / picture.shape[1]
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return to_tensor(picture)
