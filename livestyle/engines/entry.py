"""Entry: one engine in the cache, and what it must be before anything of it is run."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livestyle.engines.spec import Spec
from livestyle.errors import EngineError, reason
from livestyle.installation import command
from livestyle.models.digest import canonical

SCHEMA = 1
MANIFEST = "manifest.json"
_MANIFEST_LIMIT = 1 << 20  # bytes
_CHUNK = 1 << 24

Memory = mmap.mmap


@dataclass(frozen=True)
class Manifest:
    """What an entry of the cache says of itself.

    title: of the model, for people. files: name -> (bytes, SHA-256). facts: what the networks are
    run with (livestyle.engines.loading). report: what the build measured.
    """

    spec: Spec
    title: str
    built_at: float  # s since 1970
    files: dict[str, tuple[int, str]]
    facts: dict[str, Any]
    report: dict[str, Any]

    def text(self) -> str:
        """As it is stored: its own SHA-256, then the content, each on a line."""
        content = canonical({"schema": SCHEMA, **dataclasses.asdict(self)})
        return f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}\n"

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """The way back. Raises ValueError saying what is wrong."""
        checksum, _, content = text.partition("\n")
        if hashlib.sha256(content[:-1].encode()).hexdigest() != checksum or content[-1:] != "\n":
            raise ValueError("its checksum is wrong")
        plain = json.loads(content)
        if plain.pop("schema") != SCHEMA:
            raise ValueError("another version of livestyle wrote it")
        plain["spec"] = Spec.from_plain(plain["spec"])
        plain["files"] = {name: (int(size), sha) for name, (size, sha) in plain["files"].items()}
        manifest = cls(**plain)
        kinds = {"title": str, "facts": dict, "report": dict}
        if wrong := [name for name in kinds if not isinstance(plain[name], kinds[name])]:
            raise ValueError(f"its {wrong[0]} is {str(plain[wrong[0]])[:40]}")
        return manifest


class Entry:
    """An engine in the cache, whatever state it is in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder.name

    def manifest(self) -> Manifest:
        """What the entry says of itself. Raises EngineError where it can't be trusted."""
        with self._reported():
            self._check_folder()
            text = _mapped(self.folder / MANIFEST, _MANIFEST_LIMIT)[:].decode()
            manifest = Manifest.parse(text)
            if manifest.spec.key != self.key:
                raise ValueError("its manifest is of another engine")
            return manifest

    def read(self) -> tuple[Manifest, dict[str, Memory]]:
        """The manifest, and every file as it was verified; it counts as used now.

        Raises EngineError.
        """
        verified = self.verify()
        with contextlib.suppress(OSError):  # on a disk that can't be written nobody prunes
            os.utime(self.folder / MANIFEST)
        return verified

    def verify(self) -> tuple[Manifest, dict[str, Memory]]:
        """The same, but it does not count as used. Raises EngineError."""
        manifest = self.manifest()
        with self._reported():
            there = {file.name for file in os.scandir(self.folder)} - {MANIFEST}
            if wrong := there ^ set(manifest.files):
                raise ValueError(f"{min(wrong)!r} lacks or does not belong there")
            files = {}
            for name, (size, sha) in manifest.files.items():
                files[name] = _mapped(self.folder / name, size)
                if len(files[name]) != size:
                    raise ValueError(f"{name!r} has {len(files[name])} bytes, not {size}")
                if sha256_of(files[name]) != sha:
                    raise ValueError(f"{name!r} is not what was built")
        return manifest, files

    @property
    def used_at(self) -> float:
        """s since 1970: when it was read last, or built."""
        with contextlib.suppress(OSError):
            return (self.folder / MANIFEST).stat().st_mtime
        return 0.0

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        with contextlib.suppress(OSError):
            return sum(file.lstat().st_size for file in self.folder.iterdir())
        return 0

    def _check_folder(self) -> None:
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise ValueError("it is no folder")
        check_owner(found, "it")

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refusal(reason(error)) from error
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            raise self._refusal(
                str(error).splitlines()[0] if str(error) else repr(error)
            ) from error

    def _refusal(self, why: str) -> EngineError:
        return EngineError(
            f"the engine {str(self.folder)!r} is refused: {why}; remove it with: "
            f"{command('engines --prune')}, and build it again"
        )


def check_owner(found: os.stat_result, what: str) -> None:
    """Where the system has owners and modes; on Windows a user's cache is that user's alone."""
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise ValueError(f"{what} belongs to user {found.st_uid}, not to {os.geteuid()}")
    if found.st_mode & 0o077:
        raise ValueError(f"{what} is open to other users (mode {found.st_mode & 0o777:o})")


def map_file(file: Path) -> Memory:
    """A file's content; what is changed in it stays here. Raises OSError, ValueError."""
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)


def _mapped(file: Path, limit: int) -> Memory:
    """A file that is this user's alone, as `map_file` does. Raises OSError, ValueError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(file, flags | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if file.is_symlink():
            raise ValueError(f"{file.name!r} is a link") from error
        raise ValueError(f"{file.name!r}: {error.strerror}") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{file.name!r} is no file")
        check_owner(found, repr(file.name))
        if not 0 < found.st_size <= limit:
            raise ValueError(f"{file.name!r} has {found.st_size} bytes")
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
    finally:
        os.close(descriptor)


def sha256_of(memory: Memory) -> str:
    hashed = hashlib.sha256()
    with memoryview(memory) as view:
        for start in range(0, len(view), _CHUNK):
            hashed.update(view[start : start + _CHUNK])
    return hashed.hexdigest()
