"""What machine this is, for reports: figures mean nothing without it."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import threading
from pathlib import Path
from typing import Any

from livestyle.errors import LivestyleError
from livestyle.version import __version__

# Of addresses, which libraries take far more of than of memory: a run with lite needs 1.9 GiB of
# them on 2 cores, and each core has threads with stacks and pools of their own.
_LEAST_GIB, _LEAST_GIB_OF_CORE = 2.0, 0.0625

_NICE = 19


def check_memory() -> None:
    """Raise LivestyleError where this process may not have the addresses that its libraries need:
    they would end it with a traceback or a crash while they are loaded.
    """
    if sys.platform == "win32":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    least = _LEAST_GIB + _LEAST_GIB_OF_CORE * (os.cpu_count() or 1)
    if limit != resource.RLIM_INFINITY and limit < least * 2**30:
        raise LivestyleError(
            f"this process may have {limit / 2**20:.0f} MiB of memory (ulimit -v), and needs "
            f"{least * 1024:.0f}; raise the limit: ulimit -v {least * 2**20:.0f}, or unlimited"
        )


def describe_machine() -> dict[str, Any]:
    """OS, processor, cores, memory and Python of this machine."""
    return {
        "os": platform.platform(),
        "cpu": _cpu_name(),
        "cpu_features": _cpu_features(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "cores_there": os.cpu_count(),
        "cpu_quota": cpu_quota(),
        "memory_gib": _memory_gib(),
        "python": platform.python_version(),
        "livestyle": __version__,
    }


def _field(file: str, field: str) -> str:
    """What a file of /proc says of something, or ""."""
    with contextlib.suppress(OSError):
        for line in Path(file).read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    return ""


def _cpu_name() -> str:
    return _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def _cpu_features() -> list[str]:
    """Those that decide how fast the networks run."""
    flags = _field("/proc/cpuinfo", "flags").split()
    return [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]


def cpu_quota(
    cgroups: Path = Path("/sys/fs/cgroup"), own: str = "/proc/self/cgroup"
) -> float | None:
    """How many cores' time this process may have by its control group (Linux's, of both versions)
    and those above it; None where none sets a limit. own: the file that names the group.
    """
    limits = []
    with contextlib.suppress(OSError, ValueError):
        for line in Path(own).read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            mount = cgroups / "cpu" if controllers else cgroups
            group = Path(path.lstrip("/"))
            for folder in (mount / group, *(mount / above for above in group.parents)):
                limits += _quota(folder)
    return round(min(limits), 2) if limits else None


def _quota(group: Path) -> list[float]:
    """The one that a control group sets, if it does."""
    with contextlib.suppress(OSError, ValueError):  # "max" is no number: there is none
        if (file := group / "cpu.max").exists():
            quota, period = map(int, file.read_text(encoding="ascii").split())
        else:
            quota, period = (
                int((group / f"cpu.cfs_{name}_us").read_text(encoding="ascii"))
                for name in ("quota", "period")
            )
        if quota > 0:
            return [quota / period]
    return []


def peak_memory_gib() -> float | None:
    """The most memory that this process has held so far; None where the system does not say."""
    return _gib("/proc/self/status", "VmHWM")


def free_memory_gib() -> float | None:
    """What can be had without swapping; None where the system does not say."""
    return _gib("/proc/meminfo", "MemAvailable")


def _gib(file: str, field: str) -> float | None:
    value = _field(file, field)  # in KiB
    return round(int(value.split()[0]) / 2**20, 2) if value else None


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf"):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def leave_machine_to_others() -> None:
    """Have this process compute when nobody else wants to, as far as the system knows of that."""
    if hasattr(os, "nice"):
        os.nice(_NICE)


def leave_machine_to_other_threads() -> None:
    """The same for this thread, and those that it starts; on Linux, where threads have priorities
    of their own.
    """
    if sys.platform.startswith("linux"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def is_alive(process: int) -> bool:
    """Whether there is a process of that number; on Windows, where it can't be asked, True."""
    if os.name == "nt":  # where the next line would end it
        return True
    try:
        os.kill(process, 0)  # which sends nothing
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True
