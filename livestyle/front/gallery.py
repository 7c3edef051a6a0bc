"""The gallery: the styles there are, with pictures made of the current input in each of lite's."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np

from livestyle.aside import Aside
from livestyle.between.slot import Slot
from livestyle.config import Config
from livestyle.control import StyleChoice
from livestyle.errors import LivestyleError
from livestyle.frame import Size
from livestyle.front.child import Child
from livestyle.stylizers.preset import list_presets
from livestyle.stylizers.style import find_style, list_styles
from livestyle.worker.gallery import serve_gallery

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_FRESH = 10.0  # s for which the pictures are good
_PATIENCE = 5.0  # s for which a picture of the source is waited for
_SECONDS = 120.0  # for all of them
_IDLE = 20.0  # s after which nobody is asking any more
_LOOK_EVERY = 0.05  # s


class Gallery:
    """Pictures of lite's styles, by a process apart that leaves the machine to the run, one style
    after the other. They are made when somebody asks, all of them, and again when somebody asks
    later than _FRESH; the process ends when nobody has asked for _IDLE.

    Turbo's presets have none: a second model beside that of the run is more memory, and seconds of
    its time, than a list is worth.
    """

    def __init__(self, slot: Slot | None, size: Size) -> None:
        """slot: pictures of the source, I420 of (width, height) `size`; None: there are none."""
        self._slot = slot
        self._size = size
        self._new = threading.Condition()  # protects what is below
        self._made: dict[str, bytes | str] = {}  # by style: JPEG, or why there is none
        self._seen_at = float("-inf")  # s, monotonic: when what they show was captured
        self._is_making = self._is_served = self._is_closed = False
        self._failure = ""  # why the last round ended early
        self._child: Child | None = None
        self._serving: Aside | None = None

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
            is_old = time.monotonic() - self._seen_at > _FRESH
            if not self._is_making and (is_old or name not in self._made):
                self._is_making = True
                self._made, self._failure = {}, ""
                self._begin(self._slot)
            self._new.wait_for(lambda: name in self._made or not self._is_making or self._is_closed)
            why = "the run ends" if self._is_closed else self._failure
            made = self._made.get(name, why or "it has just been removed")
        if isinstance(made, str):
            raise LivestyleError(f"style {name!r}: no picture is made: {made}")
        return made

    def close(self) -> None:
        """End the process, and what waits for its pictures. The slot is not looked at any more."""
        with self._new:
            self._is_closed = True
            self._new.notify_all()
            if self._child is not None:
                self._child.kill()
        if self._serving is not None:
            self._serving.join(_PATIENCE)

    def _begin(self, slot: Slot) -> None:
        if self._is_served:
            self._new.notify_all()
        else:
            self._is_served = True
            self._serving = Aside(lambda: self._serve(slot), "gallery")
            self._serving.start()

    def _serve(self, slot: Slot) -> None:
        """Make one round after the other, by one process, while there is somebody who asks."""
        failure = ""
        try:
            with self._started() as pipe:
                while self._is_wanted():
                    self._make(slot, pipe)
                return
        except LivestyleError as error:
            failure = str(error)
        except (OSError, EOFError):
            failure = "its process has ended"
        with self._new:
            self._is_making = self._is_served = False
            self._failure = failure
            self._new.notify_all()

    def _is_wanted(self) -> bool:
        """Waits until another round is, or none was for _IDLE: then this serves no more."""
        with self._new:
            self._new.wait_for(lambda: self._is_making or self._is_closed, _IDLE)
            if self._is_making and not self._is_closed:
                return True
            self._is_making = self._is_served = False
            return False

    @contextlib.contextmanager
    def _started(self) -> Iterator[Connection]:
        child = Child("livestyle-gallery", serve_gallery)
        with self._new:
            self._child = child
            if self._is_closed:
                child.kill()
        try:
            yield child.pipe
        finally:
            child.pipe.close()
            with self._new:
                if self._child is child:
                    self._child = None
            child.end()

    def _make(self, slot: Slot, pipe: Connection) -> None:
        """One round. Raises LivestyleError, and OSError or EOFError where the process is gone."""
        until = time.monotonic() + _SECONDS
        pipe.send((self._source(slot), [style.name for style in list_styles()]))
        while pipe.poll(max(0.0, until - time.monotonic())):
            made = pipe.recv()
            with self._new:
                if made is None:
                    self._is_making = False
                else:
                    self._made[made[0]] = made[1]
                self._new.notify_all()
            if made is None:
                return
        raise LivestyleError(f"the machine had no time for it within {_SECONDS:g} s")

    def _source(self, slot: Slot) -> Pixels:
        """The source as it is now, I420 (H * 3 / 2, W). Raises LivestyleError."""
        width, height = self._size
        picture: Pixels = np.empty((height * 3 // 2, width), np.uint8)
        began = time.monotonic_ns()
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and not self._is_closed:
            slot.want(1.0)
            seen = slot.look(picture.data.cast("B"))
            if seen is not None and seen.captured_at >= began:
                self._seen_at = time.monotonic()
                return picture
            time.sleep(_LOOK_EVERY)
        raise LivestyleError("the source gives no picture now; try again once it does")
