"""`livestyle bench lite`: the whole stylize stage beside the bare network, in one run."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from livestyle.between.slot import Slot
from livestyle.canvas import Canvas, to_i420
from livestyle.config import Config
from livestyle.errors import ConfigError
from livestyle.frame import Frame, Size
from livestyle.machine import describe_machine
from livestyle.sources.testcard import draw
from livestyle.stats import Timings
from livestyle.stylizers.lite import Lite, compile_options, read_network
from livestyle.stylizers.style import find_style

Ms = dict[str, float | None]  # percentiles
_WARM_UP = 10
_PAIRS = 100
_EDGE, _ROUNDS = 2048, 6  # of the square matrices that are multiplied, and how often


def bench_lite(config: Config) -> dict[str, Any]:
    """Time both in turn, 100 pairs after 10 not counted.

    stage: a BGRA testcard frame scaled, styled, made I420 of the output and put into the slot.
    network: the style's IR alone, BGRX in and what Head takes out, on one such picture.
    ratio: of the medians. Times in ms. floor: the network's convolutions at the rate that OpenVINO
    reaches here in a large matrix product, in the same precision.

    Raises ConfigError for an unknown style.
    """
    style = find_style(config.style or "wave")  # a network: that is what is measured beside
    if style.network is None:
        raise ConfigError(f"--style {style.name}: it has no network to time; name another")
    output = config.output_size or (1280, 720)
    lite = Lite(style, Canvas(output, config.aspect, i420=True), config.size)
    stage, network = _time_both(lite, output)
    floor = _floor(lite)
    percent = {
        name: round(100 * floor["floor_ms"] / (ms["p50"] or 1), 1)
        for name, ms in (("stage", stage), ("network", network))
    }
    return {
        "bench": "lite",
        "machine": describe_machine(),
        "openvino": ov.__version__,
        "style": style.name,
        "network_size": list(lite.size),
        "output_size": list(output),
        "pairs": _PAIRS,
        "stage_ms": stage,
        "network_ms": network,
        "ratio": round((stage["p50"] or 0) / (network["p50"] or 1), 3),
        "floor": floor,
        "percent_of_floor": percent,
    }


def _time_both(lite: Lite, output: Size) -> tuple[Ms, Ms]:
    """Of the stage and of the bare network."""
    infer = _bare_network(lite)
    frames = [Frame(draw(seq, output), seq, 0) for seq in range(8)]
    stage_times, network_times = Timings(), Timings()
    with Slot(output[0] * output[1] * 3 // 2) as slot:
        for pair in range(_WARM_UP + _PAIRS):
            stage_ns = _time(functools.partial(_stage, lite, slot, frames[pair % len(frames)]))
            network_ns = _time(infer)
            if pair >= _WARM_UP:
                stage_times.record(stage_ns)
                network_times.record(network_ns)
    return stage_times.milliseconds(), network_times.milliseconds()


def _stage(lite: Lite, slot: Slot, frame: Frame) -> None:
    styled = lite.stylize(frame)
    slot.put(styled.seq, styled.captured_at, functools.partial(to_i420, styled.pixels))


def _request(lite: Lite, model: ov.Model) -> ov.InferRequest:
    compiled = ov.Core().compile_model(model, lite.recipe.device, compile_options(lite.recipe))
    return compiled.create_infer_request()


def _floor(lite: Lite) -> dict[str, float]:
    macs = 0
    for node in read_network(lite.style, lite.size).get_ordered_ops():
        if node.get_type_name() == "Convolution":
            weights, result = node.input(1).get_shape(), node.output(0).get_shape()
            macs += math.prod(weights) * math.prod(result[2:])
    a = ops.parameter([_EDGE, _EDGE], ov.Type.f32)
    b = ops.constant(np.ones((_EDGE, _EDGE), np.float32))
    product = _request(lite, ov.Model([ops.matmul(a, b, False, False)], [a]))
    flops = 2 * _EDGE**3 / (min(_time(lambda: product.infer()) for _ in range(_ROUNDS)) / 1e9)
    return {
        "gmac": round(macs / 1e9, 3),
        "measured_tflops": round(flops / 1e12, 3),
        "floor_ms": round(2 * macs / flops * 1000, 3),
    }


def _bare_network(lite: Lite) -> Callable[[], object]:
    request = _request(lite, read_network(lite.style, lite.size))
    width, height = (side * lite.block for side in lite.size)
    request.set_input_tensor(ov.Tensor(draw(0, (width, height))[None]))
    return lambda: request.infer()


def _time(call: Callable[[], object]) -> int:
    started = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - started
