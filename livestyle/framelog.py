"""The frame log: a CSV line for every output frame, written off the frame path."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

from livestyle.errors import LivestyleError
from livestyle.output import Written

_COLUMNS = "deadline_ns,written_at_ns,kind,seq,captured_at_ns"


class FrameLog:
    """Takes what the output clock puts into `written` to a file; renamed into place at the end."""

    def __init__(self, file: str) -> None:
        """Raises LivestyleError when the file cannot be made."""
        self.written: deque[Written] = deque()
        self._target = Path(file)
        self._temporary = Path(f"{file}.part")
        try:
            self._file = self._temporary.open("w", encoding="utf-8")
        except OSError as error:
            raise LivestyleError(f"cannot write frame log {file!r}: {error.strerror}") from error
        print(_COLUMNS, file=self._file)

    def flush(self) -> None:
        """Write out what has come since the last time."""
        while self.written:
            line = self.written.popleft()
            print(
                f"{line.deadline},{line.written_at},{line.kind},{line.seq},{line.captured_at}",
                file=self._file,
            )
        self._file.flush()

    def __enter__(self) -> FrameLog:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.flush()
        self._file.close()
        os.replace(self._temporary, self._target)
