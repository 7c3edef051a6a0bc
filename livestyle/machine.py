"""What machine this is, for reports: figures mean nothing without it."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from pathlib import Path
from typing import Any

from livestyle.errors import LivestyleError
from livestyle.version import __version__

# Of addresses, which libraries take far more of than of memory: a run with lite needs 1.9 GiB of
# them on 2 cores, and each core has threads with stacks and pools of their own.
_LEAST_GIB, _LEAST_GIB_OF_CORE = 2.0, 0.0625


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
