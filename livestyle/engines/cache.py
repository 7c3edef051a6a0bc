"""Cache: compiled engines on this disk, one folder for each key, and nothing is run unverified.

    engines/            0700
    ├── KEY/            0700: manifest.json, the compiled networks, what they are checked with
    ├── KEY.building/   an engine that is being built, or was when the machine went down
    ├── KEY.lock        held by the process that builds KEY; the system lets go of it
    └── PID.running/    what Inductor unpacks for a process, see livestyle.engines.compiled

An engine is executable code. So a folder counts only when it, and every file in it, belongs to this
user, can be written by nobody else, is no link, and has the SHA-256 that the manifest gives; the
manifest has one of its own. A file is opened once, to be hashed and to be run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from livestyle.engines.entry import MANIFEST, Entry, Manifest, check_owner, map_file, sha256_of
from livestyle.engines.spec import Spec
from livestyle.errors import EngineError, reason
from livestyle.machine import is_alive
from livestyle.places import cache_folder

_KEY = re.compile("[0-9a-f]{32}")
_BUILDING, _LOCK, _GONE, _RUNNING = ".building", ".lock", ".gone", ".running"
_LEFT = re.compile(r"[0-9a-f]{32}\.(building|gone\d+)|\d+\.running")
_LOCK_WITHIN = 1.0  # s: somebody may hold it for the moment in which it looks whether it is held


class Cache:
    """The engines of this user."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self) -> list[Entry]:
        """All of them, sound or not. Raises EngineError where the cache itself can't be trusted."""
        if not self._is_there():
            return []
        check_private(self.root)
        return [Entry(path) for path in sorted(self.root.iterdir()) if _KEY.fullmatch(path.name)]

    def find(self, wanted: Spec) -> Entry | None:
        """The entry that serves a spec; a damaged one that would is refused with EngineError."""
        entries = self.entries()
        for entry in entries:
            if entry.key == wanted.key:
                entry.manifest()
                return entry
        for entry in entries:
            with contextlib.suppress(EngineError):  # whose it is can't be told
                if entry.manifest().spec.serves(wanted):
                    return entry
        return None

    @contextlib.contextmanager
    def building(self, spec: Spec) -> Iterator[Path]:
        """A folder to build the engine of a spec in; `finish` makes an entry of it.

        Leftovers of builds that died are removed first, and this one's when it ends without
        `finish`. Raises EngineError where another process builds the same, or nothing can be
        written.
        """
        make_private(self.root)
        self.clean()
        lock = FileLock(self.root / (spec.key + _LOCK), timeout=_LOCK_WITHIN)
        try:
            lock.acquire()
        except Timeout:
            raise EngineError(
                f"another process is building this engine in {str(self.root)!r}; wait for it"
            ) from None
        folder = self.root / (spec.key + _BUILDING)
        try:
            with self._reported():
                folder.mkdir(mode=0o700)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()

    def finish(self, folder: Path, manifest: Manifest) -> Entry:
        """Make an entry of what was built. Raises EngineError."""
        target = self.root / manifest.spec.key
        with self._reported():
            files = {}
            for file in sorted(folder.iterdir()):
                file.chmod(0o600)
                with file.open("rb") as opened:
                    os.fsync(opened.fileno())
                files[file.name] = file.stat().st_size, sha256_of(map_file(file))
            complete = dataclasses.replace(manifest, files=files)
            descriptor = os.open(folder / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as written:
                written.write(complete.text())
                written.flush()
                os.fsync(written.fileno())
            _sync(folder)
            if target.exists() or target.is_symlink():  # an older one, or a damaged one
                os.replace(target, self.root / f"{target.name}{_GONE}{time.time_ns()}")
            os.replace(folder, target)
            _sync(self.root)
        self.clean()
        return Entry(target)

    def clean(self) -> list[Path]:
        """Remove what processes that died have left. Returns what was removed.

        Raises EngineError where the cache itself can't be trusted.
        """
        if not self._is_there():
            return []
        check_private(self.root)
        left = [path for path in sorted(self.root.iterdir()) if _LEFT.fullmatch(path.name)]
        removed = [path for path in left if not self._is_needed(path)]
        for path in removed:
            _remove(path)
        return removed

    def running_folder(self) -> Path:
        """An empty folder for code that this process unpacks; `clean` removes it when it is gone.

        Raises EngineError.
        """
        make_private(self.root)
        folder = self.root / f"{os.getpid()}{_RUNNING}"
        _remove(folder)  # of another process that had this number
        make_private(folder)
        return folder

    def remove(self, entry: Entry) -> None:
        """Remove an entry, at once. Raises EngineError."""
        gone = self.root / f"{entry.key}{_GONE}{time.time_ns()}"
        with self._reported():
            os.replace(entry.folder, gone)
            _remove(gone)

    def _is_there(self) -> bool:
        with self._reported():
            return self.root.exists()

    def _is_needed(self, left: Path) -> bool:
        if left.suffix == _RUNNING:
            return is_alive(int(left.stem))
        if left.suffix != _BUILDING:
            return False
        lock = FileLock(self.root / (left.stem + _LOCK), timeout=0)
        try:
            with lock:
                return False
        except Timeout:
            return True

    def _reported(self) -> contextlib.AbstractContextManager[None]:
        return _reported(self.root)


def make_private(folder: Path) -> None:
    """Make a folder for code that is run, unless it is there. Raises EngineError."""
    with _reported(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(folder)


def check_private(folder: Path) -> None:
    """Raise EngineError where somebody else could put code into a folder."""
    with _reported(folder):
        found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EngineError(f"{str(folder)!r} is no folder; move it away")
    try:
        check_owner(found, "it")
    except ValueError as error:
        raise EngineError(
            f"what is in {str(folder)!r} is refused: {error}; it is code that would be run; after "
            f"a look at it: chmod 700 {str(folder)!r}"
        ) from None


@contextlib.contextmanager
def _reported(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EngineError(f"cannot use {str(folder)!r}: {reason(error)}") from error


def user_cache() -> Cache:
    """The cache of whoever runs this; LIVESTYLE_ENGINES names another folder."""
    chosen = os.path.expanduser(os.environ.get("LIVESTYLE_ENGINES", ""))
    return Cache(Path(chosen) if chosen else cache_folder() / "engines")


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _sync(folder: Path) -> None:
    if os.name == "nt":  # folders can't be synced there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
