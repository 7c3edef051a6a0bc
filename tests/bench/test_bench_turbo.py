"""`livestyle bench turbo`: its report, and that its peers do the very same work."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from random_pipelines import save_pipeline

from livestyle.bench.gpu_state import parse_processes, parse_state
from livestyle.bench.open_loop import run_open_loop
from livestyle.bench.peers import PEERS
from livestyle.bench.variant import Variant
from livestyle.canvas import Canvas
from livestyle.commands import main
from livestyle.config import Config
from livestyle.diffusion.model import Model
from livestyle.diffusion.networks import take_networks
from livestyle.diffusion.program import Form, Program
from livestyle.diffusion.step import SAMPLERS
from livestyle.engines.levers import Levers
from livestyle.errors import StylizerError
from livestyle.frame import Frame
from livestyle.models.folder import ModelFolder
from livestyle.models.pipeline import load_pipeline
from livestyle.models.plan import Choice
from livestyle.models.random_weights import FAMILIES, random_unet
from livestyle.placement import Placement
from livestyle.sources.testcard import draw
from livestyle.stylizers.passthrough import Passthrough

SIZE = (256, 256)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def measured(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The command with all that it can do on a CPU but compile, and the folder of its files."""
    made = tmp_path_factory.mktemp("made")
    flags = ["--frames", "4", "--fps", "20", "--in-flight", "2"]
    flags += ["--peer", "streamdiffusion", "--peer", "diffusers"]
    flags += ["--json", "--report", str(made / "b.json"), "--plot", str(made / "b.png")]
    flags += ["--pictures", str(made / "pictures.png")]
    command = [sys.executable, "-m", "livestyle", "bench", "turbo", "--model", str(folder)]
    done = subprocess.run(
        [*command, "--size", "256x256", *flags], capture_output=True, text=True, timeout=900
    )
    return done, made


@pytest.mark.timeout(1000)
def test_it_reports_frames_stages_and_peers(
    measured: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, made = measured
    figures = json.loads(done.stdout)
    assert figures == json.loads((made / "b.json").read_text())
    assert (figures["size"], figures["steps"]) == ([256, 256], 1)
    contestants = figures["contestants"]
    assert list(contestants) == ["livestyle", "streamdiffusion", "diffusers"]
    for name in ("livestyle", "diffusers"):
        found = contestants[name]
        assert (found["precision"], found["frames"], len(found["frame_ms_each"])) == ("fp32", 4, 4)
        assert found["warm_up_frames"] >= 3 and found["memory_gib"] > 0.1
        ratio = contestants["livestyle"]["frame_ms"]["p50"] / found["frame_ms"]["p50"]
        assert found["ratio"] == pytest.approx(ratio, abs=0.01)
        part = 100 * figures["floors"]["fp32"]["floor_ms"] / found["frame_ms"]["p50"]
        assert found["percent_of_floor"] == pytest.approx(part, abs=0.1)
    ours = contestants["livestyle"]
    stages = ours["stage_ms"]
    assert list(stages) == ["upload", "encode", "unet", "decode", "download"]
    assert stages["unet"]["p50"] > stages["upload"]["p50"] > 0
    assert ours["still_is_still"] is True
    assert ours["in_flight"]["depth"] == 2
    assert ours["in_flight"]["latency_ms"]["p50"] > ours["in_flight"]["period_ms"]["p50"] > 0
    flight = ours["in_flight"]["open_loop"]
    assert 0 < flight["unique_fps"] <= 25 and flight["latency_ms"]["p50"] > 0
    loop = figures["open_loop"]
    assert 0 < loop["unique_fps"] <= 20
    assert loop["captured"] >= loop["stylized"] > 0
    assert loop["latency_ms"]["p50"] > 0
    for file in ("b.png", "pictures.png"):
        with Image.open(made / file) as picture:
            assert picture.format == "PNG"
            assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 100  # something is drawn


@pytest.mark.timeout(1000)
@pytest.mark.skipif(
    importlib.util.find_spec("streamdiffusion") is not None, reason="that peer is installed"
)
def test_a_peer_that_fails_is_told_and_the_next_one_runs(
    measured: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, made = measured
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("livestyle: bench of streamdiffusion: streamdiffusion is not installed")
    contestants = json.loads((made / "b.json").read_text())["contestants"]
    assert line == f"livestyle: {contestants['streamdiffusion']['error']}"
    assert contestants["diffusers"]["fps"] > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "unknown peer 'foo'; choose from: torch, torch-compiled, diff"),
        ("torch-compiled+foo", "unknown lever 'foo'; choose from: cudnn-benchmark, tune-gemm, who"),
        ("torch+tune-gemm", "'torch+tune-gemm': that is for torch-compiled; of torch, no-cudnn"),
        ("torch+fp8", "'torch+fp8': that is for torch-compiled"),
    ],
)
def test_an_unknown_peer_is_named(
    text: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "turbo", "--model", str(folder), "--peer", text]) == 2
    assert message in capsys.readouterr().err


