"""Snapshots that no page asks for: pictures of the user's, under names that are made here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from livestyle.between.slot import Slot
from livestyle.control import Controls
from livestyle.control.feeds.snapshot import snapshot_of
from livestyle.control.policy import Policy
from livestyle.errors import LivestyleError
from livestyle.files import Target
from livestyle.frame import Size
from livestyle.places import is_there, make_folder

_NAME = "livestyle-%Y-%m-%d-%H%M%S"  # local time
_ENDING = ".png"


class Snapshots:
    """Called on any thread."""

    def __init__(
        self,
        folder: Path,
        controls: Controls,
        slot: Slot,
        size: Size,
        rouse: Callable[[], None],
    ) -> None:
        """slot: of styled frames, I420 of (width, height) `size`. rouse: sees to it that the newest
        is of now.
        """
        self._folder = folder
        self._controls = controls
        self._policy = Policy(controls)
        self._slot = slot
        self._size = size
        self._rouse = rouse

    def take(self) -> str:
        """Write the newest styled picture. Returns the file's name. Raises LivestyleError."""
        self._rouse()
        width, height = self._size
        picture = np.empty((height * 3 // 2, width), np.uint8)
        if self._slot.look(picture.data.cast("B")) is None:
            raise LivestyleError("there is no picture yet")
        make_folder(self._folder)
        file = next(str(path) for path in self._names() if not is_there(path))
        png = snapshot_of(picture, self._controls.config, self._policy)
        Target("snapshot", file, overwrite=False).write(png)
        return file

    def _names(self) -> Iterator[Path]:
        name = time.strftime(_NAME)
        yield self._folder / f"{name}{_ENDING}"
        for number in range(2, 1000):
            yield self._folder / f"{name}-{number}{_ENDING}"
