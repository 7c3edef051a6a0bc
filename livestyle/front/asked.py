"""Asked: the settings that are wanted of the worker, and what becomes of a change."""

from __future__ import annotations

import threading

from livestyle.between.look import Live, finishing_of, settled_with
from livestyle.between.messages import Running
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
        """Want the look and finish of other settings."""
        with self._lock:
            self.config, self.refused = config, ""
            self.number += 1

    def hear(self, running: Running) -> None:
        """What the worker says of the last change; one of its look may be taken back."""
        with self._lock:
            if running.heard != self.number:
                return
            if running.refusal is not None:
                kept = Live(finishing_of(self.config), running.refusal.kept)
                self.config = settled_with(self.config, kept)
                self.refused = running.refusal.why
            if running.refusal is not None or running.is_settled:
                self._answered = self.number

    @property
    def is_answered(self) -> bool:
        """Whether the last change is taken, or refused."""
        return self._answered == self.number
