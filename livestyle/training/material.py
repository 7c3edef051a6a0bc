"""What a style is trained on: folders of pictures, or recordings."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch

from livestyle.errors import ConfigError, PictureError
from livestyle.training.pictures import FLAT, read_folder

_HEIGHT = 720
_APART = 2.0  # s between two frames of a recording
_MOST = 300  # of them


def read_material(path: Path) -> list[np.ndarray]:
    """RGB pictures (H, W, 3) of a folder, or frames of a recording every two seconds, the first
    300 of either.

    Raises PictureError where there are none; SourceError for a file that is no recording.
    """
    if os.path.isdir(path):
        return read_folder(path, _HEIGHT)[:_MOST]
    from livestyle.sources.file import decode_timed  # a machine that only trains has no PyAV

    frames, due = [], 0.0
    for at, bgra in decode_timed(str(path)):
        if at < due:
            continue
        due = at + _APART
        scale = min(1, _HEIGHT / bgra.shape[0])
        frame = cv2.resize(bgra, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if frame.std() >= FLAT:
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGRA2RGB))
        if len(frames) == _MOST:
            break
    if not frames:
        raise PictureError(
            f"nothing to learn from in {str(path)!r}: its pictures are of one colour"
        )
    return frames


def choose_device(name: str) -> torch.device:
    """auto, cuda or cpu. Raises ConfigError for one that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: PyTorch finds no CUDA device; use cpu")
    return torch.device(name)