def test_levers_are_words() -> None:
    variant = Variant.parse("torch-compiled+fp8+no-fast-accumulation+whole-transformers")
    assert (variant.engine, variant.fp8) == ("torch-compiled", True)
    assert variant.levers == Levers(fast_accumulation=False, whole_transformers=True)
    assert Levers.parse(variant.levers.words()) == variant.levers
    assert Levers().words() == []
    assert Levers.parse(["no-tune-gemm", "cudnn-benchmark"]) == Levers()


def test_the_peer_gives_the_same_picture(folder: Path) -> None:
    choice = Choice(weights=ModelFolder(folder), sampler="turbo", device="cpu", precision="fp32")
    pipeline, dtype = load_pipeline(choice)
    networks = {"unet": pipeline.unet, "vae": pipeline.vae}
    taken = take_networks(pipeline, torch.device("cpu"), dtype)
    model = Model(pipeline, taken, SAMPLERS["turbo"])
    config = Config(prompt="a cat", strength=0.5, steps=1, seed=4)
    program = Program(model, SIZE, Placement(SIZE, SIZE, "fit"), Form(1, False, False))
    program.set_steps(model.sampler.steps(0.5, 1))
    program.set_noise(4)
    program.set_prompt(model.encode_prompt("a cat"))
    ours = program.run(draw(5, SIZE)).astype(int)
    theirs = PEERS["diffusers"](model, networks, config, SIZE)(draw(5, SIZE))
    assert np.abs(ours - theirs).max() <= 2


@pytest.mark.parametrize("family", FAMILIES)
def test_random_weights_are_of_the_exact_architecture(family: str) -> None:
    _, parameters, _ = FAMILIES[family]
    assert sum(weight.numel() for weight in random_unet(family).parameters()) == parameters


def test_an_open_loop_drops_what_comes_too_fast() -> None:
    class Slow(Passthrough):
        def stylize(self, frame: Frame) -> Frame:
            time.sleep(0.05)
            return super().stylize(frame)

    pictures = [draw(seq, SIZE) for seq in range(2)]
    figures = run_open_loop(
        Slow(Canvas(SIZE, "fit", i420=True)), pictures, Config(stylizer="passthrough", fps=60), 2.0
    )
    assert 10 < figures["unique_fps"] < 21  # 20 a second is all it can do
    assert figures["repeated"] > 60
    assert figures["latency_ms"]["p50"] > 50


def test_an_open_loop_says_why_a_stylizer_failed() -> None:
    class Broken(Passthrough):
        def stylize(self, frame: Frame) -> Frame:
            raise StylizerError("out of paint")

    canvas = Canvas(SIZE, "fit", i420=True)
    with pytest.raises(StylizerError, match="out of paint"):
        run_open_loop(Broken(canvas), [draw(0, SIZE)], Config(stylizer="passthrough", fps=30), 60.0)


def test_the_state_of_a_gpu_is_read() -> None:
    state = parse_state("580.82, P0, 1980, 1980, 2619, 412.33, 700.00, 48, 0x0000000000000004\n")
    assert (state["pstate"], state["clocks.sm"], state["power.draw"]) == ("P0", 1980, 412.33)
    assert parse_state("580.82, P0, 1, 1, 1, [N/A], 1, 1, 0x0\n")["power.draw"] is None
    listed = "71, /usr/bin/a, b, 512\n72, python3, [N/A]\n73, me, 1\n"
    assert parse_processes(listed, own=73) == [
        {"pid": 71, "name": "/usr/bin/a, b", "memory_mib": 512},
        {"pid": 72, "name": "python3", "memory_mib": None},
    ]
    assert parse_processes("\n", own=1) == []


@pytest.mark.parametrize("flag", ["--report", "--plot"])
def test_a_target_that_cannot_be_is_refused_first(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "turbo", flag, str(tmp_path / "no" / "x")]) == 2
    assert "its folder does not exist; make it first" in capsys.readouterr().err


def _shown(flags: list[str]) -> str:
    name, value = flags
    return {"--peer": f"[{value!r}]", "--plot": repr(value)}.get(name, value)


@pytest.mark.parametrize("what", ["lite", "floor"])
@pytest.mark.parametrize(
    "flags", [["--peer", "torch"], ["--frames", "3"], ["--in-flight", "2"], ["--plot", "x.png"]]
)
def test_what_is_for_turbo_is_not_ignored_elsewhere(
    what: str, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", what, *flags]) == 2
    benches = "bench turbo, bench picture" if flags[0] == "--peer" else "bench turbo"
    assert capsys.readouterr().err == (
        f"livestyle: {flags[0]} {_shown(flags)}: that is for {benches}\n"
    )


@pytest.mark.parametrize("flag", ["--frames", "--in-flight", "--limit"])
@pytest.mark.parametrize("number", ["0", "-3"])
def test_a_number_that_makes_no_sense_is_refused(
    flag: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "turbo", flag, number]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"livestyle: {flag}: '{number}': a number from 1 to ")
    assert told.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_while_frames_are_computed_is_quiet(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "livestyle", "bench", "turbo", "--model", str(folder)]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--size", "256x256", "--frames", "100000"], stderr=said
        )
        while not (children := psutil.Process(process.pid).children()):
            time.sleep(0.1)
        (busy,) = children
        while busy.num_threads() < 3 or busy.cpu_times().user < 12:  # it has long loaded
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert not busy.is_running()
    assert (tmp_path / "said").read_text() == ""
