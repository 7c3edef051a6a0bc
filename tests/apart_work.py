"""What tests/test_apart.py has done in a process of its own; it imports little."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Any

from livestyle.errors import LivestyleError


def add(one: int, two: int, report: Any) -> int:
    report(0.5)
    print("a library's words")  # which are no answer
    return one + two


def refuse(report: Any) -> None:
    raise LivestyleError("there is no paint; buy some")


def blunder(report: Any) -> None:
    raise ValueError("a bug")


def devour(report: Any) -> None:
    raise MemoryError


def die(number: int, report: Any) -> None:
    os.kill(os.getpid(), number)


def sleep(file: Path, report: Any) -> None:
    file.write_text(str(os.getpid()))
    time.sleep(60)


def hold(file: Path, report: Any) -> None:
    """As a compiler may: in a call that lets no other thread of Python run."""
    file.write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(60)
