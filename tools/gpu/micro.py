"""What a card does with the shapes of a frame of SDXL-Turbo at 512x512, one kind of work at a time.

    python tools/gpu/micro.py OUT.json          without a GPU: a dry run on small shapes

µs a call inside a CUDA graph, each call on weights of its own, so that they come from memory and
not from the cache of the call before, as in a frame. OUT.json is written anew after every group;
a group that fails is told, and the next one runs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from steps import fresh_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

ON_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if ON_GPU else "cpu")
HALF = torch.float16 if ON_GPU else torch.bfloat16
FP8 = torch.float8_e4m3fn
COLD = (240 if ON_GPU else 4) << 20  # bytes of weights that are gone through in turn
SHRINK = 1 if ON_GPU else 8  # a dry run's shapes are that much smaller
ROUNDS = 12
Figures = dict[str, Any]


class Product(NamedTuple):
    """[rows, inner] by [inner, columns], so many times a frame."""

    rows: int
    columns: int
    inner: int
    has_bias: bool
    times: int


class Convolution(NamedTuple):
    """3x3 on side x side, so many times a frame."""

    inputs: int
    outputs: int
    side: int
    stride: int
    times: int


class Attention(NamedTuple):
    """Heads of 64, so many times a frame."""

    heads: int
    queries: int
    keys: int
    times: int


PRODUCTS = [
    Product(256, 3840, 1280, False, 60), Product(256, 1280, 1280, True, 120),
    Product(256, 1280, 1280, False, 60), Product(256, 10240, 1280, True, 60),
    Product(256, 1280, 5120, True, 60), Product(1024, 1920, 640, False, 10),
    Product(1024, 640, 640, True, 20), Product(1024, 640, 640, False, 10),
    Product(1024, 5120, 640, True, 10), Product(1024, 640, 2560, True, 10),
]  # fmt: skip
CONVOLUTIONS = [
    Convolution(320, 320, 64, 1, 6), Convolution(960, 320, 64, 1, 1),
    Convolution(640, 320, 64, 1, 2), Convolution(640, 640, 64, 1, 1),
    Convolution(320, 320, 64, 2, 1), Convolution(320, 640, 32, 1, 1),
    Convolution(640, 640, 32, 1, 6), Convolution(1920, 640, 32, 1, 1),
    Convolution(1280, 640, 32, 1, 1), Convolution(960, 640, 32, 1, 1),
    Convolution(1280, 1280, 32, 1, 1), Convolution(640, 640, 32, 2, 1),
    Convolution(640, 1280, 16, 1, 1), Convolution(1280, 1280, 16, 1, 10),
    Convolution(2560, 1280, 16, 1, 2), Convolution(1920, 1280, 16, 1, 1),
]  # fmt: skip
ATTENTIONS = [
    Attention(20, 256, 256, 60), Attention(20, 256, 77, 60),
    Attention(10, 1024, 1024, 10), Attention(10, 1024, 77, 10),
]  # fmt: skip
AUTOENCODER = [(512, 8), (256, 21), (128, 21), (64, 20)]  # side, how many convolutions a frame


def random(*shape: int, dtype: torch.dtype = HALF) -> Tensor:
    return torch.randn(shape, device=DEVICE).to(dtype)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def sets(nbytes: int) -> int:
    """How many weights of a size are gone through, so that none is still in the cache."""
    return max(4, min(64, math.ceil(COLD / nbytes)))


def microseconds(calls: Sequence[Callable[[], object]]) -> float:
    """Median of µs a call, all of them one after the other in one graph."""
    if not ON_GPU:
        started = time.perf_counter()
        for call in calls[:2]:
            call()
        return (time.perf_counter() - started) / 2 * 1e6
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for call in calls:
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for call in calls:
            call()
    spent = []
    for _ in range(ROUNDS):
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        began.record()
        graph.replay()
        ended.record()
        ended.synchronize()
        spent.append(began.elapsed_time(ended))
    return float(statistics.median(spent[2:])) * 1000 / len(calls)


def ceilings(found: Figures) -> None:
    """What the card reaches where a shape suits it, once its clocks have risen."""
    edge = 8192 // SHRINK // (1 if ON_GPU else 2)
    a, b = random(edge, edge), random(edge, edge)
    until = time.monotonic() + (1.5 if ON_GPU else 0)
    while time.monotonic() < until:
        microseconds([lambda: a @ b] * 4)
    found["half_tflops"] = 2 * edge**3 / microseconds([lambda: a @ b] * 4) / 1e6
    a8, b8, one = a.to(FP8), b.to(FP8), torch.ones((), device=DEVICE)
    multiply = partial(in_fp8, a8, b8, None, one, fast=True)
    found["fp8_tflops"] = 2 * edge**3 / microseconds([multiply] * 4) / 1e6
    source = torch.randn((1 << 28) // SHRINK**3, device=DEVICE)
    target = torch.empty_like(source)
    found["copy_gb_s"] = (
        2 * source.numel() * 4 / microseconds([lambda: target.copy_(source)] * 2) / 1e3
    )
    tiny = torch.zeros(1, device=DEVICE)
    found["us_a_tiny_kernel"] = microseconds([lambda: tiny.add_(1)] * 400)


def in_fp8(x: Tensor, weight: Tensor, bias: Tensor | None, one: Tensor, *, fast: bool) -> Tensor:
    """A linear layer on what is in 8 bits already, its scales 1."""
    result: Tensor = torch._scaled_mm(
        x, weight.t(), scale_a=one, scale_b=one, bias=bias, out_dtype=HALF, use_fast_accum=fast
    )
    return result


def products(found: Figures) -> None:
    """Linear layers in half precision and in fp8, with and without fast accumulation."""
    one = torch.ones((), device=DEVICE)
    totals = dict.fromkeys(("half", "fp8 fast", "fp8 exact"), 0.0)
    for product in PRODUCTS:
        rows, columns, inner = (side // SHRINK for side in product[:3])
        x, bias = random(rows, inner), random(columns) if product.has_bias else None
        weights = [random(columns, inner) for _ in range(sets(2 * columns * inner))]
        calls = {"half": [partial(F.linear, x, weight, bias) for weight in weights]}
        rounded, x8 = [weight.to(FP8) for weight in weights], x.to(FP8)
        for name, fast in (("fp8 fast", True), ("fp8 exact", False)):
            calls[name] = [partial(in_fp8, x8, weight, bias, one, fast=fast) for weight in rounded]
        for name, timed in calls.items():
            key = f"{name} {rows}x{columns}x{inner}{'+bias' if product.has_bias else ''}"
            found[key] = us = microseconds(timed)
            totals[name] += us * product.times / 1000
    found["ms_a_frame"] = totals


def unfolded(x: Tensor, weight: Tensor) -> Tensor:
    """A 3x3 convolution of stride 1 as one product: [side * side, outputs].

    x: channels-last [1, inputs, side, side]. weight: [outputs, 9 * inputs], rows of the kernel
    first, then its columns, then channels.
    """
    channels, side = x.shape[1], x.shape[2]
    padded = F.pad(x.permute(0, 2, 3, 1)[0], (0, 0, 1, 1, 1, 1)).contiguous()
    line = (side + 2) * channels
    windows = padded.as_strided((side, side, 3, 3 * channels), (line, channels, line, 1))
    return F.linear(windows.reshape(side * side, 9 * channels), weight)


# How cuDNN chooses: whether it times its ways, and whether those alone count that give the same
# result every time.
WAYS = (("heuristic", False, True), ("timed", True, True), ("timed, any", True, False))


@contextlib.contextmanager
def cudnn(timed: bool, exact: bool) -> Iterator[None]:
    """It chooses so."""
    library: Any = torch.backends.cudnn
    usual = library.benchmark, library.benchmark_limit, library.deterministic
    library.benchmark, library.benchmark_limit, library.deterministic = timed, 0, exact
    try:
        yield
    finally:
        library.benchmark, library.benchmark_limit, library.deterministic = usual


def convolutions(found: Figures) -> None:
    """Of the UNet: as cuDNN chooses them, as it times them, and small ones as a product."""
    totals = dict.fromkeys([*(way for way, _, _ in WAYS), "best of all"], 0.0)
    for shape in CONVOLUTIONS:
        inputs, outputs, side = (number // SHRINK for number in shape[:3])
        x = channels_last(random(1, inputs, side, side))
        weights = [
            channels_last(random(outputs, inputs, 3, 3)) for _ in range(sets(18 * inputs * outputs))
        ]
        calls = [partial(F.conv2d, x, w, None, shape.stride, 1) for w in weights]
        name = f"{inputs}->{outputs} at {side}{' stride 2' if shape.stride == 2 else ''}"
        spent = {}
        for way, timed, exact in WAYS:
            # what was chosen is kept by each thread: another one for each way
            with cudnn(timed, exact), ThreadPoolExecutor(1) as thread:
                spent[way] = thread.submit(microseconds, calls).result()
        if shape.stride == 1 and shape.side <= 32:
            flat = [w.permute(0, 2, 3, 1).reshape(outputs, -1).contiguous() for w in weights]
            spent["product"] = microseconds([partial(unfolded, x, w) for w in flat])
            error = unfolded(x, flat[0]).T.reshape(outputs, side, side) - calls[0]()[0]
            found[f"error of product {name}"] = float(error.norm() / calls[0]().norm())
        for way, us in spent.items():
            found[f"{way} {name}"] = us
        for way, _, _ in WAYS:
            totals[way] += spent[way] * shape.times / 1000
        totals["best of all"] += min(spent.values()) * shape.times / 1000
    found["ms_a_frame"] = totals


def with_relu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.relu_(F.conv2d(x, weight, bias, 1, 1))


def autoencoder(found: Figures) -> None:
    """A convolution of the tiny autoencoder with bias and ReLU: apart, and in one of cuDNN's."""
    ones = [1, 1]
    for wide, times in AUTOENCODER:
        side = wide // SHRINK
        x = channels_last(random(1, 64, side, side))
        weight, bias = channels_last(random(64, 64, 3, 3)) * 0.05, random(64)
        calls = {"apart": partial(with_relu, x, weight, bias)}
        if ON_GPU:
            library: Any = torch.ops.aten
            rest = (bias, ones, ones, ones, 1)
            fused = partial(library.cudnn_convolution_relu, x, weight, *rest)
            calls["relu in it"] = fused
            added = partial(library.cudnn_convolution_add_relu, x, weight, x, 1.0, *rest)
            calls["add and relu in it"] = added
            wanted = calls["apart"]()
            found[f"error at {side}"] = float((fused() - wanted).norm() / wanted.norm())
        for name, call in calls.items():
            found[f"{name} at {side} x{times}"] = microseconds([call] * (8 if side > 128 else 32))


