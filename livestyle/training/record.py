"""Record: what is kept of a training: the network, its losses, and a sheet to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from livestyle.errors import TrainingError
from livestyle.files import write
from livestyle.training.checkpoint import save_checkpoint
from livestyle.training.network import LiteNetwork
from livestyle.training.pictures import to_tensor
from livestyle.training.trainer import Trainer, finished

_SHOWN = 1280, 720  # a picture of the sheet as the network's input is made of it


class Record:
    """Of one training, saved as it goes."""

    def __init__(
        self,
        path: Path,
        trainer: Trainer,
        network: LiteNetwork,
        stages: list[dict[str, Any]],
        shown: Sequence[np.ndarray],
    ) -> None:
        """path: of the checkpoint; the sheet is beside it, .jpg. stages: the last is this one's.
        shown: RGB pictures for the sheet.
        """
        self.path, self.sheet = path, path.with_suffix(".jpg")
        self._trainer, self._network, self._stages = trainer, network, stages
        self._shown = [
            cv2.resize(picture, _SHOWN, interpolation=cv2.INTER_AREA) for picture in shown
        ]
        self.average: dict[str, Tensor] = {}

    def add(self, parts: dict[str, Tensor]) -> None:
        """Note an iteration without waiting for its losses."""
        self.average = {
            name: self.average.get(name, now).lerp(now, 0.02) for name, now in parts.items()
        }

    @property
    def losses(self) -> dict[str, float]:
        """Of late, by name. Waits for the device."""
        return {name: round(loss.item(), 4) for name, loss in self.average.items()}

    def save(self) -> None:
        """Write the checkpoint, and the sheet if there is one to write.

        Raises TrainingError, and leaves what was saved before, if a loss is no longer a number;
        LivestyleError where it can't be written.
        """
        trainer = self._trainer
        iteration, seconds = trainer.reached
        now = self.losses
        for name, loss in now.items():
            if not math.isfinite(loss):
                raise TrainingError(
                    f"the {name} loss is {loss} after {iteration} iterations; use a "
                    f"--learning-rate below {trainer.course.learning_rate}"
                )
        self._stages[-1] |= {"iterations": iteration, "minutes": round(seconds / 60, 1)}
        self._stages[-1] |= {f"{name}_loss": loss for name, loss in now.items()}
        save_checkpoint(self.path, self._network, self._stages, trainer.reached, trainer.adam)
        if self._shown:
            write_sheet(self._network, self._shown, trainer.course.detail, self.sheet)


def write_sheet(
    network: LiteNetwork, pictures: Sequence[np.ndarray], detail: float, path: Path
) -> None:
    """A JPEG of the pictures, RGB, side by side and, below each, as it is shown."""
    device = next(network.parameters()).device
    columns = []
    was_training = network.training
    network.eval()
    for picture in pictures:
        source = to_tensor(picture).to(device)
        with torch.no_grad():
            height, width = picture.shape[:2]
            whole = F.pad(source, (0, -width % 16, 0, -height % 16), "replicate")
            styled = network(whole)[:, :, :height, :width]
            shown = finished(source, styled.float(), detail)[0].permute(1, 2, 0).cpu().numpy()
        columns.append(np.vstack([picture, (shown * 255).round().astype(np.uint8)]))
    network.train(was_training)
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(np.hstack(columns)[:, :, ::-1]))
    write(str(path), data.tobytes())
