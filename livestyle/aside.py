"""Aside: do something on a thread of its own, and wait for what comes of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


def run_aside(work: Callable[[], T], name: str, timeout: float | None = None) -> T:
    """What `work` returns or raises, from a thread of its own that ends with it.

    timeout: in s; then TimeoutError is raised, and the thread is left to itself.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # raised where the result is waited for
            done.put((None, error))

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        result, error = done.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"{name}: not done within {timeout:g} s") from None
    thread.join()
    if error:
        raise error
    return cast("T", result)
