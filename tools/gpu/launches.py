"""How many kernels a frame launches: counted from the operators that run, not measured on a card.

An operator stands for as many kernels as PyTorch's CUDA sources launch for it (`_KERNELS`), one
where nothing is said, none where it is a view or makes room. What the libraries do inside (cuBLAS
may split a product and add up its parts, cuDNN may change a layout) is not known here.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_COMPOSITE: Any = torch._C.DispatchKey.CompositeImplicitAutograd
_ATTENTION = torch.ops.aten.scaled_dot_product_attention.default
_PRODUCTS = frozenset({"addmm", "baddbmm", "bmm", "mm", "_scaled_mm"})
_ATTENTIONS = frozenset(
    {"_scaled_dot_product_cudnn_attention", "_scaled_dot_product_flash_attention"}
)
_CONVOLUTION = "convolution"
_COPIES = frozenset({"_to_copy", "clone", "copy_"})
_NO_KERNEL = frozenset(
    {"_reshape_alias", "_unsafe_view", "detach", "empty", "empty_like", "empty_strided"}
)
_KERNELS = {"native_group_norm": 3}  # moments, what they come to for each channel, the pixels


class Launches(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts, as a frame runs inside: by kind, and by stage when `end` is called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stages: dict[str, dict[str, int]] = {}
        self.operators: Counter[str] = Counter()  # of those kinds that are not fused
        self._kinds: Counter[str] = Counter()

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """What Dynamo asks of a mode before it compiles inside."""
        return True

    def end(self, stage: str) -> None:
        """What was counted since the last one is this stage's."""
        self.stages[stage] = dict(sorted(self._kinds.items()))
        self._kinds = Counter()

    def add_fused(self) -> None:
        """One kernel of Inductor's."""
        self._kinds["fused"] += 1

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Count an operator, or what it is composed of."""
        kwargs = kwargs or {}
        if func.namespace == "prim":  # what a tensor is
            return func(*args, **kwargs)
        if func is _ATTENTION:
            with self:
                return func.decompose(*args, **kwargs)
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), _COMPOSITE):
            with self:  # by the C++ that runs it; for compilers there are others, in Python
                return func._op_dk(_COMPOSITE, *args, **kwargs)
        result = func(*args, **kwargs)
        if not isinstance(result, Tensor) or result.device.type == "cuda":
            self._count(func, args, kwargs)
        return result

    def _count(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        name = func.overloadpacket.__name__
        if func.is_view or name in _NO_KERNEL:
            return
        self.operators[name] += 1
        if name in _PRODUCTS:
            self._kinds["product"] += 1
        elif name in _ATTENTIONS:
            self._kinds["attention"] += 1
        elif name == _CONVOLUTION:
            self._count_convolution(*args, **kwargs)
        elif name in _COPIES:
            self._kinds["copy"] += 1
        else:
            self._kinds["other"] += _KERNELS.get(name, 1)

    def _count_convolution(
        self, x: Tensor, weight: Tensor, bias: Tensor | None = None, *_: Any, **__: Any
    ) -> None:
        """cuDNN takes both in one layout; PyTorch adds the bias after it."""
        self._kinds["convolution"] += 1
        if bias is not None:
            self._kinds["other"] += 1
        last = torch.channels_last
        if weight.is_contiguous(memory_format=last) and not x.is_contiguous(memory_format=last):
            self._kinds["copy"] += 1
