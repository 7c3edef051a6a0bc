"""InProcess: the worker's stages in this process, for `--no-supervise`; a failure ends the run."""

from __future__ import annotations

import contextlib
import time

from livestyle.between.look import live_of
from livestyle.between.messages import Counts, Running
from livestyle.between.slot import Slot
from livestyle.config import Config
from livestyle.frame import Size
from livestyle.front.asked import Asked
from livestyle.worker import process
from livestyle.worker.pipeline import Pipeline


class InProcess:
    """What Supervisor is for a worker process, for stages that run here: nothing is restarted."""

    def __init__(self, config: Config, output_size: Size, slot: Slot) -> None:
        self.state = "loading"
        self.message = ""
        self.restarts = 0
        self.last_error = ""
        self.running: Running | None = None
        self.asked = Asked(config)
        self._arguments = config, output_size, slot
        self._opened = contextlib.ExitStack()
        self._pipeline: Pipeline | None = None

    def start(self) -> None:
        """Open the stages and start them. Raises LivestyleError when they can't be opened."""
        running = process.running_pipeline(*self._arguments, self._say)
        self._pipeline = self._opened.enter_context(running)
        self.state = "running"

    def change(self, config: Config) -> None:
        """Have the stylizer take the look of these settings."""
        self.asked.change(config)
        if self._pipeline:
            self._pipeline.change(live_of(config, self.asked.number))

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
        if self._pipeline:
            self.running = self._pipeline.progress()
            self._pipeline = None
        self._opened.close()

    def _look(self) -> None:
        assert self._pipeline is not None
        if self._pipeline.failure:
            raise self._pipeline.failure
        self.running = self._pipeline.progress()
        self.asked.hear(self.running)
        self.message = self.running.message
