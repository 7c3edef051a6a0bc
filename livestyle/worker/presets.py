"""Presets: pictures of the run's source in turbo's presets, made by the run's own stylizer."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.aside import Aside
from livestyle.between.look import finishing_of, look_of
from livestyle.between.messages import Painted
from livestyle.canvas import Canvas, to_i420
from livestyle.config import Config
from livestyle.errors import LivestyleError
from livestyle.finish.live import LiveFinish
from livestyle.machine import leave_machine_to_other_threads
from livestyle.stylizers.change import changed
from livestyle.worker.gallery import jpeg_of
from livestyle.worker.pipeline import Pipeline

if TYPE_CHECKING:
    from livestyle.frame import Pixels


class Presets:
    """A round of them at a time, one after the other, on a thread of its own: the stylize thread
    gives each the time of a frame, and finishing and compression are done beside it.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lock = threading.Lock()  # protects the next two
        self._names: list[str] = []  # of which there are no pictures yet
        self._is_painting = False
        self._painted: queue.SimpleQueue[Painted] = queue.SimpleQueue()

    def paint(self, names: tuple[str, ...]) -> None:
        """Make pictures in these, and no more of those asked for before. Called on any thread."""
        with self._lock:
            self._names = list(names)
            if self._is_painting:
                return
            self._is_painting = True
        Aside(self._paint, "presets").start()

    def painted(self) -> list[Painted]:
        """What was made since the last time that this was called."""
        return [self._painted.get() for _ in range(self._painted.qsize())]

    def _paint(self) -> None:
        leave_machine_to_other_threads()
        while (name := self._next()) is not None:
            try:
                self._painted.put(Painted(name, self._made(name)))
            except TimeoutError as error:  # the others would wait as long
                for waiting in (name, *self._rest()):
                    self._painted.put(Painted(waiting, str(error)))

    def _next(self) -> str | None:
        with self._lock:
            if self._names:
                return self._names.pop(0)
            self._is_painting = False
            return None

    def _rest(self) -> list[str]:
        with self._lock:
            rest, self._names = self._names, []
            return rest

    def _made(self, name: str) -> bytes | str:
        """JPEG, or why there is none. Raises TimeoutError where there are no frames."""
        try:
            config = changed(self._pipeline.asked, {"style": name})
            source, styled = self._pipeline.glimpse(look_of(config))
            return jpeg_of(self._finished(config, source, styled))
        except LivestyleError as error:  # of the user's own there may be one that is damaged
            return str(error)

    def _finished(self, config: Config, source: Pixels, styled: Pixels) -> Pixels:
        """RGB as the run would show it at once, where nothing is held yet."""
        size = self._pipeline.size
        finish = LiveFinish(Canvas(size, config.aspect), finishing_of(config))
        i420: Any = np.empty((size[1] * 3 // 2, size[0]), np.uint8)
        if finish.is_on:
            finish.look_at(source)
            finish.style(styled)
            finish.write(i420.data.cast("B"))
        else:
            to_i420(styled, i420.data.cast("B"))
        rgb: Pixels = cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420)
        return rgb
