"""The frame log: a CSV line for every output frame, written off the frame path."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from pathlib import Path

from livestyle.errors import LivestyleError, reason
from livestyle.files import private
from livestyle.front.output import Written

_COLUMNS = "deadline_ns,written_at_ns,kind,seq,captured_at_ns"


class FrameLog:
    """Takes what the output clock puts into `written` to FILE.part, renamed to FILE at the end; a
    FILE.part that is there is left alone.
    """

    def __init__(self, file: str) -> None:
        """Raises LivestyleError when the file cannot be made."""
        self.written: deque[Written] = deque()
        self.note = ""
        self._target = Path(file)
        self._temporary = Path(f"{file}.part")
        try:
            made = private(str(self._temporary), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            self._file = os.fdopen(made, "w", encoding="utf-8")
        except FileExistsError as error:
            raise LivestyleError(
                f"{str(self._temporary)!r} is there: another livestyle is writing it, or it is "
                "left of one that was cut off; rename or remove it, or choose another name"
            ) from error
        except OSError as error:
            raise LivestyleError(f"cannot write frame log {file!r}: {reason(error)}") from error
        self._file.write(_COLUMNS + "\n")

    def flush(self) -> None:
        """Write out what has come since; after a failure, which `note` tells, no more."""
        lines = [self.written.popleft() for _ in range(len(self.written))]
        if self.note:
            return
        try:
            self._file.writelines(
                f"{line.deadline},{line.written_at},{line.kind},{line.seq},{line.captured_at}\n"
                for line in lines
            )
            self._file.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.note = f"frame log {str(self._target)!r} stopped: {reason(error)}"
        for undo in (self._file.close, self._temporary.unlink):
            with contextlib.suppress(OSError):  # what is still in the buffer has no room either
                undo()

    def __enter__(self) -> FrameLog:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.flush()
        if self.note:
            return
        try:
            self._file.close()
            os.replace(self._temporary, self._target)
        except OSError as error:
            self._give_up(error)
