"""Precision: what networks compute in, by the names that flags and recipes have."""

from __future__ import annotations

import torch

from livestyle.machine import describe_machine

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def dtype_of(precision: str) -> torch.dtype:
    """What networks of a precision hold but for what fp8 has in 8 bits: that is fp16 beside it."""
    return torch.float16 if precision == "fp8" else DTYPES[precision]


def precision_of(dtype: torch.dtype) -> str:
    """livestyle's name for it."""
    return next(name for name, known in DTYPES.items() if known is dtype)


def choose_precision(wanted: str, device: str, stored: str) -> str:
    """What "auto" stands for: fp16 on a GPU; on the CPU as the weights are stored.

    But half precision is bf16 there, and fp32 where the CPU does not compute in bf16 by itself.
    """
    if wanted != "auto":
        return wanted
    if device != "cpu":
        return "fp16"
    fast = {"amx_bf16", "avx512_bf16"} & set(describe_machine()["cpu_features"])
    return "bf16" if stored != "fp32" and fast else "fp32"
