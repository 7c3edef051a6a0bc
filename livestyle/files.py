"""Files that are written: whole or not at all, and refused before the work rather than after it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livestyle.errors import ConfigError, LivestyleError, reason


def check_target(flag: str, file: str | None) -> None:
    """Raise ConfigError for a file that can't be written there. flag: what named it."""
    if file is None:
        return
    target = Path(file).absolute()
    if not target.parent.is_dir():
        raise ConfigError(f"{flag} {file!r}: its folder does not exist; make it first")
    if target.is_dir():
        raise ConfigError(f"{flag} {file!r}: that is a folder; name a file")


def write_json(file: str, figures: Mapping[str, Any]) -> None:
    """Write a file whole or not at all. Raises LivestyleError."""
    write(file, (json.dumps(figures, indent=2) + "\n").encode())


def write(file: str, content: bytes) -> None:
    """Write a file whole or not at all. Raises LivestyleError."""
    try:
        write_atomically(file, content)
    except OSError as error:
        raise LivestyleError(f"cannot write {file!r}: {reason(error)}") from error


def write_atomically(file: str, content: bytes) -> None:
    """Write a file under a temporary name beside it, sync and rename. Raises OSError."""
    target = Path(file)
    temporary = f"{file}.{os.getpid()}.part"
    try:
        with open(temporary, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
