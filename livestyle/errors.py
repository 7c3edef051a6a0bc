"""Everything livestyle raises on purpose.

LivestyleError
├── ConfigError      a setting is unknown, malformed or out of its limits
├── PictureError     what a stylizer was called with is no picture
├── MissingPackage   an optional package is not installed
├── SourceError      the source cannot be opened, or ended for good
│   └── SourceLost   it went away while running and may come back
├── StylizerError    the stylizer cannot be built, or failed on a frame
│   ├── ModelError   its model is missing, damaged, of another kind, or not safe to load
│   ├── EngineError  an engine can't be built, or must not be used
│   │   └── MissingEngine    the one that was asked for is not built
│   ├── SpoiltFrame  a frame came out as no picture; the next one may
│   └── GpuError     the GPU failed; another process may get over it
│       ├── GpuMemory    it has no memory left
│       └── GpuLost      it is gone
├── TrainingError    a training can't go on
├── SinkError        the sink cannot be opened, or takes no more frames
│   ├── FrameRefused it did not take a frame; it may take the next one
│   └── SinkLost     it went away while running and may come back
├── RunError         a run that goes on can't be asked, or can't do what it is asked
│   └── NotRunning   there is none
└── WorkerError      the worker process failed and is not restarted

A message is one line: what failed, with the value, then what to do.
"""

from __future__ import annotations

import errno
from typing import Protocol

from livestyle import installation


class LivestyleError(Exception):
    """Base of all; `exit_code` is what the command returns for it."""

    exit_code = 1


class ConfigError(LivestyleError):
    """A setting is unknown, malformed or out of its limits."""

    exit_code = 2


class NotNow(LivestyleError):
    """What is asked for can't be done as things stand, such as to end what does not go on."""


class PictureError(LivestyleError, ValueError):
    """What a stylizer was called with is no picture that it takes."""


class MissingPackage(LivestyleError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; {installation.adding(extra)}")


class SourceError(LivestyleError):
    """The source cannot be opened, or ended for good."""


class SourceLost(SourceError):
    """The source went away while running and may come back: open it again."""


class StylizerError(LivestyleError):
    """The stylizer cannot be built, or failed on a frame."""


class ModelError(StylizerError):
    """A diffusion model is missing, damaged, of another kind, or not safe to load."""


class SpoiltFrame(StylizerError):
    """A frame came out as no picture: the networks gave NaN or infinity. The next one may."""


class GpuError(StylizerError):
    """The GPU failed, and with it all that this process does there; another may get over it."""


class GpuMemory(GpuError):
    """The GPU has no memory left: a smaller picture, or less beside it, may help."""


class GpuLost(GpuError):
    """The GPU is gone: nothing helps soon."""


class EngineError(StylizerError):
    """An engine can't be built, or must not be used."""


class MissingEngine(EngineError):
    """The engine that was asked for is not built."""


class TrainingError(LivestyleError):
    """A training can't go on."""


class SinkError(LivestyleError):
    """The sink cannot be opened, or takes no more frames."""


class FrameRefused(SinkError):
    """A camera did not take a frame; it may take the next one. Says why, and no more."""


class SinkLost(SinkError):
    """A camera went away while running and may come back. Says why, and no more."""


class RunError(LivestyleError):
    """A run that goes on in another process can't be asked, or can't do what it is asked."""


class NotRunning(RunError):
    """There is no run that could be asked."""


class WorkerError(LivestyleError):
    """The worker process failed and is not restarted."""


_CURES = {
    errno.ENOSPC: "free some space or choose another place",
    errno.EDQUOT: "free some space or choose another place",
    errno.ENOENT: "check the name; its folder must exist",
    errno.ENOTDIR: "check the name; its folder must exist",
    errno.EACCES: "choose another place, or see to its permissions",
    errno.EROFS: "choose another place, or see to its permissions",
    errno.EISDIR: "that is a folder; name a file",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f, the file system's own)",
    errno.ENOMEM: "free some memory, or raise its limit (ulimit -v, a container's)",
    errno.EPIPE: "whoever read it has ended",
}


class Refused(Protocol):
    """An OSError, or a library's error that is like one."""

    @property
    def errno(self) -> int | None: ...

    @property
    def strerror(self) -> str | None: ...


def reason(error: Refused) -> str:
    """Why the system refused, and what to do about it where that is known."""
    cure = _CURES.get(error.errno or 0)
    return f"{error.strerror}; {cure}" if cure else str(error.strerror)
