"""The turbo stylizer on a CUDA device: the captured graph, what it may not do, and precision."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from program_of import SIZE, program_of
from random_pipelines import save_pipeline
from torch.profiler import ProfilerActivity, profile

from livestyle.aside import run_aside
from livestyle.bench.gpu_state import wake
from livestyle.bench.stages import STAGES, count_kernels, time_stages
from livestyle.between.look import Finishing, Look
from livestyle.canvas import Canvas
from livestyle.diffusion.flight import Flight
from livestyle.diffusion.model import Model, load_model
from livestyle.diffusion.program import Program
from livestyle.finish.device import DeviceFinish
from livestyle.finish.hold import grids_of
from livestyle.finish.planes import ONE
from livestyle.frame import Frame
from livestyle.models.folder import ModelFolder
from livestyle.models.plan import Choice
from livestyle.sources.testcard import draw
from livestyle.stylizers.turbo import Turbo

pytestmark = [
    pytest.mark.hardware,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"), "sdxl", "middle")


def _load(folder: Path, precision: str = "fp16") -> Model:
    choice = Choice(
        weights=ModelFolder(folder), sampler="turbo", device="cuda", precision=precision
    )
    return load_model(choice)


@pytest.fixture
def strict() -> Iterator[None]:
    """A host synchronisation that nobody asked for is an error; waiting for an event is not one."""
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("steps", [1, 2])
def test_a_replayed_graph_gives_what_eager_gives(folder: Path, steps: int) -> None:
    program = program_of(_load(folder), steps)
    for seq in (1, 60):
        replayed = program.run(draw(seq, SIZE)).copy()

        def eager(seq: int = seq) -> np.ndarray:
            program.run_in_stages(draw(seq, SIZE), lambda _: None)
            return program.collect()

        # where convolutions are chosen as for a graph: other ways of computing one round otherwise
        np.testing.assert_array_equal(replayed, program._model.capture(eager))


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
def test_a_frame_allocates_nothing_and_syncs_once(folder: Path, strict: None) -> None:
    program, pictures = program_of(_load(folder)), [draw(seq, SIZE) for seq in range(10)]
    program.run(pictures[0])
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    torch.cuda.set_sync_debug_mode("error")
    for picture in pictures:
        program.run(picture)
    torch.cuda.set_sync_debug_mode("default")
    assert torch.cuda.memory_stats()["allocation.all.allocated"] == before


def _calls(program: Program, frames: int) -> Counter[str]:
    """What the CPU asked of the device, and what the device copied, in so many frames."""
    activities = [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    with profile(activities=activities, acc_events=True) as profiled:
        for _ in range(frames):
            program.run(draw(1, SIZE))
    return Counter({row.key: row.count for row in profiled.key_averages()})


def test_a_profile_of_a_frame_shows_a_graph_two_copies_and_one_event(folder: Path) -> None:
    program = program_of(_load(folder))
    program.run(draw(1, SIZE))
    _calls(program, 1)  # the profiler's own first time
    more = _calls(program, 6) - _calls(program, 1)  # it synchronises itself, once
    assert more["cudaGraphLaunch"] == more["cudaEventSynchronize"] == 5
    for way in ("HtoD", "DtoH"):
        assert sum(count for name, count in more.items() if f"Memcpy {way}" in name) == 5
    asked = {"cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaMalloc", "cudaHostAlloc"}
    assert not asked & set(more)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "winter"},
        {"strength": 0.8},
        {"seed": 9},
        {"steps": 2},
        {"prompt": "winter", "steps": 2, "seed": 9},
    ],
    ids=str,
)
def test_what_changes_live_reaches_the_captured_graph(folder: Path, change: dict[str, Any]) -> None:
    model, frame = _load(folder), Frame(draw(7, SIZE), 0, 0)
    plain: dict[str, Any] = {"prompt": "a cat", "strength": 0.5, "steps": 1, "seed": 0, "fade": 0.0}
    changed = Look(**{**plain, **change})
    with Turbo(model, Canvas(SIZE, "fit"), lambda _: SIZE, changed) as turbo:
        wanted = turbo.stylize(frame).pixels.copy()
    with Turbo(model, Canvas(SIZE, "fit"), lambda _: SIZE, Look(**plain)) as turbo:
        assert not np.array_equal(turbo.stylize(frame).pixels, wanted)
        turbo.change(changed)
        shown = [turbo.stylize(frame).pixels.copy() for _ in range(100)]
    np.testing.assert_array_equal(shown[-1], wanted)


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("network", ["encode", "decode"])
def test_nan_and_infinity_are_seen_in_the_captured_graph(
    folder: Path, network: str, on_device: bool
) -> None:
    """With the frame that has them, not with the next, nor where its picture is finished."""
    model = _load(folder)
    run, grain = getattr(model.networks, network), torch.zeros((), device="cuda")
    model.networks = dataclasses.replace(model.networks, **{network: lambda x: run(x) + grain})
    finish = DeviceFinish(SIZE, torch.device("cuda")) if on_device else None
    program = program_of(model, finish=finish)
    for value in (0.0, float("nan"), 0.0, float("inf"), float("-inf"), 0.0):
        grain.fill_(value)
        program.run(_given(0, *filter(None, [finish])))
        assert program.is_finite == math.isfinite(value)


def test_stages_are_timed_inside_the_graph_and_add_up_to_a_frame(folder: Path) -> None:
    program, pictures = program_of(_load(folder)), [draw(seq, SIZE) for seq in range(4)]
    wake(torch.device("cuda"))
    spent = []
    for number in range(100):
        started = time.perf_counter()
        program.run(pictures[number % 4])
        spent.append((time.perf_counter() - started) * 1000)
    stages = time_stages(program, pictures, 60)
    assert list(stages) == list(STAGES)
    assert all(stage["p50"] > 0 for stage in stages.values())
    assert sum(stage["p50"] for stage in stages.values()) < 1.2 * float(np.median(spent[40:]))
    kernels = count_kernels(program, pictures[0])
    assert kernels is not None and kernels["launches"] > 100 and kernels["copies"] >= 2


def test_a_graph_outlives_the_thread_that_asked_for_it(folder: Path) -> None:
    """As when a stylizer is loaded aside: what cuDNN chose must not go with that thread."""
    model, picture = _load(folder), draw(9, SIZE)
    made_aside = run_aside(lambda: program_of(model), "load")
    shown = [made_aside.run(picture).copy() for _ in range(20)]
    np.testing.assert_array_equal(shown, [shown[0]] * 20)
    assert np.abs(shown[0].astype(int) - program_of(model).run(picture)).max() <= 1


def test_frames_in_flight_are_those_that_come_alone(folder: Path) -> None:
    model = _load(folder)
    alone, flight = program_of(model), Flight([program_of(model, lane=lane) for lane in (1, 2)])
    winter, wanted, shown = model.encode_prompt("winter"), [], []
    for number in range(12):
        if number == 5:
            alone.set_prompt(winter)
            flight.change(lambda program: program.set_prompt(winter))
        if not flight.has_room:
            shown.append(flight.collect().pixels.copy())
        flight.submit(Frame(draw(10 * number, SIZE), number, 0))
        wanted.append(alone.run(draw(10 * number, SIZE)).copy())
    while not flight.is_empty:
        shown.append(flight.collect().pixels.copy())
    assert np.abs(np.array(shown, int) - np.array(wanted, int)).max() <= 1


FINISHING = Finishing(detail=0.8, hold=0.5, colour=0.2)


def _given(seq: int, *finishes: DeviceFinish) -> np.ndarray:
    """A frame that finishes have taken, BGRA: of all but the first the left half is not new."""
    bgra = draw(7, SIZE)
    bgra[:, SIZE[0] // 2 :] = draw(7 + seq, SIZE)[:, SIZE[0] // 2 :]
    new = np.full(grids_of((SIZE[1], SIZE[0]))[-1], ONE, np.uint8)
    if seq:
        new[:, : new.shape[1] // 2] = 0
    for finish in finishes:
        finish.take(cv2.cvtColor(bgra, cv2.COLOR_BGRA2YUV_I420), new, FINISHING)
    return bgra


def test_the_finish_in_the_graph_is_that_of_the_cpu(folder: Path) -> None:
    """Which tests/finish compares with the one in host memory."""
    model = _load(folder)
    device, cpu = (DeviceFinish(SIZE, torch.device(name)) for name in ("cuda", "cpu"))
    finished, plain = program_of(model, finish=device), program_of(model)
    shown = []
    for seq in range(0, 20, 5):
        bgra = _given(seq, device, cpu)
        shown.append(finished.run(bgra).copy())
        expected = torch.zeros(shown[-1].shape, dtype=torch.uint8)
        cpu.begin()
        cpu.compute(torch.from_numpy(plain.run(bgra)), expected)
        assert (cv2.absdiff(shown[-1], expected.numpy()) <= 2).mean() > 0.998
    for before, after in itertools.pairwise(shown):
        assert (before[: SIZE[1], :200] == after[: SIZE[1], :200]).all()


def test_a_program_made_anew_leaves_what_is_held(folder: Path) -> None:
    """Its graph is captured while another's pictures are shown."""
    model, finish = _load(folder), DeviceFinish(SIZE, torch.device("cuda"))
    shown = []
    for seq in range(0, 15, 5):
        bgra = _given(seq, finish)
        if seq != 5:
            program = program_of(model, finish=finish)
        shown.append(program.run(bgra).copy())
    for before, after in itertools.pairwise(shown):
        assert (before[: SIZE[1], :200] == after[: SIZE[1], :200]).all()


def test_the_finish_takes_few_launches(folder: Path) -> None:
    finish = DeviceFinish(SIZE, torch.device("cuda"))
    plain, finished = program_of(_load(folder)), program_of(_load(folder), finish=finish)
    counts = [count_kernels(program, draw(1, SIZE)) for program in (plain, finished)]
    assert counts[0] is not None and counts[1] is not None
    assert counts[1]["launches"] - counts[0]["launches"] <= 45


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_is_near_float32(folder: Path, precision: str) -> None:
    bgra = draw(7, SIZE)
    exact, coarse = (
        program_of(_load(folder, name)).run(bgra).astype(int) for name in ("fp32", precision)
    )
    assert np.abs(exact - coarse).mean() < (1 if precision == "fp16" else 4)
