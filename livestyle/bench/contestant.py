"""Contestants of `livestyle bench turbo`, each in a process of its own: what is measured there.

A process has the device, its caches and the libraries' settings to itself. It warms up until the
clocks have risen, then times frames, uint8 in host memory to uint8 in host memory, in a row.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from livestyle.apart import Report
from livestyle.aside import run_aside
from livestyle.bench.floor import count_work, floor_of, measure_ceilings
from livestyle.bench.gpu_state import describe_device, state_of
from livestyle.bench.in_flight import run_in_flight, time_in_flight
from livestyle.bench.open_loop import run_open_loop
from livestyle.bench.peers import PEERS
from livestyle.bench.stages import count_kernels, time_stages
from livestyle.bench.variant import Variant
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.diffusion.model import Model, choose_precision
from livestyle.diffusion.networks import choose_convolutions, dtype_of, take_networks
from livestyle.diffusion.program import Form, Program
from livestyle.diffusion.step import SAMPLERS
from livestyle.engines.choice import Wanted
from livestyle.engines.loadable import Loadable
from livestyle.engines.loading import open_engine
from livestyle.errors import LivestyleError
from livestyle.frame import Size
from livestyle.placement import Placement
from livestyle.sources.testcard import draw
from livestyle.stylizers.look import look_of
from livestyle.stylizers.turbo import Turbo, choose_engine_for, wanted_precision

if TYPE_CHECKING:
    from livestyle.frame import Pixels

Run = Callable[["Pixels"], "Pixels"]
Figures = dict[str, Any]

_PICTURES = 8
# On a GPU clocks take a second to rise, and a 99th percentile wants several frames above it.
_WARM_UP = {"cuda": 1.5, "cpu": 0.0}  # s
_WARM_UP_FRAMES = 3
_FRAMES = {"cuda": 600, "cpu": 20}
_PEER_FRAMES = {"cuda": 300, "cpu": 20}  # it may be ten times as slow, and its median is wanted
_OPEN_LOOP = (2.0, 20.0)  # s, at least and at most
_STAGE_FRAMES = 60


@dataclass(frozen=True)
class Task:
    """What all contestants have in common.

    config: settled. frames: to time; None: as many as the device is worth. in_flight: frames at
    once, also; 1: not. folder: for what Inductor writes, and finds again.
    """

    model: Loadable
    config: Config
    size: Size
    frames: int | None
    in_flight: int
    folder: Path

    def pictures(self) -> list[Pixels]:
        """BGRA (h, w, 4) of the size."""
        return [draw(seq, self.size) for seq in range(_PICTURES)]


def measure_livestyle(task: Task, report: Report) -> Figures:
    """What the settings run: the engine of the cache, or PyTorch; and its open loop."""

    def closed_loop() -> tuple[Model, Figures]:
        started = time.perf_counter()
        model, precision = _chosen(task)
        seconds = time.perf_counter() - started
        return model, _measure_program(model, task, precision, seconds)

    # aside: the thread that has computed before must be gone, see livestyle.worker
    model, figures = run_aside(closed_loop, "closed loop")
    figures["open_loop"] = _open_loop(model, task, _seconds(figures))
    return figures


def measure_variant(task: Task, variant: Variant, precision: str, report: Report) -> Figures:
    """livestyle's own networks by PyTorch or Inductor, compiled here, with its levers."""
    started = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    half = "fp16" if precision == "fp8" or (variant.fp8 and device.type == "cuda") else precision
    pipeline = task.model.pipeline(half, device.type)
    compiled = variant.engine == "torch-compiled"
    networks = take_networks(pipeline, device, dtype_of(half), packed=not compiled)
    choose_convolutions(timed=variant.levers.cudnn_benchmark)
    agreement: Figures = {}
    if compiled:
        from livestyle.engines.compiled import compile_here

        precision = "fp8" if variant.fp8 else half
        eager = Model(pipeline, networks, SAMPLERS[task.model.sampler])
        networks, found = compile_here(eager, task.size, precision, variant.levers, task.folder)
        agreement = {"agreement": found.plain()}
    model = Model(pipeline, networks, SAMPLERS[task.model.sampler])
    seconds = time.perf_counter() - started
    return _measure_program(model, task, precision, seconds) | agreement


def measure_peer(task: Task, name: str, precision: str, device: str, report: Report) -> Figures:
    """Somebody else's pipeline, one of PEERS, with its libraries' own settings.

    precision: of livestyle beside it; fp16 stands for fp8.
    """
    started = time.perf_counter()
    half = "fp16" if precision == "fp8" else precision
    pipeline = task.model.pipeline(half, device)
    theirs = {"unet": pipeline.unet, "vae": pipeline.vae}
    networks = take_networks(pipeline, torch.device(device), dtype_of(half), "diffusers")
    torch.backends.cudnn.benchmark = torch.backends.cudnn.deterministic = False  # as they come
    model = Model(pipeline, networks, SAMPLERS[task.model.sampler])
    run = PEERS[name](model, theirs, task.config, task.size)
    ready = time.perf_counter() - started
    if task.frames is None:
        task = dataclasses.replace(task, frames=_PEER_FRAMES[device])
    return {"engine": name, "precision": half} | _measure(run, task, model, ready)


