"""What a process has freed is given back."""

from __future__ import annotations

import subprocess
import sys

import pytest

FREED = """
import ctypes
import psutil
from livestyle.front.heap import give_back

{begin}
held, libc = [], ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
large = libc.malloc(1 << 22)
libc.free(large)  # from here on glibc has its heap for all below that size
before = psutil.Process().memory_info().rss
for _ in range(300):
    large, small = libc.malloc(100_000), libc.malloc(1000)
    ctypes.memset(large, 1, 100_000)
    held.append(large)
for each in held:
    libc.free(each)
print(psutil.Process().memory_info().rss - before)
"""


def _kept(begin: str) -> int:
    """Bytes that are resident after 30 MB between small parts were freed."""
    program = [sys.executable, "-c", FREED.format(begin=begin)]
    return int(subprocess.run(program, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's affair")
def test_what_is_freed_is_given_back() -> None:
    assert _kept("give_back()") < 2e6 < 20e6 < _kept("")
