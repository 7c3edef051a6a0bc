"""Past runs: what the newest have left in the state folder, each a log and a report of its own, so
that two at once are not in each other's way.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livestyle.errors import LivestyleError
from livestyle.files import write
from livestyle.machine import is_alive
from livestyle.places import make_folder, state_folder
from livestyle.private import make_private, read_private

LARGEST_LOG = 2**18  # bytes of each of its two files
_MOST = 2**22  # bytes of all that is kept
_RUNS = 50
_LARGEST = 2**20  # bytes of a file that is read
_NAME = re.compile(r"(\d{8}T\d{6}Z-(\d{1,10}))(?:\.log|\.log\.1|\.json)", re.ASCII)


@dataclass(frozen=True)
class PastRun:
    """One, by its folder, its name and the process that it was or is."""

    folder: Path
    name: str
    pid: int

    @property
    def log(self) -> Path:
        """What happened to it."""
        return self.folder / f"{self.name}.log"

    @property
    def older_log(self) -> Path:
        """What happened before, where that was too much for one file."""
        return self.folder / f"{self.name}.log.1"

    @property
    def report(self) -> Path:
        """Its figures, once it has ended."""
        return self.folder / f"{self.name}.json"

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it may have."""
        return self.older_log, self.log, self.report

    @property
    def goes_on(self) -> bool:
        """Whether its process is there. Not asked on Windows, where no open file is removed."""
        return os.name != "nt" and is_alive(self.pid)

    def write_report(self, report: dict[str, Any]) -> None:
        """Keep its figures. Raises LivestyleError."""
        write(str(self.report), (json.dumps(report, indent=2) + "\n").encode())


def begin_run() -> PastRun:
    """This process's, with a folder to write into, from which the oldest are gone that there is no
    room for. Raises LivestyleError.
    """
    folder = _folder()
    make_folder(folder.parent)
    make_private(folder)
    _clear()
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
    return PastRun(folder, name, os.getpid())


def past_runs() -> list[PastRun]:
    """Those that are kept, the newest first."""
    folder = _folder()
    found = set()
    with contextlib.suppress(OSError):  # there was none yet
        for name in os.listdir(folder):
            if match := _NAME.fullmatch(name):
                found.add(PastRun(folder, match[1], int(match[2])))
    return sorted(found, key=lambda run: run.name, reverse=True)


def read_kept(file: Path) -> bytes:
    """One of their files; nothing where there is none that is this user's alone."""
    return read_private(file, _LARGEST)


def last_report() -> dict[str, Any]:
    """That of the newest run that has ended. Raises LivestyleError."""
    for run in past_runs():
        if content := read_kept(run.report):
            with contextlib.suppress(ValueError, RecursionError):
                report = json.loads(content)
                if isinstance(report, dict):
                    return report
            raise LivestyleError(f"{str(run.report)!r} is damaged; remove it")
    raise LivestyleError("no run has left a report yet; a run does when it ends")


def _folder() -> Path:
    return state_folder() / "runs"


def _clear() -> None:
    """Remove the oldest that are too many or too much, but for those that go on."""
    size = 0
    for number, run in enumerate(past_runs(), 1):
        size += sum(map(_size, run.files))
        if (number >= _RUNS or size > _MOST) and not run.goes_on:
            for file in run.files:
                with contextlib.suppress(OSError):
                    file.unlink()


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
