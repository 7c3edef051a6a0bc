"""Asked: the settings that are wanted of the worker, and what becomes of a change."""

from __future__ import annotations

import threading

from livestyle.between.messages import Change, Running
from livestyle.config import Config


class Asked:
    """Used on any thread. `number`: of the last change. `refused`: why that one was, or ""."""

    def __init__(self, config: Config) -> None:
        self._lock = threading.Lock()
        self.config = config
        self.number = 0
        self.refused = ""
        self._answered = 0

    def change(self, config: Config) -> None:
        """Want other settings."""
        with self._lock:
            self.config, self.refused = config, ""
            self.number += 1

    @property
    def change_now(self) -> Change:
        """What the worker is to go on with."""
        with self._lock:
            return Change(self.number, self.config)

    def hear(self, running: Running) -> None:
        """What the worker says of the last change, which may be taken back in part."""
        with self._lock:
            if running.heard != self.number:
                return
            if running.refused is not None:
                self.config, self.refused = running.refused.kept, running.refused.why
            if running.refused is not None or running.is_settled:
                self._answered = self.number

    @property
    def is_answered(self) -> bool:
        """Whether the last change is taken, or refused."""
        return self._answered == self.number
