"""Files that are written: whole or not at all, and refused before the work rather than after it.

What was asked for by name is a Target, or a Part where it grows: unasked they replace nothing. What
livestyle keeps for itself goes by `write`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from livestyle.errors import ConfigError, LivestyleError, reason

_NO_FILE = "that is a device, a pipe or a link, which is not replaced; name a file"


class Wanted(NamedTuple):
    """What is to be written: `what` it is, as a flag or in words, its name, and how it comes there:
    whole at the end, growing as a `Part`, or to what is no file, see `is_stream`.
    """

    what: str
    file: str
    how: Literal["whole", "part", "stream"] = "whole"


def check_targets(targets: Iterable[Wanted], overwrite: bool) -> None:
    """Raise ConfigError for a file that can't be written, that is there already and not to be
    overwritten, or for what two want, were it only until one of them is whole.
    """
    taken: dict[object, str] = {}  # by whom
    for what, file, how in targets:
        path = os.path.realpath(file)
        named = 1 if how == "stream" and file == "-" else file
        places: dict[object, tuple[str, str]] = dict.fromkeys(_identity(named), (what, "there"))
        if how != "stream":
            places[path] = (what, "there")
        if how == "part":
            places[f"{path}.part"] = (f"{what} {file!r}, unfinished,", f"at '{file}.part'")
        for place, (_, where) in places.items():
            if place in taken:
                other = f"another {what}" if taken[place] == what else taken[place]
                raise ConfigError(f"{what} {file!r}: {other} is to be {where}, too; name another")
        taken |= {place: who for place, (who, _) in places.items()}
        if how != "stream":
            check_target(what, file, overwrite, grows=how == "part")


def is_stream(file: str) -> bool:
    """Whether it is no file but what takes bytes as they come: stdout for "-", a named pipe, a
    terminal.
    """
    try:
        mode = os.stat(file).st_mode  # as /dev/stdout, a link, leads to one
    except OSError:
        mode = 0
    return file == "-" or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _identity(file: str | int) -> Iterator[tuple[int, ...]]:
    """What is one and the same under all its names; nothing of what is not there, nor of the null
    device, where nobody is in another's way. file: its name, or a descriptor.
    """
    with contextlib.suppress(OSError):
        found = os.stat(file)
        if not stat.S_ISCHR(found.st_mode):
            yield found.st_dev, found.st_ino
        elif found.st_rdev != os.stat(os.devnull).st_rdev:
            yield (found.st_rdev,)


def check_target(what: str, file: str, overwrite: bool, *, grows: bool = False) -> None:
    """Raise ConfigError for one of these, see `check_targets`; grows: as a `Part`."""
    path = os.path.abspath(file)
    if not os.path.isdir(os.path.dirname(path)):
        raise ConfigError(f"{what} {file!r}: its folder does not exist; make it first")
    try:
        found = _at(path)
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{what} {file!r}: that is a folder; name a file")
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise ConfigError(f"{what} {file!r}: {_NO_FILE}")
        if found is not None and not overwrite:
            raise ConfigError(
                f"{what} {file!r}: that is there already; name another, or replace it by "
                "--overwrite"
            )
        if grows:
            _at(f"{path}.part")  # which may be too long where the name is not
        descriptor, tried = _beside(path)  # only by trying can it be told whether one may
        os.close(descriptor)
        os.unlink(tried)
    except OSError as error:
        raise ConfigError(f"{what} {file!r}: cannot be written: {reason(error)}") from error


class Target:
    """A file that was asked for, written whole. What is there is not replaced unless that was
    asked for, too; what was written by this very object is.
    """

    def __init__(self, what: str, file: str, overwrite: bool) -> None:
        """Raises ConfigError, see `check_targets`."""
        check_target(what, file, overwrite)
        self.file = file
        self._path = os.path.abspath(file)  # the folder may be another by then
        self._overwrite = overwrite

    def write(self, content: bytes) -> None:
        """Raises LivestyleError; where something came there meanwhile, it names what is kept."""
        try:
            _name(_fresh(self._path, content), self._path, self._overwrite)
        except OSError as error:
            raise LivestyleError(f"cannot write {self.file!r}: {reason(error)}") from error
        self._overwrite = True

    def write_json(self, figures: Mapping[str, Any]) -> None:
        """The same, of what JSON can hold."""
        self.write((json.dumps(figures, indent=2) + "\n").encode())


class Part:
    """FILE.part, made just now for this user alone, which becomes FILE by `finish`.

    A FILE.part that is there already is left alone: another livestyle is writing it, or it is what
    was saved of one that was cut off. `descriptor` is for whoever writes, and closes, it.
    """

    def __init__(self, what: str, file: str, overwrite: bool) -> None:
        """Raises ConfigError, see `check_targets`, and LivestyleError when it can't be made."""
        check_target(what, file, overwrite, grows=True)
        self.file = file
        self._path = os.path.abspath(file)
        self.path = f"{self._path}.part"
        self._overwrite = overwrite
        self._is_finished = False
        try:
            self.descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with _or_removed(self.path):
                self._ours = os.dup(self.descriptor)  # while it's open no other has its inode
        except FileExistsError as error:
            raise LivestyleError(
                f"'{file}.part' is there: another livestyle is writing it, or it is left of one "
                "that was cut off; rename or remove it, or choose another name"
            ) from error
        except OSError as error:
            raise LivestyleError(f"cannot write {what} {file!r}: {reason(error)}") from error

    def finish(self) -> None:
        """Give it its name, once. Raises OSError; it is then kept, and the error says where, or
        something else has its place, which stays.
        """
        if not self._is_finished:
            self._is_finished = True
            if not self._is_there():
                lost = f"{self.path!r} was moved, removed or replaced; leave it alone until the end"
                raise OSError(errno.ESTALE, lost)
            _name(self.path, self._path, self._overwrite)

    def discard(self) -> None:
        """Remove it, unless it was to be finished."""
        if not self._is_finished:
            self._is_finished = True
            with contextlib.suppress(OSError):
                if self._is_there():
                    os.unlink(self.path)

    def _is_there(self) -> bool:
        """Whether what has its name is still what was made. Lets go of it. Raises OSError."""
        try:
            found = _at(self.path)
            return found is not None and os.path.samestat(found, os.fstat(self._ours))
        finally:
            os.close(self._ours)


