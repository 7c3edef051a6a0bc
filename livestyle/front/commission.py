"""Commission: pictures that the run's worker is asked for, on their way there and back."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator

from livestyle.between.messages import Paint, Painted
from livestyle.errors import LivestyleError

_OVER = "the run ends"


class Commission:
    """One round at a time: asked for on any thread, which waits, and served by that on which the
    worker is heard.
    """

    def __init__(self) -> None:
        self.is_on = False  # whether somebody waits for pictures
        self._is_closed = False
        self._asked: Paint | None = None  # what the worker is not told yet
        self._heard: queue.SimpleQueue[Painted | str] = queue.SimpleQueue()  # str: why it ends

    def pictures(self, names: list[str], seconds: float) -> Iterator[tuple[str, bytes | str]]:
        """Each with its JPEG, or why there is none, as the worker makes them.

        Raises LivestyleError where the worker is gone, or not done in time.
        """
        self._heard = queue.SimpleQueue()
        self._asked, self.is_on = Paint(tuple(names)), True
        until, waiting = time.monotonic() + seconds, set(names)
        try:
            while waiting:
                news = self._news(until)
                waiting.discard(news.name)
                yield news.name, news.made
        except queue.Empty:
            raise LivestyleError(f"the run had no time for it within {seconds:g} s") from None
        finally:
            self.is_on = False

    def take(self) -> Paint | None:
        """What the worker is to be told, once."""
        asked, self._asked = self._asked, None
        return asked

    def hear(self, painted: Painted) -> None:
        """What the worker made."""
        self._heard.put(painted)

    def end(self, why: str) -> None:
        """No picture of a round that is on comes any more."""
        if self.is_on:
            self._asked = None
            self._heard.put(why)

    def close(self) -> None:
        """There are no rounds any more. Called on any thread."""
        self._is_closed = True
        self.end(_OVER)

    def _news(self, until: float) -> Painted:
        if self._is_closed:
            raise LivestyleError(_OVER)
        news = self._heard.get(timeout=max(0.0, until - time.monotonic()))
        if isinstance(news, str):
            raise LivestyleError(news)
        return news
