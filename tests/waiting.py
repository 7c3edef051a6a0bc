"""Waiting for what is to come true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], limit: float = 60, every: float = 0.02) -> T:
    """What the condition returns as soon as that is true; asked every so many s, for `limit` s."""
    deadline = time.monotonic() + limit
    while not (value := condition()):
        assert time.monotonic() < deadline, "timed out"
        time.sleep(every)
    return value
