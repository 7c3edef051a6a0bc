"""Levers: what of a frame of turbo can be computed in two ways, for the same picture.

Each is a word, such as `tune-gemm`, or `no-cudnn-benchmark` for one that is usually on. What they
are worth is for `livestyle bench turbo` to say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from livestyle.errors import ConfigError

_NOT = "no-"


@dataclass(frozen=True, kw_only=True)
class Levers:
    """cudnn_benchmark: cuDNN times its ways to do each convolution once, else takes what it holds
    for the best. tune_gemm: Inductor does so with matrix products, its own kernels among them; that
    takes minutes. whole_transformers: Inductor compiles each Transformer as one piece, not block by
    block. split_reductions: it computes large sums, as GroupNorm's, in two kernels and not in one,
    for more of the card to take part. fast_accumulation: products in fp8 are summed as fast as the
    tensor cores can, with fewer bits than float32.
    """

    cudnn_benchmark: bool = True
    tune_gemm: bool = False
    whole_transformers: bool = False
    split_reductions: bool = True
    fast_accumulation: bool = True

    @classmethod
    def parse(cls, words: Iterable[str]) -> Levers:
        """Of words; what none names is as usual. Raises ConfigError for an unknown one."""
        values = {}
        for word in words:
            name = word.removeprefix(_NOT)
            if name not in LEVERS:
                raise ConfigError(
                    f"unknown lever {word!r}; choose from: {', '.join(LEVERS)}, or {_NOT} and one"
                )
            values[LEVERS[name]] = not word.startswith(_NOT)
        return cls(**values)

    def words(self) -> list[str]:
        """Of those that are not as usual."""
        usual = Levers()
        return [
            word if getattr(self, field) else _NOT + word
            for word, field in LEVERS.items()
            if getattr(self, field) != getattr(usual, field)
        ]


LEVERS = {field.name.replace("_", "-"): field.name for field in dataclasses.fields(Levers)}
