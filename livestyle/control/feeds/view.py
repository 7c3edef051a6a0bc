"""The view: the picture alone, read-only, for whoever has its address; it can be taken back."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from livestyle.errors import LivestyleError, reason
from livestyle.files import write
from livestyle.places import make_folder, state_folder
from livestyle.private import read_private

ROOT = "/view/"
_LENGTH = 43  # characters of a key: 32 bytes


def view_file(port: int) -> Path:
    """Where the key of the page at that port is kept."""
    return state_folder() / f"view-{port}"


class View:
    """Its key, which is in the address and opens nothing else, and who has it open; of the event
    loop alone.

    The key is kept in a file: a scene of OBS shows the picture again after a restart. There is none
    until it is asked for.
    """

    def __init__(self, file: Path) -> None:
        self.key = _read(file)
        self._file = file
        self._open: set[asyncio.Timeout] = set()
        self._changing = asyncio.Lock()

    def opens(self, path: str) -> bool:
        """Whether it is that of the view, or under it, with the right key."""
        given, key = path.removeprefix(ROOT).partition("/")[0], self.key
        return (
            path.startswith(ROOT)
            and key is not None
            and secrets.compare_digest(given.encode(errors="replace"), key.encode())
        )

    async def renew(self) -> None:
        """Have a new key; what is open by the old one ends. Raises LivestyleError: nothing has
        changed.
        """
        async with self._changing:
            key = secrets.token_urlsafe(32)
            await asyncio.to_thread(self._keep, key)
            self._set(key)

    async def revoke(self) -> None:
        """Have none; what is open by it ends. Raises LivestyleError where the file stays."""
        async with self._changing:
            self._set(None)
            await asyncio.to_thread(self._forget)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Within, one shows it. Raises TimeoutError as soon as the key is no more."""
        async with asyncio.timeout(None) as limit:
            self._open.add(limit)
            try:
                yield
            finally:
                self._open.remove(limit)

    def _set(self, key: str | None) -> None:
        self.key = key
        for limit in self._open:
            limit.reschedule(asyncio.get_running_loop().time())

    def _keep(self, key: str) -> None:
        make_folder(self._file.parent)
        write(str(self._file), key.encode())

    def _forget(self) -> None:
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            raise LivestyleError(
                f"the view is closed, but the next run would open it again: remove "
                f"{str(self._file)!r} yourself ({reason(error)})"
            ) from error


def _read(file: Path) -> str | None:
    """The key that was kept; None where there is none, or none that is this user's secret."""
    key = read_private(file, _LENGTH + 1).decode("ascii", errors="replace")
    return key if re.fullmatch(f"[A-Za-z0-9_-]{{{_LENGTH}}}", key) else None
