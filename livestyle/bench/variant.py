"""Variant: livestyle's own networks in one of the ways in which they can be computed.

In words: an engine that needs no build before, `+fp8`, and levers, as
`torch-compiled+fp8+whole-transformers`.
"""

from __future__ import annotations

from dataclasses import dataclass

from livestyle.engines.levers import Levers
from livestyle.errors import ConfigError

ENGINES = ("torch", "torch-compiled")
_FP8 = "fp8"


@dataclass(frozen=True)
class Variant:
    """engine: one of ENGINES. fp8: the UNet's large layers are in 8 bits."""

    engine: str
    fp8: bool
    levers: Levers

    def precision(self, base: str) -> str:
        """What it computes in, where it is in `base` but for the large layers."""
        return "fp8" if self.fp8 else base

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Of words with + between them. Raises ConfigError."""
        engine, *words = text.split("+")
        fp8 = _FP8 in words
        levers = Levers.parse(word for word in words if word != _FP8)
        if engine == "torch" and (fp8 or set(levers.words()) - {"no-cudnn-benchmark"}):
            raise ConfigError(f"{text!r}: that is for torch-compiled; of torch, no-cudnn-benchmark")
        return cls(engine, fp8, levers)