def attention(found: Figures) -> None:
    """Each backend of PyTorch's attention."""
    backends = [SDPBackend.MATH]
    if ON_GPU:
        backends = [
            SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION,
        ]  # fmt: skip
    for shape in ATTENTIONS:
        heads, queries, keys = shape.heads, shape.queries // SHRINK, shape.keys // SHRINK
        both = random(1, queries, 3 * heads * 64).view(1, queries, 3, heads, 64)
        query, *own = both.permute(2, 0, 3, 1, 4)
        key, value = own if keys == queries else random(2, 1, heads, keys, 64)
        for backend in backends:
            name = f"{backend.name.lower()} {heads}x{queries}x{keys} x{shape.times}"
            try:
                with sdpa_kernel(backend):
                    attend = partial(F.scaled_dot_product_attention, query, key, value)
                    found[name] = microseconds([attend] * 32)
            except RuntimeError as error:  # a backend that does not take the shape
                found[name] = str(error).splitlines()[0]


def host(found: Figures) -> None:
    """What a frame's way between host and device takes: µs, p50 and p99, with pauses between."""
    frame = np.random.default_rng(0).integers(0, 255, (512, 512, 4), np.uint8)
    pinned = torch.zeros(512, 512, 4, dtype=torch.uint8, pin_memory=ON_GPU)
    works: dict[str, Callable[[], object]] = {
        "torch copy_ into pinned memory": lambda: pinned.copy_(torch.from_numpy(frame)),
        "numpy copyto into pinned memory": lambda: np.copyto(pinned.numpy(), frame),
    }
    if ON_GPU:
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        source, target = pinned.cuda(), torch.zeros(512, 512, 3, dtype=torch.uint8).pin_memory()
        result = target.cuda()

        def copy(into: Tensor, out_of: Tensor) -> None:
            into.copy_(out_of, non_blocking=True)
            done.record()
            done.synchronize()

        works["upload and wait"] = partial(copy, source, pinned)
        works["download and wait"] = partial(copy, target, result)
        works["copy of nothing and wait"] = partial(copy, source[:0], source[:0])
    for name, work in works.items():
        spent = []
        for _ in range(200):
            time.sleep(0.004)  # as between two frames
            started = time.perf_counter()
            work()
            spent.append((time.perf_counter() - started) * 1e6)
        found[name] = [float(us) for us in np.percentile(spent, (50, 99))]
    found["threads of PyTorch"] = torch.get_num_threads()


