"""The gallery: the styles there are, with pictures made of the current input in each of lite's."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from livestyle.apart import Work, run_apart
from livestyle.aside import Aside
from livestyle.between.slot import Slot
from livestyle.config import Config
from livestyle.control import StyleChoice
from livestyle.errors import LivestyleError
from livestyle.frame import Size
from livestyle.stylizers.preset import list_presets
from livestyle.stylizers.style import find_style, list_styles

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_FRESH = 10.0  # s for which the pictures are good
_PATIENCE = 5.0  # s for which a picture of the source is waited for
_SECONDS = 120.0  # for all of them
_LOOK_EVERY = 0.05  # s


class Gallery:
    """Pictures of lite's styles, by a process apart that leaves the machine to the run, one style
    after the other; it ends with the last. They are made when somebody asks, all of them, and again
    when somebody asks later than _FRESH.

    Turbo's presets have none: a second model beside that of the run is more memory, and seconds of
    its time, than a list is worth.
    """

    def __init__(self, slot: Slot | None, size: Size) -> None:
        """slot: pictures of the source, I420 of (width, height) `size`; None: there are none."""
        self._slot = slot
        self._size = size
        self._new = threading.Condition()  # protects what is below
        self._pictures: dict[str, bytes] = {}  # JPEG, by style
        self._seen_at = float("-inf")  # s, monotonic: when what they show was captured
        self._is_making = False
        self._failure = ""  # why the last round ended early

    def styles(self, config: Config) -> list[StyleChoice]:
        """Those of the run's stylizer, the user's own among them. Raises LivestyleError."""
        if config.stylizer == "turbo":
            told = [(preset.name, preset.description) for preset in list_presets()]
        elif config.stylizer == "lite":
            told = [(style.name, style.description) for style in list_styles()]
        else:
            return []
        shown = config.stylizer == "lite" and self._slot is not None
        return [
            StyleChoice(name, config.stylizer, description, name == config.style, shown)
            for name, description in told
        ]

    def picture(self, config: Config, name: str) -> bytes:
        """The source in that style, JPEG; waits until it is made. Called on any thread.

        Raises ConfigError for a style that there is not, LivestyleError where no picture is made.
        """
        if config.stylizer != "lite" or self._slot is None:
            raise LivestyleError(f"style {name!r}: there are pictures of lite's styles alone")
        find_style(name)
        with self._new:
            if self._is_fresh and name in self._pictures:
                return self._pictures[name]
            if not self._is_making:
                self._is_making = True
                self._pictures, self._failure = {}, ""
                Aside(lambda: self._make(self._slot), "gallery").start()  # type: ignore[arg-type]
            self._new.wait_for(lambda: name in self._pictures or not self._is_making)
            if name in self._pictures:
                return self._pictures[name]
        raise LivestyleError(f"style {name!r}: no picture was made: {self._failure}")

    @property
    def _is_fresh(self) -> bool:
        return time.monotonic() - self._seen_at < _FRESH

    def _make(self, slot: Slot) -> None:
        failure = "it has none"
        try:
            source = self._source(slot)
            names = [style.name for style in list_styles()]
            work = Work(
                "livestyle.worker.gallery:paint_styles",
                (source, names),
                "the gallery",
                background=True,
                seconds=_SECONDS,
            )
            run_apart(work, self._take)
        except LivestyleError as error:
            failure = str(error)
        finally:
            with self._new:
                self._is_making, self._failure = False, failure
                self._new.notify_all()

    def _source(self, slot: Slot) -> Pixels:
        """The source as it is now, I420 (H * 3 / 2, W). Raises LivestyleError."""
        width, height = self._size
        picture: Pixels = np.empty((height * 3 // 2, width), np.uint8)
        began = time.monotonic_ns()
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            slot.want(1.0)
            seen = slot.look(picture.data.cast("B"))
            if seen is not None and seen.captured_at >= began:
                self._seen_at = time.monotonic()
                return picture
            time.sleep(_LOOK_EVERY)
        raise LivestyleError("the source gives no picture now; try again once it does")

    def _take(self, made: tuple[str, bytes]) -> None:
        name, jpeg = made
        with self._new:
            self._pictures[name] = jpeg
            self._new.notify_all()
