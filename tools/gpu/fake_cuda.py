"""A card that isn't there: PyTorch, Inductor and Triton believe in it, and nothing runs on it.

Tensors are fake: a shape, strides, a type and a device, but no memory. What asks for a card is
answered here from a table, what would start one is left out, and all else is the software's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
import torch._dynamo.device_interface as device_interface
import torch._inductor.fx_passes.fuse_attention as fuse_attention
import torch._inductor.fx_passes.joint_graph
import torch._inductor.fx_passes.pad_mm as pad_mm
import torch._inductor.runtime.triton_helpers as triton_helpers
import torch._subclasses.fake_tensor as fake_tensor
import triton
from cards import REGISTERS, WARP, Card
from torch import Tensor
from triton.backends.compiler import GPUTarget

Answers = dict[str, Callable[..., Any]]


def pretend(card: Card) -> None:
    """Make this process believe in the card, for as long as it lives."""
    _pretend_to_torch(card)
    _choose_attention(card)
    _pretend_to_inductor(card)
    _stand_in_for_generated_code()
    triton.runtime.driver.set_active(_Driver(card))


def _pretend_to_torch(card: Card) -> None:
    answers: Answers = {
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "get_arch_list": lambda: [f"sm_{card.number}"],
        "get_device_capability": lambda *_: card.capability,
        "get_device_name": lambda *_: card.name,
        "get_device_properties": lambda *_: card.properties(),
        "get_rng_state": lambda *_: torch.empty(0),  # Dynamo keeps it while it traces
        "is_available": lambda: True,
        "is_initialized": lambda: False,
        "set_device": _nothing,
        "set_rng_state": _nothing,
        "stream": lambda _: contextlib.nullcontext(),
        "synchronize": _nothing,
        "_lazy_init": _nothing,
        "_exchange_device": lambda *_: 0,
        "_maybe_exchange_device": lambda *_: 0,
        "Event": _Mark,
        "Stream": _Mark,
    }
    _answer(torch.cuda, answers)
    _answer(torch.Tensor, {"pin_memory": lambda tensor: tensor})  # no fake for it
    _answer(fake_tensor, {"init_gpu_context": _nothing})  # it would make a tensor on the card
    avoids: Any = property(lambda _: True)  # else where a card is there, it is started
    _answer(fake_tensor.FakeTensorMode, {"avoid_device_init": avoids})


def _choose_attention(card: Card) -> None:
    """The choice between attention's kernels is C++ that asks the driver what the card is."""
    aten = torch.ops.aten

    def attention(
        query: Tensor, key: Tensor, value: Tensor, *rest: Any, scale: Any = None, **more: Any
    ) -> Tensor:
        assert not any((*rest, *more.values())), "a mask, say: not for these kernels"
        if card.attention == "cudnn":
            whole = (query, key, value, None, False)
            result = aten._scaled_dot_product_cudnn_attention(*whole, scale=scale)
        else:
            result = aten._scaled_dot_product_flash_attention(query, key, value, scale=scale)
        attended: Tensor = result[0]
        return attended

    keys: Any = torch._C.DispatchKey  # it has no types
    operator = aten.scaled_dot_product_attention.default
    operator.py_impl(keys.CompositeImplicitAutograd)(attention)


def _pretend_to_inductor(card: Card) -> None:
    answers: Answers = {
        "current_device": lambda: 0,
        "get_device_properties": lambda *_: card.properties(),
    }
    cuda = device_interface.CudaInterface
    _answer(cuda.Worker, {name: staticmethod(answer) for name, answer in answers.items()})
    answers |= {
        "device_count": lambda: 1,
        "get_compute_capability": lambda *_: card.number,
        "is_available": lambda: True,
        "is_triton_capable": lambda *_: True,
        "raise_if_triton_unavailable": _nothing,
        "synchronize": _nothing,
    }
    _answer(cuda, {name: staticmethod(answer) for name, answer in answers.items()})
    # patterns are made by tracing on the card; those of attention are for graphs without its
    # operator, those of padding for widths that 8 does not divide
    _answer(fuse_attention, {"_sfdp_init": _nothing})
    _answer(pad_mm, {"_pad_mm_init": _nothing})
    _answer(triton_helpers, {"set_driver_to_gpu": _nothing})  # it would load libcuda


def _stand_in_for_generated_code() -> None:
    """What Inductor's code calls in C++, past the place where tensors are faked."""

    def empty(size: Any, stride: Any, dtype: torch.dtype) -> Tensor:
        return torch.empty_strided(size, stride, dtype=dtype, device="cuda")

    answers: Answers = {
        "assert_alignment": _nothing,
        "_empty_strided_cuda": empty,
        "_reinterpret_tensor": torch.as_strided,
    }
    _answer(torch._C._dynamo.guards, answers)
    _answer(torch._C, {"_cuda_getCurrentRawStream": lambda _: 0})
    # of products it calls the form that is given its result, and this one has no fake
    torch.library.impl("aten::_scaled_mm.out", "Meta", lambda *_, out, **__: out)


def _answer(place: Any, answers: Answers) -> None:
    for name, answer in answers.items():
        setattr(place, name, answer)


def _nothing(*_: Any, **__: Any) -> None:
    """Where a card would be started, or watched."""


class _Mark:
    """An event or a stream, which nothing waits for."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Of whatever kind."""

    record = synchronize = wait_event = _nothing


class _Driver:
    """What Triton asks of its driver while it compiles."""

    def __init__(self, card: Card) -> None:
        self._card = card
        limits = {
            "max_shared_mem": card.block_memory,
            "max_num_regs": REGISTERS,
            "multiprocessor_count": card.multiprocessors,
            "warpSize": WARP,
        }
        self.utils = SimpleNamespace(get_device_properties=lambda _: limits)

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self._card.number, WARP)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, _: int) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cuda", 0)

    def get_device_interface(self) -> Any:
        return torch.cuda
