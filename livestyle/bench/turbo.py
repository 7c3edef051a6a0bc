"""`livestyle bench turbo`: a frame of turbo, host memory to host memory, its stages, and its peers.

All in one run, in turn, on the same weights, frames, size, precision and number of threads: one
step, no guidance, uint8 in and uint8 out. The prompt is encoded before for all of them. That is the
closed loop: each waits for the next frame. The open loop after it is livestyle alone, live.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from livestyle.aside import run_aside
from livestyle.bench.floor import count_work, floor_of, measure_ceilings
from livestyle.bench.gpu_state import gpu_state
from livestyle.bench.open_loop import run_open_loop
from livestyle.bench.peers import PEERS, Networks, Run
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.diffusion.model import Model, choose_precision
from livestyle.diffusion.networks import dtype_of, take_networks
from livestyle.diffusion.program import Form, Program
from livestyle.diffusion.step import SAMPLERS
from livestyle.engines.choice import Wanted
from livestyle.engines.loading import open_engine
from livestyle.errors import ConfigError, LivestyleError
from livestyle.frame import Size
from livestyle.machine import describe_machine
from livestyle.placement import Placement, network_size
from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.sources.testcard import draw
from livestyle.stylizers.look import look_of
from livestyle.stylizers.settle import GRID
from livestyle.stylizers.turbo import (
    Turbo,
    choose_engine_for,
    loadable_of,
    wanted_precision,
)

if TYPE_CHECKING:
    from livestyle.frame import Pixels

_WARM_UP = 3
_OPEN_LOOP = (2.0, 20.0)  # s, at least and at most
_STAGES = ("upload", "encode", "unet", "decode", "download")


@dataclass(frozen=True)
class Options:
    """What is timed. random_weights: of the recipe's exact architecture, in place of a model."""

    random_weights: bool
    peers: list[str]
    frames: int  # of each contestant


