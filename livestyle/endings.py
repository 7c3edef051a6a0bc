"""Endings: the polite ways of having this process end, each of them a KeyboardInterrupt; and the
one that may mean something else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
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


def on_hangup(reload: Callable[[], None]) -> None:
    """Call `reload` for a SIGHUP, as daemons do, unless it tells of a terminal that has closed:
    that stays an ending. Where it is ignored (nohup), so it stays.
    """
    if not hasattr(signal, "SIGHUP") or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    began_in_one = _has_terminal()

    def hear(*_: object) -> None:
        if began_in_one and not _has_terminal():
            raise KeyboardInterrupt
        reload()

    signal.signal(signal.SIGHUP, hear)


def _has_terminal() -> bool:
    """Whether this process has one that is open, wherever its streams lead."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


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


def _is_ending(number: int) -> bool:
    """Whether nothing comes after it: a SIGHUP may be something else."""
    return number != getattr(signal, "SIGHUP", None)


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
        for number in sorted(set(came), key=_is_ending):
            signal.raise_signal(number)
