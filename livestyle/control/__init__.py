"""The control page: what it shows and does, its server and its guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Controls:
    """What the page shows and does. All are called on the server's thread.

    status: the live form of the run report. change: takes what of the look shall change, by the
    names that flags have; raises ConfigError. answer: why the last change can't be, "" where it is
    done, or None while that is not known.
    """

    status: Callable[[], dict[str, Any]]
    change: Callable[[dict[str, Any]], None]
    answer: Callable[[], str | None] = lambda: ""
