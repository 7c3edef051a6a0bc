"""A child: a process of ours that ends with this one, and the pipe to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from livestyle.endings import endings_held
from livestyle.leash import Leash, run_leashed
from livestyle.places import leave_removed_folder
from livestyle.worker.process import WorkerProcess


class Child:
    """Runs a function with its end of a pipe and the arguments. `pipe`: our end, for whoever uses
    it to close.
    """

    def __init__(self, name: str, function: Callable[..., object], *arguments: object) -> None:
        """Raises OSError where the system refuses a process."""
        self.pipe: Connection
        self.pipe, theirs = multiprocessing.Pipe()
        with contextlib.ExitStack() as undo:
            undo.callback(theirs.close)  # also so that a dead child is the end of the pipe
            with contextlib.ExitStack() as failing:
                failing.callback(self.pipe.close)
                self._leash = Leash()
                failing.callback(self._leash.close)
                self._process = WorkerProcess(
                    target=run_leashed,
                    args=(self._leash.held, function, theirs, *arguments),
                    name=name,
                    daemon=True,
                )
                leave_removed_folder()
                with endings_held():
                    self._process.start()
                    self._leash.tie(self._process.ident or 0)
                failing.pop_all()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.ident or 0

    @property
    def is_stopped(self) -> bool:
        """Whether a signal has stopped it (SIGSTOP); only Linux tells."""
        try:
            told = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return told.rpartition(")")[2].split()[0] == "T"  # proc(5); the name may hold anything

    def exit_code(self) -> int:
        """What it ended with; below 0 a signal. It is waited for a moment."""
        self._process.join(1)
        return self._process.exitcode or 0

    def kill(self) -> None:
        """Have it end now; not to be called after `end`."""
        self._process.kill()

    def end(self, patience: float = 0.5) -> int | None:
        """Wait for its end so long, s, then kill it. Returns its exit code, as above; None where
        not even that ends it.
        """
        self._process.join(patience)
        self._process.kill()
        self._process.join()
        code = self._process.exitcode
        if code is not None:  # else multiprocessing looks again at each start
            self._process.close()
        self._leash.close()
        return code


def ended(code: int | None) -> str:
    """How a process ended, in words, from its exit code, see `Child.end`."""
    if code is None:
        return "can't be ended, and is left to the system"
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):  # there are some without a name
        return f"ended with signal {-code} ({signal.Signals(-code).name})"
    return f"ended with signal {-code}"
