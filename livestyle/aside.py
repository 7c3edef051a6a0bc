"""Aside: do something on a thread of its own, and wait for what comes of it."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import TypeVar, cast

from livestyle.streams import write_or_drop

T = TypeVar("T")


class Aside(threading.Thread):
    """A thread that may still compute when the process is to end."""

    def __init__(self, work: Callable[[], object], name: str) -> None:
        super().__init__(target=work, name=name, daemon=True)


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

    thread = Aside(run, name)
    thread.start()
    try:
        result, error = done.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"{name}: not done within {timeout:g} s") from None
    thread.join()
    if error:
        raise error
    return cast("T", result)


def leave(code: int) -> None:
    """End the process here where a thread still computes aside; else do nothing.

    The interpreter must not end under such a thread: PyTorch would abort the process.
    """
    if any(isinstance(thread, Aside) for thread in threading.enumerate()):
        write_or_drop()
        os._exit(code)