GROUPS = (ceilings, products, attention, host, autoencoder, convolutions)


def rounded(plain: Any) -> Any:
    """The figures with four digits."""
    if isinstance(plain, dict):
        return {name: rounded(value) for name, value in plain.items()}
    if isinstance(plain, list):
        return [rounded(value) for value in plain]
    return float(f"{plain:.4g}") if isinstance(plain, float) else plain


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path, help="the figures go there, as JSON")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    arguments = parser.parse_args()
    out = arguments.out
    if os.path.lexists(out) and not arguments.overwrite:
        parser.error(f"{out} is there already; name another, or give --overwrite")
    device = torch.cuda.get_device_name() if ON_GPU else "cpu: a dry run, its figures mean nothing"
    figures: Figures = {"torch": torch.__version__, "device": device}
    failed = False
    for group in GROUPS:
        found: Figures = {}
        figures[group.__name__] = found
        started = time.perf_counter()
        try:
            with torch.inference_mode():
                group(found)
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
            found["error"] = str(error).splitlines()[0]
            failed = True
        found["seconds"] = time.perf_counter() - started
        with fresh_file(out) as file:
            file.write_text(json.dumps(rounded(figures), indent=1) + "\n", encoding="utf-8")
        print(group.__name__, json.dumps(rounded(found)), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
