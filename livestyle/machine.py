"""What machine this is, for reports: figures mean nothing without it."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path
from typing import Any

from livestyle.version import __version__


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
