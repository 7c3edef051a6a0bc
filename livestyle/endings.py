"""Endings: the polite ways of having this process end, each of them a KeyboardInterrupt."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker

ENDINGS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def end_in_order() -> None:
    """Make every polite way of ending a Ctrl-C, also where a shell has it ignored; but for a
    terminal that closes, where nohup has that ignored.
    """
    for ending in ENDINGS:
        if ending.name != "SIGHUP" or signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, signal.default_int_handler)


@contextlib.contextmanager
def endings_held() -> Iterator[None]:
    """For the start of a process: an ending that comes meanwhile is one afterwards. A process whose
    start is cut short would tell of it in a traceback. The new one never gets SIGINT: Ctrl-C would
    find it before it can ignore it.
    """
    with contextlib.ExitStack() as held:
        if threading.current_thread() is threading.main_thread():  # the others hear no signal
            held.enter_context(_handlers_held())
        if hasattr(signal, "pthread_sigmask"):  # not on Windows
            # multiprocessing's tracker, where the first process starts it, lets SIGINT through
            resource_tracker.ensure_running()
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            held.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        yield


@contextlib.contextmanager
def _handlers_held() -> Iterator[None]:
    came: list[int] = []
    handlers = {ending: signal.getsignal(ending) for ending in ENDINGS}
    handlers = {ending: handler for ending, handler in handlers.items() if callable(handler)}
    for ending in handlers:
        signal.signal(ending, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for ending, handler in handlers.items():
            signal.signal(ending, handler)
        if came:
            signal.raise_signal(came[0])
