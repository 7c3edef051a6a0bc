"""Memory that processes share, all of it there from the start: a page that can't be had when it is
first written would end the process that writes it (SIGBUS).
"""

from __future__ import annotations

import errno
import mmap
import os
import sys
from collections.abc import Callable
from typing import Any

from livestyle.errors import LivestyleError, reason


def _refused(size: int, error: OSError) -> LivestyleError:
    if error.errno == errno.ENOSPC:  # the space that memory has
        error = OSError(errno.ENOMEM, error.strerror)
    return LivestyleError(
        f"the pictures between the two processes need {size / 1e6:.1f} MB of shared memory: "
        f"{reason(error)}, or choose a smaller --output-size"
    )


if sys.platform == "linux":
    from multiprocessing.reduction import DupFd

    class Shared:
        """So many bytes, in `view`. It has no name: /dev/shm may be small, full or missing, and
        nothing is left of it when its processes are gone. It goes to another process as an argument
        of its start.
        """

        def __init__(self, size: int, descriptor: int | None = None) -> None:
            """descriptor: what it is in another process; None: it's made.

            Raises LivestyleError when it can't be had.
            """
            self._descriptor = -1 if descriptor is None else descriptor
            try:
                if descriptor is None:
                    self._descriptor = os.memfd_create("livestyle")
                    os.posix_fallocate(self._descriptor, 0, size)
                self._map = mmap.mmap(self._descriptor, size)
            except OSError as error:
                if self._descriptor >= 0:
                    os.close(self._descriptor)
                raise _refused(size, error) from error
            self.view = memoryview(self._map)

        def close(self) -> None:
            """Let go of it."""
            self.view.release()
            self._map.close()
            os.close(self._descriptor)

        def __reduce__(self) -> tuple[Callable[..., Shared], tuple[Any, ...]]:
            return _received, (len(self.view), DupFd(self._descriptor))

    def _received(size: int, descriptor: Any) -> Shared:
        return Shared(size, descriptor.detach())

else:
    from multiprocessing.shared_memory import SharedMemory

    class Shared:
        """So many bytes, in `view`; it goes to another process by its name."""

        def __init__(self, size: int, name: str | None = None) -> None:
            """name: what it has in another process; None: it's made.

            Raises LivestyleError when it can't be had.
            """
            self._is_ours = name is None
            try:
                self._memory = SharedMemory(name, create=self._is_ours, size=size)
            except OSError as error:
                raise _refused(size, error) from error
            self._size = size
            view = self._memory.buf
            assert view is not None  # it is only after close
            self.view = view[:size]

        def close(self) -> None:
            """Let go of it; its maker also removes it."""
            self.view.release()
            self._memory.close()
            if self._is_ours:
                self._memory.unlink()

        def __reduce__(self) -> tuple[Callable[..., Shared], tuple[Any, ...]]:
            return Shared, (self._size, self._memory.name)
