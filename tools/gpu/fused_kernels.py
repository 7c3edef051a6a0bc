"""What Inductor writes, kept while a frame runs, and Triton's compiler over it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
import torch._inductor.config
import triton
from cards import Card
from torch._inductor.async_compile import AsyncCompile
from torch._inductor.codecache import PyCodeCache
from torch._inductor.graph import GraphLowering

_NAME = "triton_kernel"  # of every kernel, so that the same code is found to be the same
_USAGE = re.compile(r"REG:(?P<registers>\d+) STACK:(?P<stack>\d+) .*?LOCAL:(?P<local>\d+)")


@dataclass(frozen=True)
class Written:
    """programs: of library calls and fused kernels. sources: of these, each once, with its name."""

    programs: list[str]
    sources: dict[str, str]


class _Kernel:
    """In the place of a fused kernel, in a program that Inductor wrote."""

    def __init__(self, launched: Callable[[], None]) -> None:
        self._launched = launched

    def run(self, *_: Any, **__: Any) -> None:
        """Tell that it would be launched."""
        self._launched()


@contextlib.contextmanager
def written(launched: Callable[[], None]) -> Iterator[Written]:
    """Keep what Inductor writes inside. launched: called when a fused kernel would be."""
    kept = Written([], {})

    def keep_kernel(_: Any, name: str, source: str, device_str: str = "cuda") -> _Kernel:
        assert device_str == "cuda", "a part of the frame would run on the CPU"
        plain = source.replace(name, _NAME)
        kept.sources[plain] = name
        return _Kernel(launched)

    with (
        patch.object(AsyncCompile, "triton", keep_kernel),
        patch.object(GraphLowering, "save_output_code", kept.programs.append),
        # nothing of another run, and nothing for another one
        torch._inductor.config.patch(force_disable_caches=True, compile_threads=1),
    ):
        yield kept


@dataclass(frozen=True)
class Compiled:
    """What became of one kernel, in each of the ways that Inductor would try on a card.

    registers: of a thread. spills: bytes of them that do not fit, so lie in memory.
    shared_memory: bytes of a block.
    """

    ways: int
    registers: int
    spills: int
    shared_memory: int


def compile_kernel(source: str, card: Card) -> Compiled:
    """By Triton and its assembler. Raises TritonError or RuntimeError where it can't be."""
    kernel: Any = getattr(PyCodeCache.load(source), _NAME)
    with torch._inductor.config.patch(use_static_cuda_launcher=False):  # for a card
        kernel.precompile(warm_cache_only=True)
    binaries = [result.kernel for result in kernel.compile_results]
    shared_memory = max(binary.metadata.shared for binary in binaries)
    if shared_memory > card.block_memory:
        raise RuntimeError(f"{shared_memory} bytes of shared memory, {card.block_memory} at most")
    used = [_usage(binary.asm["cubin"]) for binary in binaries]
    registers, spills = (max(numbers) for numbers in zip(*used, strict=True))
    return Compiled(len(binaries), registers, spills, shared_memory)


def _usage(cubin: bytes) -> tuple[int, int]:
    """Registers of a thread, and bytes of them in memory."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", file.name]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = _USAGE.search(told)
    assert found, told
    return int(found["registers"]), int(found["stack"]) + int(found["local"])
