"""`livestyle bench turbo`: its report, and that its peers do the very same work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from random_pipelines import save_pipeline

from livestyle.bench.peers import PEERS
from livestyle.cli import main
from livestyle.config import Config
from livestyle.diffusion.folder import ModelFolder
from livestyle.diffusion.model import Choice, load_model
from livestyle.diffusion.program import Form, Program
from livestyle.diffusion.random_weights import FAMILIES, random_unet
from livestyle.placement import Placement
from livestyle.sources.testcard import draw

SIZE = (256, 256)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"))


def test_it_reports_frames_stages_and_peers(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bench", "turbo", "--model", str(folder), "--size", "256x256", "--frames", "4"]
    file = tmp_path / "b.json"
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


def test_the_peer_gives_the_same_picture(folder: Path) -> None:
    choice = Choice(folder=ModelFolder(folder), sampler="turbo", device="cpu", precision="fp32")
    model = load_model(choice)
    config = Config(prompt="a cat", strength=0.5, steps=1, seed=4)
    program = Program(model, SIZE, Placement(SIZE, SIZE, "fit"), Form(1, False, False))
    program.set_steps(model.sampler.steps(0.5, 1))
    program.set_noise(4)
    program.set_prompt(model.encode_prompt("a cat"))
    ours = program.run(draw(5, SIZE)).astype(int)
    networks = load_model(choice, pack=False).networks
    theirs = PEERS["diffusers"](model, networks, config, SIZE)(draw(5, SIZE))
    assert np.abs(ours - theirs).max() <= 2


@pytest.mark.parametrize("family", FAMILIES)
def test_random_weights_are_of_the_exact_architecture(family: str) -> None:
    _, parameters, _ = FAMILIES[family]
    assert sum(weight.numel() for weight in random_unet(family).parameters()) == parameters


def test_an_unknown_peer_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "turbo", "--model", str(folder), "--peer", "foo"]) == 2
    assert "unknown peer 'foo'; choose from: diffusers, diffusers-comp" in capsys.readouterr().err
