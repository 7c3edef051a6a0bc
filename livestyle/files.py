"""Files that are written: whole or not at all, and refused before the work rather than after it.
And those that are read as settings, by whoever made them.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from livestyle.errors import ConfigError, LivestyleError, reason

_LARGEST = 2**20  # bytes; settings, presets and cards have a few thousand


def check_target(flag: str, file: str | None) -> None:
    """Raise ConfigError for a file that can't be written there. flag: what named it."""
    if file is None:
        return
    target = Path(file).absolute()
    if not target.parent.is_dir():
        raise ConfigError(f"{flag} {file!r}: its folder does not exist; make it first")
    if target.is_dir():
        raise ConfigError(f"{flag} {file!r}: that is a folder; name a file")
    if os.path.lexists(target) and not stat.S_ISREG(target.lstat().st_mode):
        raise ConfigError(
            f"{flag} {file!r}: that is a device, a pipe or a link, which is not replaced; name a "
            "file"
        )


def read_toml(file: Traversable, what: str) -> dict[str, Any]:
    """A TOML file's table. what: the file, in words. Raises ConfigError."""
    try:
        if isinstance(file, Path) and not (file.is_dir() or stat.S_ISREG(file.stat().st_mode)):
            raise ValueError("it is no regular file")  # a pipe or device may never end
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST} bytes")
        return tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {what}: {reason(error)}") from error
    except RecursionError as error:
        raise ConfigError(f"cannot read {what}: it is nested too deep") from error
    except ValueError as error:  # also what is no UTF-8, no TOML, or has too many digits
        raise ConfigError(f"cannot read {what}: {error}") from error


def write_json(file: str, figures: Mapping[str, Any]) -> None:
    """Write a file whole or not at all. Raises LivestyleError."""
    write(file, (json.dumps(figures, indent=2) + "\n").encode())


def write(file: str, content: bytes) -> None:
    """Write a file whole or not at all. Raises LivestyleError."""
    try:
        write_atomically(file, content)
    except OSError as error:
        raise LivestyleError(f"cannot write {file!r}: {reason(error)}") from error


def private(path: str, flags: int) -> int:
    """Open a file that is made now, for this user alone; an `opener` of open's. What is written may
    be pictures of a screen.
    """
    return os.open(path, flags, 0o600)


def write_atomically(file: str, content: bytes) -> None:
    """Write a file, for this user alone, under a name beside it that nobody can guess and that was
    free, sync and rename. Raises OSError.
    """
    target = Path(file)
    descriptor, temporary = tempfile.mkstemp(".part", ".livestyle-", target.parent)
    try:
        with open(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
