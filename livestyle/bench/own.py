"""livestyle itself as a contestant of `bench turbo`: frames, and where their time goes."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from livestyle.aside import run_aside
from livestyle.bench.contestant import Figures, Task, Tell, measure_frames
from livestyle.bench.floor import count_work, floor_of, measure_ceilings
from livestyle.bench.gpu_state import wake
from livestyle.bench.in_flight import run_in_flight, time_in_flight
from livestyle.bench.open_loop import run_open_loop
from livestyle.bench.stages import count_kernels, time_stages
from livestyle.bench.variant import Variant
from livestyle.between.look import look_of
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import take_networks
from livestyle.diffusion.program import Form, Program
from livestyle.diffusion.step import SAMPLERS
from livestyle.engines.choice import Wanted, choose_engine_for
from livestyle.engines.loading import open_engine
from livestyle.errors import LivestyleError
from livestyle.frame import Size
from livestyle.models.loadable import Loadable
from livestyle.models.precision import choose_precision, dtype_of
from livestyle.placement import Placement
from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.stylizers.turbo import Turbo

_OPEN_LOOP = {"cuda": 3.0, "cpu": 20.0}  # s, at most
_STAGE_FRAMES = 60


def measure_livestyle(task: Task, tell: Tell) -> Figures:
    """What the settings run: the engine of the cache, or PyTorch; and its open loop."""

    def closed_loop() -> tuple[Model, Figures]:
        started = time.perf_counter()
        wake(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        model, precision = chosen_model(task.config, task.model, task.size)
        found = _measure_program(Own(model, precision, started, floor=True), task, tell)
        return model, found

    # aside: the thread that has computed before must be gone, see livestyle.worker.process
    model, figures = run_aside(closed_loop, "closed loop")
    figures["open_loop"] = _extra(lambda: _open_loop(model, task, _seconds(figures)))
    return figures


def measure_variant(
    task: Task, variant: Variant, precision: str, floor: bool, tell: Tell
) -> Figures:
    """livestyle's own networks by PyTorch or Inductor, compiled here, with its levers.

    precision: of livestyle beside it. floor: whether that is to be measured, too.
    """
    started = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    wake(device)
    half = "fp16" if precision == "fp8" or (variant.fp8 and device.type == "cuda") else precision
    pipeline = task.model.pipeline(half, device.type)
    sampler, compiled = SAMPLERS[task.model.sampler], variant.engine == "torch-compiled"
    networks = take_networks(pipeline, device, dtype_of(half), packed=not compiled)
    used, agreement = half, {}
    if compiled:
        from livestyle.engines.compiled import compile_here

        used = variant.precision(half)
        eager = Model(pipeline, networks, sampler)
        networks, found = compile_here(eager, task.size, used, variant.levers, task.folder)
        agreement = {"agreement": found.plain() | {"agrees": found.agrees(used)}}
    model = Model(pipeline, networks, sampler)
    model.times_convolutions = variant.levers.cudnn_benchmark
    return _measure_program(Own(model, used, started, floor), task, tell) | agreement


def chosen_model(config: Config, loadable: Loadable, size: Size) -> tuple[Model, str]:
    """The model as `run` would open it with these settled settings, and its precision. size:
    (width, height) of the picture inside.
    """
    recipe = load_recipe(config.recipe, DiffusionRecipe)
    precision = recipe.precision_for(config.precision)
    entry, why = choose_engine_for(config, Wanted(loadable, size, precision))
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


@dataclass(frozen=True)
class Own:
    """A model of livestyle's own. started: by time.perf_counter, when it was begun to be loaded.
    floor: whether the least time is to be measured that a frame in this precision can take."""

    model: Model
    precision: str
    started: float
    floor: bool


def _measure_program(own: Own, task: Task, tell: Tell) -> Figures:
    """Frames; and where their time goes, what more at once would bring, and the floor. What is told
    is kept, whatever comes after it."""
    model, pictures = own.model, task.pictures()
    program = _program(model, task)
    figures = {
        "engine": model.networks.engine,
        "why": model.networks.why,
        "precision": own.precision,
        "steps": program.form.steps,
        **measure_frames(program.run, task, model, time.perf_counter() - own.started),
    }
    still = program.run(pictures[0]).copy()
    figures["still_is_still"] = bool(np.array_equal(still, program.run(pictures[0])))
    tell(figures)
    extras: dict[str, Callable[[], Any]] = {
        "stage_ms": lambda: time_stages(program, pictures, min(figures["frames"], _STAGE_FRAMES))
    }
    if task.in_flight > 1:
        extras["in_flight"] = lambda: _in_flight(model, task, figures)
    if own.floor:
        extras["floor"] = lambda: _floor(model, task, own.precision)
    # last: what a profiler hooks into the driver stays there, and slows launches down
    extras["kernels"] = lambda: count_kernels(program, pictures[0])
    for name, measure in extras.items():
        figures[name] = _extra(measure)
        tell(figures)
    return figures


def _extra(measure: Callable[[], Any]) -> Any:
    """What it measures, or why it can't: what else there is need not be lost."""
    try:
        return measure()
    except (RuntimeError, LivestyleError) as error:  # PyTorch's errors are RuntimeErrors
        return {"error": str(error).splitlines()[0] if str(error) else repr(error)}


def _in_flight(model: Model, task: Task, figures: Figures) -> Figures:
    pictures = task.pictures()
    programs = [_program(model, task, lane) for lane in range(task.in_flight)]
    closed = time_in_flight(programs, pictures, figures["frames"])
    return closed | {
        "open_loop": run_in_flight(programs, pictures, task.config.fps, _seconds(figures))
    }


def _floor(model: Model, task: Task, precision: str) -> Figures:
    """See livestyle.bench.floor."""
    look = look_of(task.config)
    steps = len(model.sampler.steps(look.strength, look.steps))
    work = count_work(task.model.skeleton(), task.size, steps)
    return floor_of(work, measure_ceilings(model.device, precision), precision, steps)


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
    """Of an open loop: as long as the closed one took, and two seconds at least."""
    taken = figures["frames"] * float(np.median(figures["frame_ms_each"])) / 1000
    kind = "cpu" if figures["device"]["device"] == "cpu" else "cuda"
    return float(min(max(2.0, taken), _OPEN_LOOP[kind]))


def _open_loop(model: Model, task: Task, seconds: float) -> Figures:
    canvas = Canvas(task.size, task.config.aspect, i420=True)
    turbo = run_aside(lambda: Turbo(model, canvas, lambda size: size, look_of(task.config)), "load")
    return run_open_loop(turbo, task.pictures(), task.config, seconds)
