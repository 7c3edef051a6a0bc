"""The frame log: a CSV line for every output frame, written off the frame path."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque

from livestyle.errors import reason
from livestyle.files import Part
from livestyle.front.output import Written

_COLUMNS = "deadline_ns,written_at_ns,kind,seq,captured_at_ns,change"
_EVERY = 0.25  # s
_PATIENCE = 5.0  # s, at the end
_WAITING = 2**17  # lines that a disk may be behind; what it is further behind is lost


class FrameLog:
    """Takes what the output clock puts into `written` to a `Part`, finished at the end, on a thread
    of its own: a disk that hangs holds nobody up. `note` tells of what fails.
    """

    def __init__(self, file: str, overwrite: bool) -> None:
        """Raises ConfigError and LivestyleError, see `Part`."""
        self.written: deque[Written] = deque(maxlen=_WAITING)
        self.note = ""
        self._part = Part("--frame-log", file, overwrite)
        self._file = os.fdopen(self._part.descriptor, "w", encoding="utf-8")
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="frame-log", daemon=True)
        self._thread.start()

    def __enter__(self) -> FrameLog:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ending.set()
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            self.note = (
                f"frame log {self._part.file!r} is not finished: its disk takes nothing; "
                f"'{self._part.file}.part' has what it took"
            )

    def _run(self) -> None:
        try:
            self._file.write(_COLUMNS + "\n")
            while not self._ending.wait(_EVERY):
                self._write()
            self._write()
            self._file.close()
            self._part.finish()
        except OSError as error:
            self.note = f"frame log {self._part.file!r} stopped: {reason(error)}"
            with contextlib.suppress(OSError):  # what is still in the buffer has no room either
                self._file.close()
            self._part.discard()

    def _write(self) -> None:
        lines = [self.written.popleft() for _ in range(len(self.written))]
        self._file.writelines(
            f"{line.deadline},{line.written_at},{line.kind},{line.seq},{line.captured_at},"
            f"{line.change}\n"
            for line in lines
        )
        self._file.flush()