def measure_floor(task: Task, precision: str, device: str, report: Report) -> Figures:
    """The least time that the frame can take, see livestyle.bench.floor."""
    look = look_of(task.config)
    steps = len(SAMPLERS[task.model.sampler].steps(look.strength, look.steps))
    work = count_work(task.model.skeleton(), task.size, steps)
    return floor_of(work, measure_ceilings(torch.device(device), precision), precision, steps)


def _chosen(task: Task) -> tuple[Model, str]:
    """The model as `run` would open it, and its precision."""
    config, loadable = task.config, task.model
    precision = wanted_precision(config)
    entry, why = choose_engine_for(config, Wanted(loadable, task.size, precision))
    if entry is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        precision = choose_precision(precision, device, loadable.stored)
        pipeline = loadable.pipeline(precision, device)
        taken = take_networks(pipeline, torch.device(device), dtype_of(precision), config.unet)
        model = Model(pipeline, taken, SAMPLERS[loadable.sampler])
    else:
        precision = entry.manifest().spec.precision
        model = open_engine(entry, loadable)
    model.networks = dataclasses.replace(model.networks, why=why)
    return model, precision


def _measure_program(model: Model, task: Task, precision: str, ready: float) -> Figures:
    """Of livestyle's own program: also its stages, its kernels, and frames in flight."""
    started = time.perf_counter()
    program, pictures = _program(model, task), task.pictures()
    figures = {
        "engine": model.networks.engine,
        "why": model.networks.why,
        "precision": precision,
        "steps": program.form.steps,
        **_measure(program.run, task, model, ready + time.perf_counter() - started),
    }
    frames = min(figures["frames"], _STAGE_FRAMES)
    still = program.run(pictures[0]).copy()
    figures["still_is_still"] = bool(np.array_equal(still, program.run(pictures[0])))
    figures["stage_ms"] = time_stages(program, pictures, frames)
    figures["kernels"] = count_kernels(program, pictures[0])
    if task.in_flight > 1:
        programs = [_program(model, task, lane) for lane in range(task.in_flight)]
        figures["in_flight"] = {
            **time_in_flight(programs, pictures, figures["frames"]),
            "open_loop": run_in_flight(programs, pictures, task.config.fps, _seconds(figures)),
        }
    if model.device.type == "cuda":
        figures["gpu_memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return figures


def _measure(run: Run, task: Task, model: Model, ready: float) -> Figures:
    """ms of each frame, as fast as they come; and the state of the card before and after."""
    pictures, device = task.pictures(), model.device.type
    wanted = pictures[0].shape[:2]
    frames = task.frames or _FRAMES[device]
    before = state_of(model.device)
    began = time.perf_counter()
    warm_up = 0
    while warm_up < _WARM_UP_FRAMES or time.perf_counter() < began + _WARM_UP[device]:
        result = run(pictures[warm_up % _PICTURES])
        if result.dtype != np.uint8 or result.shape != (*wanted, 3):
            raise LivestyleError(f"it gave {result.dtype} {result.shape}, not the picture")
        warm_up += 1
    each = []
    for number in range(frames):
        started = time.perf_counter()
        run(pictures[number % _PICTURES])
        each.append((time.perf_counter() - started) * 1000)
    state = (
        {} if before is None else {"gpu_state": {"before": before, "after": state_of(model.device)}}
    )
    return {
        "device": describe_device(model.device),
        "ready_s": round(ready, 2),
        "warm_up_frames": warm_up,
        "frames": frames,
        "frame_ms_each": [round(ms, 3) for ms in each],
        "picture": run(pictures[0]).copy(),
        **state,
    }


def _program(model: Model, task: Task, lane: int = 0) -> Program:
    look = look_of(task.config)
    steps = model.sampler.steps(look.strength, look.steps)
    form = Form(len(steps), i420=False, from_text=False, lane=lane)
    program = Program(model, task.size, Placement(task.size, task.size, "fit"), form)
    program.set_steps(steps)
    program.set_noise(look.seed)
    program.set_prompt(model.encode_prompt(look.prompt))
    program.warm_up()
    return program


def _seconds(figures: Figures) -> float:
    """Of an open loop: as long as the closed one took."""
    least, most = _OPEN_LOOP
    taken = figures["frames"] * float(np.median(figures["frame_ms_each"])) / 1000
    return float(min(max(least, taken), most))


def _open_loop(model: Model, task: Task, seconds: float) -> Figures:
    canvas = Canvas(task.size, task.config.aspect, i420=True)
    turbo = run_aside(lambda: Turbo(model, canvas, canvas.size, look_of(task.config)), "load")
    return run_open_loop(turbo, task.pictures(), task.config.fps, seconds)
