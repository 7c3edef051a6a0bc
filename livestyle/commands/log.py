"""The log of a run: a line for whatever happens to it, in a file of its own in the state folder.

Not by `logging`: its handlers are locked while they write, and waited for at the end of the
process, so that a disk that hangs would hold that up.
"""

from __future__ import annotations

import contextlib
import os
import threading
import traceback
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from livestyle.commands.noticed import Level, Noticed, assigned
from livestyle.commands.status import summary
from livestyle.commands.terminal import INTERRUPTED, spelled
from livestyle.config import Config, plain
from livestyle.errors import LivestyleError, reason
from livestyle.machine import describe_machine
from livestyle.past import LARGEST_LOG, PastRun, begin_run
from livestyle.veil import Veil
from livestyle.version import __version__

_EVERY = 0.25  # s
_PATIENCE = 2.0  # s, at the end
_WAITING = 4096  # lines that a disk may be behind; of more the oldest are lost
_LONGEST = 4000  # characters of a line


class RunLog:
    """From `with` to its end, with which it says how the run ended. What is written waits for a
    thread of its own, which alone touches the disk. Prompts, tokens and titles are left out.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._veil = Veil(environment)
        self._waiting: deque[tuple[datetime, Level, str]] = deque(maxlen=_WAITING)
        self._noticed = Noticed()
        self._report: dict[str, Any] | None = None
        self._flaw = ""  # why there is no log, or no more of it
        self._told = ""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def begin(self, config: Config) -> None:
        """What runs, and with which settings, as far as they are not the usual ones."""
        self._veil.learn(plain(config))
        machine = describe_machine()
        self.write(
            f"livestyle {__version__}, Python {machine['python']}, {machine['os']}, "
            f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
        )
        usual = plain(Config())
        others = {key: value for key, value in plain(config).items() if value != usual.get(key)}
        self.write(f"settings: {assigned(others) or 'the usual ones'}")

    def write(self, line: str, level: Level = "INFO") -> None:
        """A line, on any thread; nothing is waited for."""
        self._waiting.append((datetime.now(UTC), level, line.removeprefix("livestyle: ")))

    def look(self, status: dict[str, Any]) -> None:
        """Write what is new in the live report."""
        self._veil.learn(status["config"])
        for line, level in self._noticed.look(status):
            self.write(line, level)

    def keep(self, report: dict[str, Any]) -> None:
        """The final report: it is summed up here, and kept beside the log."""
        for line in summary(report):
            self.write(line)
        self._report = report

    def trouble(self) -> str:
        """Why there is no log, or no more of it, in a line, once; else ""."""
        flaw = self._flaw
        is_new, self._told = flaw != self._told, flaw
        return f"livestyle: {flaw}" if is_new else ""

    def __enter__(self) -> RunLog:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, LivestyleError):
            self.write(f"ended with exit code {error.exit_code}: {error}", "ERROR")
        elif isinstance(error, KeyboardInterrupt):
            self.write(f"ended with exit code {INTERRUPTED}, before there was a report")
        elif error is not None:
            self.write("".join(traceback.format_exception(error)).rstrip(), "ERROR")
        self._ending.set()
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self._flaw = "the log of this run is not finished: its disk takes nothing"

    def _run(self) -> None:
        try:
            run = begin_run()
            with contextlib.closing(_File(run)) as file:
                while not self._ending.wait(_EVERY):
                    self._write(file)
                self._write(file)
            if self._report is not None:
                run.write_report(self._veil.plain(self._report))
        except OSError as error:
            self._flaw = f"no log of this run: {reason(error)}"
        except LivestyleError as error:
            self._flaw = f"no log of this run: {error}"

    def _write(self, file: _File) -> None:
        for _ in range(len(self._waiting)):
            at, level, line = self._waiting.popleft()
            line = spelled(self._veil.text(line))
            if len(line) > _LONGEST:  # a traceback ends with what matters
                line = f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"
            stamp = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
            file.write(f"{stamp} {os.getpid()} {level} {line}\n")


class _File:
    """The log's file, which becomes the older one when it is full."""

    def __init__(self, run: PastRun) -> None:
        """Raises OSError."""
        self._run = run
        self._descriptor = self._open()
        self._size = os.fstat(self._descriptor).st_size

    def write(self, line: str) -> None:
        """Raises OSError."""
        content = line.encode(errors="backslashreplace")
        if self._size + len(content) > LARGEST_LOG:
            os.close(self._descriptor)
            os.replace(self._run.log, self._run.older_log)
            self._descriptor, self._size = self._open(), 0
        self._size += len(content)
        while content:
            content = content[os.write(self._descriptor, content) :]

    def close(self) -> None:
        """Raises OSError."""
        os.close(self._descriptor)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        return os.open(self._run.log, flags, 0o600)
