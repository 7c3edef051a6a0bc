"""Digest: what tells one model's files and settings from another's."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_CHUNK = 1 << 24


def canonical(plain: Any) -> str:
    """The one JSON text of something."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(files: Iterable[Path], salt: str = "") -> str:
    """SHA-256 over files, in the order of their names.

    A file in the hub's cache that is named by its SHA-256 is not read again.
    """
    total = hashlib.sha256(salt.encode())
    for file in sorted(files):
        total.update(f"{file.name}\0{_digest_of(file)}\0".encode())
    return total.hexdigest()


def _digest_of(file: Path) -> str:
    real = file.resolve()
    if real.parent.name == "blobs" and re.fullmatch("[0-9a-f]{64}", real.name):
        return real.name
    hashed = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()
