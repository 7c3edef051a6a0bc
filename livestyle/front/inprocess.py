"""InProcess: the worker's stages in this process, for `--no-supervise`; a failure ends the run."""

from __future__ import annotations

import contextlib
import threading
import time

from livestyle.between.messages import Counts, Running
from livestyle.between.slot import Slots
from livestyle.config import Config
from livestyle.frame import Size
from livestyle.front.asked import Asked
from livestyle.front.commission import Commission
from livestyle.worker import studio
from livestyle.worker.studio import Studio


class InProcess:
    """What Supervisor is for a worker process, for stages that run here: nothing is restarted."""

    def __init__(self, config: Config, output_size: Size, slots: Slots) -> None:
        self.state = "loading"
        self.message = ""
        self.restarts = 0
        self.last_error = ""
        self.running: Running | None = None
        self.asked = Asked(config)
        self.commission = Commission()
        self._arguments = output_size, slots
        self._opened = contextlib.ExitStack()
        self._studio: Studio | None = None
        self._changing = threading.Lock()  # protects it, and what it was told

    def start(self) -> None:
        """Open the stages and start them. Raises LivestyleError when they can't be opened."""
        begins = self.asked.change_now
        opened = self._opened.enter_context(
            studio.running_studio(begins, *self._arguments, self._say)
        )
        with self._changing:
            self._studio = opened
            if self.asked.number != begins.number:  # while it was opened
                opened.change(self.asked.change_now)
        self.state = "running"

    def change(self, config: Config) -> None:
        """Go on with these settings."""
        with self._changing:
            self.asked.change(config)
            if self._studio:
                self._studio.change(self.asked.change_now)

    def poll(self, timeout: float) -> None:
        """Wait for `timeout` s and look. Raises what ended a stage."""
        time.sleep(timeout)
        self._look()

    def _say(self, what: str) -> None:
        self.message = f"loading {what}"

    def counts(self) -> Counts:
        """What the stages have counted."""
        return self.running.counts if self.running else Counts()

    def stop(self) -> None:
        """End the stages."""
        if self._studio:
            self.running = self._studio.progress()
            self._studio = None
        self._opened.close()

    def _look(self) -> None:
        assert self._studio is not None
        if self._studio.failure:
            raise self._studio.failure
        self.running = self._studio.progress()
        self.asked.hear(self.running)
        self.message = self.running.message
        if paint := self.commission.take():
            self._studio.paint(paint)
        for painted in self._studio.painted():
            self.commission.hear(painted)
