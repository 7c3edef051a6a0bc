"""Cover: what the output shows while there are no pictures, see `on-failure`."""

from __future__ import annotations

from livestyle.config import Config
from livestyle.frame import Size
from livestyle.front.card import black, draw_card
from livestyle.front.inprocess import InProcess
from livestyle.front.output import OutputClock
from livestyle.front.supervisor import Supervisor
from livestyle.pacing import SECOND

CARD_AFTER = 2 * SECOND  # ns without a new frame, while the worker or the source is away
_STARTING, _AWAY, _FAILED = "starting", "one moment", "it failed, and is tried again every minute"
_BLACK = ""


class Cover:
    """Shown by the clock until its next new frame."""

    def __init__(self, clock: OutputClock, size: Size) -> None:
        self._clock = clock
        self._cards = {text: draw_card(size, text) for text in (_STARTING, _AWAY, _FAILED)}
        self._cards[_BLACK] = black(size)

    def begin(self) -> None:
        """Before the first frame."""
        self._clock.card = self._cards[_STARTING]

    def rest(self, config: Config) -> None:
        """Cover the last frame while nobody watches: who comes next is not to see it."""
        if config.on_failure != "freeze":
            self._show(_AWAY, config)

    def look(self, worker: Supervisor | InProcess, config: Config) -> None:
        """Cover the last frame where it is old, and it is known why."""
        newest_at = self._clock.counts.newest_at
        failed = worker.state in ("failed", "standby")
        trouble = worker.state != "running" or worker.message
        away = self._clock.now() - newest_at > CARD_AFTER
        if not away or not (failed or (trouble and newest_at)):
            return
        if config.on_failure == "freeze" and newest_at:
            return
        self._show(_FAILED if failed else _AWAY, config)

    def _show(self, text: str, config: Config) -> None:
        self._clock.card = self._cards[_BLACK if config.on_failure == "black" else text]