def bench_turbo(config: Config, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Time livestyle and its peers in turn, after 3 frames that are not counted.

    config: settled. say: told how far a download is.

    Returns ms per frame (p50, p95, p99, max), the stages, each peer's ratio: the median of
    livestyle over that of the peer, and the open loop at the settings' fps. Raises ConfigError for
    an unknown peer, LivestyleError.
    """
    if unknown := sorted(set(options.peers) - {"torch", *PEERS}):
        known = ", ".join(["torch", *PEERS])
        raise ConfigError(f"unknown peer {unknown[0]!r}; choose from: {known}")
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    size = network_size(config.size or recipe.size, config.size, recipe.size, GRID)
    pictures = [draw(seq, size) for seq in range(8)]

    def closed_loop() -> tuple[Model, dict[str, Any]]:
        contestants = _load(config, options, size, say)
        return contestants.model, _closed_loop(contestants, config, options, pictures)

    # aside: the thread that has computed before must be gone, see livestyle.worker
    model, figures = run_aside(closed_loop, "closed loop")
    least, most = _OPEN_LOOP
    seconds = options.frames * figures["frame_ms"]["livestyle"]["p50"] / 1000
    return {
        "bench": "turbo",
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "diffusers")},
        **figures,
        "open_loop": _open_loop(model, config, pictures, min(max(least, seconds), most)),
    }


@dataclass(frozen=True)
class _Contestants:
    """title: of the model. model: what is measured, in `precision`. torch: livestyle on PyTorch,
    where that is a peer. networks: those of diffusers, where there are peers. Both peers are in
    fp16 beside an engine in fp8."""

    title: str
    model: Model
    torch: Model | None
    networks: Networks
    skeleton: Any
    precision: str


def _load(config: Config, options: Options, size: Size, say: Callable[[str], None]) -> _Contestants:
    loadable = loadable_of(config, random_weights=options.random_weights, say=say)
    precision = wanted_precision(config)
    entry, why = choose_engine_for(config, Wanted(loadable, size, precision))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if entry is None:
        precision = choose_precision(precision, device, loadable.stored)
    else:
        spec = entry.manifest().spec
        precision, device = spec.precision, "cpu" if spec.engine == "openvino" else device
    by_torch, networks = None, {}
    if options.peers or entry is None:
        pipeline = loadable.pipeline("fp16" if precision == "fp8" else precision, device)
        for network in (pipeline.unet, pipeline.vae):
            network.to(device).to(memory_format=torch.channels_last)
        if set(options.peers) & set(PEERS):
            networks = {"unet": pipeline.unet, "vae": pipeline.vae}
        if entry is None or "torch" in options.peers:
            taken = take_networks(pipeline, torch.device(device), dtype_of(precision), config.unet)
            by_torch = Model(pipeline, taken, SAMPLERS[loadable.sampler])
    chosen = by_torch if entry is None else open_engine(entry, loadable)
    assert chosen is not None
    chosen.networks = dataclasses.replace(chosen.networks, why=why)
    return _Contestants(loadable.title, chosen, by_torch, networks, loadable.skeleton(), precision)


def _closed_loop(
    contestants: _Contestants, config: Config, options: Options, pictures: list[Pixels]
) -> dict[str, Any]:
    """Every contestant as fast as it can, then the stages of livestyle's frame."""
    height, width = pictures[0].shape[:2]
    model, precision = contestants.model, contestants.precision
    programs = {"livestyle": _program(model, config, (width, height))}
    if "torch" in options.peers and contestants.torch is not None:
        programs["torch"] = _program(contestants.torch, config, (width, height))
    runs: dict[str, Run] = {name: program.run for name, program in programs.items()}
    for peer in options.peers:
        if peer in PEERS:
            runs[peer] = PEERS[peer](model, contestants.networks, config, (width, height))
    times = _in_turn(runs, pictures, options.frames)
    machine = describe_machine() | _device(model)  # at once: clocks fall when idle
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    steps = programs["livestyle"].form.steps
    work = count_work(contestants.skeleton, (width, height), steps)
    ceilings = measure_ceilings(model.device, dtype_of(precision))
    floor = floor_of(work, ceilings, precision, steps)
    return {
        "model": contestants.title,
        "machine": machine,
        "precision": precision,
        "engine": model.networks.engine,
        "engine_why": model.networks.why,
        "size": [width, height],
        "steps": steps,
        "frames": options.frames,
        "frame_ms": {name: _summary(spent) for name, spent in times.items()},
        "frame_ms_each": {name: [round(ms, 3) for ms in spent] for name, spent in times.items()},
        "fps": {name: round(1000 / median, 2) for name, median in medians.items()},
        "ratio": {
            name: round(medians["livestyle"] / median, 3)
            for name, median in medians.items()
            if name != "livestyle"
        },
        "floor": floor,
        "percent_of_floor": {
            name: round(100 * floor["floor_ms"] / median, 1) for name, median in medians.items()
        },
        **{
            "stage_ms" if name == "livestyle" else f"stage_ms_{name}": _stages(
                program, pictures, min(options.frames, 20)
            )
            for name, program in programs.items()
        },
    }


def _program(model: Model, config: Config, size: Size) -> Program:
    look = look_of(config)
    steps = model.sampler.steps(look.strength, look.steps)
    form = Form(len(steps), i420=False, from_text=False)
    program = Program(model, size, Placement(size, size, "fit"), form)
    program.set_steps(steps)
    program.set_noise(look.seed)
    program.set_prompt(model.encode_prompt(look.prompt))
    program.warm_up()
    return program


def _in_turn(
    contestants: dict[str, Run], pictures: list[Pixels], frames: int
) -> dict[str, list[float]]:
    """ms of each frame, by contestant; every one takes the same frame before the next comes."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(_WARM_UP + frames):
        for name, run in contestants.items():
            started = time.perf_counter()
            result = run(pictures[number % len(pictures)])
            spent = (time.perf_counter() - started) * 1000
            if result.dtype != np.uint8 or result.shape != pictures[0][:, :, :3].shape:
                raise LivestyleError(f"{name} gave {result.dtype} {result.shape}, not the picture")
            if number >= _WARM_UP:
                times[name].append(spent)
    return times


def _open_loop(
    model: Model, config: Config, pictures: list[Pixels], seconds: float
) -> dict[str, Any]:
    height, width = pictures[0].shape[:2]
    canvas = Canvas((width, height), config.aspect, i420=True)
    turbo = run_aside(lambda: Turbo(model, canvas, canvas.size, look_of(config)), "load")
    return run_open_loop(turbo, pictures, config.fps, seconds)


def _stages(program: Program, pictures: list[Pixels], frames: int) -> dict[str, Any]:
    """ms of each stage, without a graph: on a GPU by its own events."""
    clock = _DeviceClock() if torch.cuda.is_available() else _Clock()
    spent: dict[str, list[float]] = {name: [] for name in _STAGES}
    for number in range(_WARM_UP + frames):
        clock.start()
        program.run_in_stages(pictures[number % len(pictures)], clock.lap)
        if number >= _WARM_UP:
            for name, ms in clock.laps().items():
                spent[name].append(ms)
    return {name: _summary(ms) for name, ms in spent.items()}


class _Clock:
    """Laps by the CPU's clock."""

    def start(self) -> None:
        self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name], self._last = (now - self._last) * 1000, now

    def laps(self) -> dict[str, float]:
        """ms by name, since `start`."""
        return self._laps


class _DeviceClock(_Clock):
    """Laps by CUDA events, on the device's own time. Without a graph that includes the gaps in
    which the device waits for Python to ask: together the stages take longer than a frame."""

    def start(self) -> None:
        self._events = [("", self._event())]

    def lap(self, name: str) -> None:
        self._events.append((name, self._event()))

    def laps(self) -> dict[str, float]:
        """ms by name, since `start`."""
        torch.cuda.synchronize()
        pairs = zip(self._events, self._events[1:], strict=False)
        return {name: before.elapsed_time(after) for (_, before), (name, after) in pairs}

    def _event(self) -> Any:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event


def _summary(ms: list[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(ms, (50, 95, 99))
    figures = {"p50": p50, "p95": p95, "p99": p99, "max": max(ms)}
    return {name: round(float(value), 3) for name, value in figures.items()}


def _device(model: Model) -> dict[str, Any]:
    if model.device.type != "cuda":
        return {"device": "cpu", "threads": torch.get_num_threads()}
    properties = torch.cuda.get_device_properties(model.device)
    return {
        "device": properties.name,
        "device_memory_gib": round(properties.total_memory / 2**30, 1),
        "cuda": torch.version.cuda,
        "gpu_state": gpu_state(str(properties.uuid)),
    }
