"""Smaller: the picture inside that is tried once where GPU memory was short."""

from __future__ import annotations

import dataclasses

from livestyle.between.messages import Running
from livestyle.config import Config
from livestyle.frame import Size
from livestyle.placement import ladder

_GRID = range(64, 4097, 64)  # what every diffusion model's sides may be


class Smaller:
    """Which size the next worker is given. `size` is it; None: that of the settings."""

    def __init__(self) -> None:
        self.size: Size | None = None
        self._seen: Size = (0, 0)  # the last that was inside
        self._is_tried = False

    def see(self, running: Running) -> None:
        """A worker runs."""
        self._seen = running.stylizer_size

    def is_found(self) -> bool:
        """Memory was short: whether there is a smaller size to try; once in a run."""
        sizes = [] if self._is_tried or not all(self._seen) else ladder(self._seen, _GRID)[1:2]
        self._is_tried = True
        self.size = sizes[0] if sizes else None
        return bool(sizes)

    def give_up(self) -> None:
        """The worker that was given it had no frame."""
        self.size = None

    def of(self, config: Config) -> Config:
        """The settings for the next worker."""
        return dataclasses.replace(config, size=self.size) if self.size else config

    def asked_for(self, running: Running, config: Config) -> Running:
        """What a worker says of a change that it refused, with the size that was asked for."""
        if running.refused is None or not self.size:
            return running
        kept = dataclasses.replace(running.refused.kept, size=config.size)
        refused = dataclasses.replace(running.refused, kept=kept)
        return dataclasses.replace(running, refused=refused)
