"""The gallery: the styles there are, with pictures made of the current input in each."""

from __future__ import annotations

import threading
import time

from livestyle.aside import Aside
from livestyle.config import Config
from livestyle.control import StyleChoice
from livestyle.errors import LivestyleError
from livestyle.front.painters import Painter
from livestyle.stylizers.preset import find_preset, list_presets
from livestyle.stylizers.style import find_style, list_styles

_FRESH = 10.0  # s for which the pictures are good
_PATIENCE = 5.0  # s for which the end of a round is waited for
_IDLE = 20.0  # s after which nobody is asking any more


class Gallery:
    """Pictures of the styles, by a painter, one after the other. They are made when somebody asks,
    all of them, and again when somebody asks later than _FRESH; what the painter holds is let go of
    when nobody has asked for _IDLE.
    """

    def __init__(self, painter: Painter | None) -> None:
        """painter: of the styles of the run's stylizer; None: there are no pictures."""
        self._painter = painter
        self._new = threading.Condition()  # protects what is below
        self._made: dict[str, bytes | str] = {}  # by style: JPEG, or why there is none
        self._made_at = float("-inf")  # s, monotonic: when the first of the round was
        self._made_of = ""  # the source of the round
        self._is_making = self._is_served = self._is_closed = False
        self._failure = ""  # why the last round ended early
        self._serving: Aside | None = None

    def styles(self, config: Config) -> list[StyleChoice]:
        """Those of the run's stylizer, the user's own among them. Raises LivestyleError."""
        if config.stylizer == "turbo":
            told = [(preset.name, preset.description) for preset in list_presets()]
        elif config.stylizer == "lite":
            told = [(style.name, style.description) for style in list_styles()]
        else:
            return []
        shown = self._painter is not None
        return [
            StyleChoice(name, config.stylizer, description, name == config.style, shown)
            for name, description in told
        ]

    def picture(self, config: Config, name: str) -> bytes:
        """The source in that style, JPEG; waits until it is made. Called on any thread.

        Raises ConfigError for a style that there is not, LivestyleError where no picture is made.
        """
        if self._painter is None:
            raise LivestyleError(f"style {name!r}: this run has no pictures of its styles")
        find_preset(name) if config.stylizer == "turbo" else find_style(name)
        with self._new:
            is_old = time.monotonic() - self._made_at > _FRESH or config.source != self._made_of
            if not self._is_making and (is_old or name not in self._made):
                self._is_making = True
                self._made, self._made_of, self._failure = {}, config.source, ""
                self._begin(self._painter)
            self._new.wait_for(lambda: name in self._made or not self._is_making or self._is_closed)
            why = "the run ends" if self._is_closed else self._failure
            made = self._made.get(name, why or "it has just been removed")
        if isinstance(made, str):
            raise LivestyleError(f"style {name!r}: no picture is made: {made}")
        return made

    def close(self) -> None:
        """End what is made, and what waits for it. No painter does anything any more."""
        with self._new:
            self._is_closed = True
            self._new.notify_all()
        if self._painter is not None:
            self._painter.stop()
        if self._serving is not None:
            self._serving.join(_PATIENCE)

    def _begin(self, painter: Painter) -> None:
        if self._is_served:
            self._new.notify_all()
        else:
            self._is_served = True
            self._serving = Aside(lambda: self._serve(painter), "gallery")
            self._serving.start()

    def _serve(self, painter: Painter) -> None:
        """Make one round after the other, while there is somebody who asks."""
        try:
            with painter:
                while self._is_wanted():
                    self._make(painter)
        except (LivestyleError, OSError) as error:  # OSError: the system refuses a process
            with self._new:
                self._is_making = self._is_served = False
                self._failure = str(error)
                self._new.notify_all()

    def _is_wanted(self) -> bool:
        """Waits until another round is, or none was for _IDLE: then this serves no more."""
        with self._new:
            self._new.wait_for(lambda: self._is_making or self._is_closed, _IDLE)
            if self._is_making and not self._is_closed:
                return True
            self._is_making = self._is_served = False
            return False

    def _make(self, painter: Painter) -> None:
        for name, made in painter.paint():
            with self._new:
                if not self._made:
                    self._made_at = time.monotonic()
                self._made[name] = made
                self._new.notify_all()
        with self._new:
            self._is_making = False
            self._new.notify_all()
