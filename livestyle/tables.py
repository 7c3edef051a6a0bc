"""Tables: TOML files, by whoever made them."""

from __future__ import annotations

import stat
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from livestyle.errors import ConfigError, reason

_LARGEST = 2**20  # bytes; settings, presets and cards have a few thousand


def read_toml(file: Traversable, what: str) -> dict[str, Any]:
    """A TOML file's table. what: the file, in words. Raises ConfigError."""
    try:
        if isinstance(file, Path) and not (file.is_dir() or stat.S_ISREG(file.stat().st_mode)):
            raise ValueError("it is no regular file")  # a pipe or device may never end
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST} bytes")
        return tomllib.loads(content.decode("utf-8-sig"))  # Windows' editors write a mark
    except OSError as error:
        raise ConfigError(f"cannot read {what}: {reason(error)}") from error
    except RecursionError as error:
        raise ConfigError(f"cannot read {what}: it is nested too deep") from error
    except ValueError as error:  # also what is no UTF-8, no TOML, or has too many digits
        raise ConfigError(f"cannot read {what}: {error}") from error
