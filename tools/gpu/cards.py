"""Cards: what PyTorch, Inductor and Triton are told of those that a frame is compiled for."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

WARP = 32
REGISTERS = 65536  # of a multiprocessor


@dataclass(frozen=True, kw_only=True)
class Card:
    """What code is written for. Shared memory in bytes: a block's at most, a multiprocessor's."""

    name: str
    capability: tuple[int, int]
    multiprocessors: int
    memory_gib: int
    cache_mib: int  # L2
    block_memory: int
    shared_memory: int
    threads: int  # of a multiprocessor
    attention: str  # the kernel that PyTorch prefers on it: cudnn or flash

    @property
    def number(self) -> int:
        """As in sm_90."""
        return self.capability[0] * 10 + self.capability[1]

    def properties(self) -> Any:
        """As `torch.cuda.get_device_properties` tells them."""
        return SimpleNamespace(
            name=self.name,
            major=self.capability[0],
            minor=self.capability[1],
            total_memory=self.memory_gib << 30,
            multi_processor_count=self.multiprocessors,
            L2_cache_size=self.cache_mib << 20,
            shared_memory_per_block=48 << 10,
            shared_memory_per_block_optin=self.block_memory,
            shared_memory_per_multiprocessor=self.shared_memory,
            max_threads_per_multi_processor=self.threads,
            max_threads_per_block=1024,
            regs_per_multiprocessor=REGISTERS,
            warp_size=WARP,
            gcnArchName="",
            is_integrated=0,
            is_multi_gpu_board=0,
        )


CARDS = {
    "sm_89": Card(
        name="NVIDIA GeForce RTX 4090",
        capability=(8, 9),
        multiprocessors=128,
        memory_gib=24,
        cache_mib=72,
        block_memory=99 << 10,
        shared_memory=100 << 10,
        threads=1536,
        attention="flash",
    ),
    "sm_90": Card(
        name="NVIDIA H200",
        capability=(9, 0),
        multiprocessors=132,
        memory_gib=141,
        cache_mib=50,
        block_memory=227 << 10,
        shared_memory=228 << 10,
        threads=2048,
        attention="cudnn",
    ),
    "sm_120": Card(
        name="NVIDIA GeForce RTX 5090",
        capability=(12, 0),
        multiprocessors=170,
        memory_gib=32,
        cache_mib=96,
        block_memory=99 << 10,
        shared_memory=100 << 10,
        threads=1536,
        attention="flash",
    ),
}
