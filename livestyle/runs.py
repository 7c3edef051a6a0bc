"""Runs: those of this user that can be asked. Each says where it is in a file of its own.

The file has the page's token, so it is for this user alone, in a folder that nobody else may
change; what another user put there, or a link, is not read.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from livestyle.files import write
from livestyle.machine import is_alive
from livestyle.places import runtime_folder
from livestyle.private import folder_flaw, make_private, read_private
from livestyle.version import __version__

_LARGEST = 4096  # bytes; one has 150
_CONNECT_SECONDS = 2.0  # on this machine it takes less than a millisecond


@dataclass(frozen=True)
class Run:
    """One that has a page: its address, http://HOST:PORT/, and what opens it; its process."""

    address: str
    token: str
    pid: int
    version: str

    @property
    def host(self) -> str:
        """Its name or number alone."""
        return urlsplit(self.address).hostname or ""

    @property
    def port(self) -> int:
        """The page's TCP port."""
        return urlsplit(self.address).port or 80

    def answers(self) -> bool:
        """Whether something does at its port; a process that was killed takes no file with it."""
        if not is_alive(self.pid):
            return False
        try:
            socket.create_connection((self.host, self.port), _CONNECT_SECONDS).close()
        except ConnectionRefusedError:
            return False
        except OSError:  # too busy to say
            return True
        return True


class RunFile:
    """PORT.json in the runtime folder: there from `publish` to `remove`."""

    def __init__(self, address: str, token: str) -> None:
        self._run = Run(address, token, os.getpid(), __version__)

    def publish(self) -> None:
        """Write it, and clear those of runs that are gone. Raises LivestyleError."""
        folder = runtime_folder()
        make_private(folder)
        for run in _read_all(folder):
            if not run.answers():
                _unlink(folder, run)
        file = _file(folder, self._run)
        write(str(file), (json.dumps(asdict(self._run), indent=2) + "\n").encode())

    def remove(self) -> None:
        """Remove it, if it is still there: another run may have its place."""
        folder = runtime_folder()
        if _read(_file(folder, self._run)) == self._run:
            _unlink(folder, self._run)


def list_runs() -> list[Run]:
    """Those that answer, by their ports."""
    return [run for run in _read_all(runtime_folder()) if run.answers()]


def _read_all(folder: Path) -> list[Run]:
    """What is written there, by ports; nothing where the folder is not this user's own."""
    try:
        if folder_flaw(folder):
            return []
        names = os.listdir(folder)
    except OSError:
        return []
    numbers = sorted(int(name[:-5]) for name in names if _is_of_port(name))
    runs = (_read(folder / f"{number}.json") for number in numbers)
    return [run for run in runs if run is not None]


def _is_of_port(name: str) -> bool:
    stem = name.removesuffix(".json")
    return stem != name and stem.isascii() and stem.isdecimal() and len(stem) < 6


def _read(file: Path) -> Run | None:
    """What one says; None where it is none that a run of this user wrote."""
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        run = Run(**json.loads(read_private(file, _LARGEST)))
        texts = (run.address, run.token, run.version)
        if all(isinstance(each, str) for each in texts) and _file(file.parent, run) == file:
            return run
    return None


def _file(folder: Path, run: Run) -> Path:
    return folder / f"{run.port}.json"


def _unlink(folder: Path, run: Run) -> None:
    with contextlib.suppress(OSError):
        _file(folder, run).unlink()