def write(file: str, content: bytes) -> None:
    """Write a file of livestyle's own, in place of the one before. Raises LivestyleError."""
    try:
        path = _fresh(file, content)
        with _or_removed(path):
            os.replace(path, file)
    except OSError as error:
        raise LivestyleError(f"cannot write {file!r}: {reason(error)}") from error


def _at(path: str) -> os.stat_result | None:
    """What is there, if only a link to nothing. Raises OSError where one may not look."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _fresh(file: str, content: bytes) -> str:
    """Write for this user alone, under a name beside it, and sync. Returns the name."""
    descriptor, path = _beside(file)
    with _or_removed(path), open(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    return path


def _beside(file: str) -> tuple[int, str]:
    """A new file beside it, whose name nobody can guess: its descriptor and that name."""
    return tempfile.mkstemp(".part", ".livestyle-", os.path.dirname(file) or os.curdir)


@contextlib.contextmanager
def _or_removed(path: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _name(path: str, file: str, overwrite: bool) -> None:
    """Give a file its name. Raises OSError, which says that it is kept."""
    try:
        if not overwrite:
            _name_anew(path, file)
        elif (found := _at(file)) is None or stat.S_ISREG(found.st_mode):
            os.replace(path, file)
        else:
            raise FileExistsError
    except FileExistsError as error:
        kept = f"something else has come there; it is kept as {path!r}"
        raise OSError(errno.EEXIST, kept) from error
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; it is kept as {path!r}") from error


def _name_anew(path: str, file: str) -> None:
    """Give a file a name that nothing has. Raises OSError: FileExistsError where something has."""
    try:
        os.link(path, file)
    except FileExistsError:
        raise
    except OSError:  # a file has one name on this file system, as on memory cards
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with _or_removed(file):
            os.replace(path, file)
    else:
        os.unlink(path)
