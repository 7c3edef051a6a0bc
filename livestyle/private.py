"""Private: files and folders that are this user's alone, as what opens a run has to be. A link, or
what another user put in their place, is not read.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from livestyle.errors import LivestyleError
from livestyle.places import make_folder


def read_private(file: Path, most: int) -> bytes:
    """What a file of this user's alone holds, its first `most` bytes; nothing where there is none
    that is.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(file, flags)
    except OSError:
        return b""
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or os.path.islink(file) or _flaw(found, 0o077):
            return b""
        return os.read(descriptor, most)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """See to it that there is such a folder. Raises LivestyleError."""
    make_folder(folder)
    if flaw := folder_flaw(folder):
        raise LivestyleError(f"the folder {str(folder)!r} {flaw}; remove it")


def folder_flaw(folder: Path) -> str:
    """Why others than this user may change what is in it, or ""; it is a folder itself, no link.
    Raises OSError where it can't be looked at.
    """
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        return "is something else, or a link"
    return _flaw(found, 0o022)


def _flaw(found: os.stat_result, others: int) -> str:
    """others: what they may not, as in its mode."""
    if sys.platform == "win32":  # it lies in the user's profile
        return ""
    if found.st_uid != os.getuid():
        return "is another user's"
    return "is open to others" if found.st_mode & others else ""
