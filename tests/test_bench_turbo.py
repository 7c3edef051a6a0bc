"""`livestyle bench turbo`: its report, and that its peers do the very same work."""

from __future__ import annotations

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
from livestyle.canvas import Canvas
from livestyle.cli import main
from livestyle.config import Config
from livestyle.diffusion.folder import ModelFolder
from livestyle.diffusion.model import Choice, Model, load_pipeline
from livestyle.diffusion.networks import take_networks
from livestyle.diffusion.program import Form, Program
from livestyle.diffusion.random_weights import FAMILIES, random_unet
from livestyle.diffusion.step import SAMPLERS
from livestyle.errors import StylizerError
from livestyle.frame import Frame
from livestyle.placement import Placement
from livestyle.sources.testcard import draw
from livestyle.stylizers.passthrough import Passthrough

SIZE = (256, 256)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"))


def test_it_reports_frames_stages_and_peers(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bench", "turbo", "--model", str(folder), "--size", "256x256", "--frames", "4"]
    file, plot = tmp_path / "b.json", tmp_path / "b.png"
    command += ["--fps", "20", "--plot", str(plot)]
    assert main([*command, "--peer", "diffusers", "--json", str(file)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures == json.loads(file.read_text())
    assert (figures["precision"], figures["size"], figures["steps"]) == ("fp32", [256, 256], 1)
    assert [len(times) for times in figures["frame_ms_each"].values()] == [4, 4]
    medians = {name: ms["p50"] for name, ms in figures["frame_ms"].items()}
    ratio = medians["livestyle"] / medians["diffusers"]
    assert figures["ratio"]["diffusers"] == pytest.approx(ratio, abs=0.01)
    stages = figures["stage_ms"]
    assert list(stages) == ["upload", "encode", "unet", "decode", "download"]
    assert stages["unet"]["p50"] > stages["upload"]["p50"] > 0
    loop = figures["open_loop"]
    assert 0 < loop["unique_fps"] <= 20
    assert loop["captured"] >= loop["stylized"] > 0
    assert loop["latency_ms"]["p50"] > stages["unet"]["p50"] / 2
    with Image.open(plot) as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 100  # something is drawn


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
    figures = run_open_loop(Slow(Canvas(SIZE, "fit", i420=True)), pictures, 60, 2.0)
    assert 10 < figures["unique_fps"] < 21  # 20 a second is all it can do
    assert figures["repeated"] > 60
    assert figures["latency_ms"]["p50"] > 50


def test_an_open_loop_says_why_a_stylizer_failed() -> None:
    class Broken(Passthrough):
        def stylize(self, frame: Frame) -> Frame:
            raise StylizerError("out of paint")

    canvas = Canvas(SIZE, "fit", i420=True)
    with pytest.raises(StylizerError, match="out of paint"):
        run_open_loop(Broken(canvas), [draw(0, SIZE)], 30, 60.0)


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


@pytest.mark.parametrize("flag", ["--json", "--plot"])
def test_a_target_that_cannot_be_is_refused_first(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "turbo", flag, str(tmp_path / "no" / "x")]) == 2
    assert "its folder does not exist; make it first" in capsys.readouterr().err


def test_an_unknown_peer_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "turbo", "--model", str(folder), "--peer", "foo"]) == 2
    assert "unknown peer 'foo'; choose from: torch, diffusers, diff" in capsys.readouterr().err


@pytest.mark.parametrize("frames", ["0", "-3"])
def test_a_number_of_frames_that_makes_no_sense_is_refused(
    frames: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "turbo", "--frames", frames]) == 2
    assert f"--frames {frames}: a number from 1 on is expected" in capsys.readouterr().err


def test_ctrl_c_while_frames_are_computed_is_quiet(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "livestyle", "bench", "turbo", "--model", str(folder)]
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--size", "256x256", "--frames", "100000"], stderr=said
        )
        busy = psutil.Process(process.pid)
        while busy.num_threads() < 3 or busy.cpu_times().user < 12:  # it has long loaded
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert (tmp_path / "said").read_text() == ""
