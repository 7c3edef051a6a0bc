"""Frames of which the networks make no picture: NaN and infinity, wherever they come from."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from random_pipelines import save_pipeline
from safetensors.torch import load_file, save_file

from livestyle.between.look import Look
from livestyle.canvas import Canvas
from livestyle.commands import main
from livestyle.diffusion.download import Download
from livestyle.diffusion.model import Model, load_model
from livestyle.errors import SpoiltFrame
from livestyle.frame import Frame
from livestyle.models.folder import ModelFolder
from livestyle.models.plan import Choice
from livestyle.sources.testcard import draw
from livestyle.stylizers.turbo import Turbo

SIZE = (64, 64)
UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
DAMAGES = {
    "a NaN": (UNET, "conv_out.bias", float("nan")),
    "an infinity": (UNET, "conv_in.weight", float("inf")),
    "the picture coded": (VAE, "encoder.layers.0.weight", float("nan")),
    "the picture decoded": (VAE, "decoder.layers.0.weight", float("nan")),
    "a word": (TEXT, "text_model.embeddings.position_embedding.weight", float("nan")),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("model"), "sdxl", "pico")


def _damaged(sound: Path, folder: Path, damage: str) -> Path:
    file, name, value = DAMAGES[damage]
    shutil.copytree(sound, folder)
    weights = load_file(folder / file)
    name = name if name in weights else name.removeprefix("text_model.")
    weights[name].view(-1)[0] = value
    save_file(weights, folder / file, {"format": "pt"})
    return folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_picture_is_written_and_a_line_says_why(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), draw(1, SIZE)[:, :, :3])
    model = _damaged(sound, tmp_path / "damaged", damage)
    command = ["stylize", str(tmp_path / "in.png"), str(tmp_path / "out.png"), "--stylizer"]
    assert main([*command, "turbo", "--prompt", "cat", "--model", str(model)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith("livestyle")] == [told[-1]]
    assert "gives NaN or infinity" in told[-1] and "--lora" in told[-1]
    assert not (tmp_path / "out.png").exists()


def test_a_run_goes_on_and_says_so_wherever_it_reports(sound: Path, tmp_path: Path) -> None:
    model, report = _damaged(sound, tmp_path / "damaged", "a NaN"), tmp_path / "r.json"
    command = [sys.executable, "-m", "livestyle", "run", "--source", "testcard", "--sink", "null"]
    turbo = ["--stylizer", "turbo", "--prompt", "cat", "--model", str(model)]
    small = ["--size", "64x64", "--output-size", "64x64", "--seconds", "300"]
    with open(tmp_path / "said", "w+b") as said:
        process = subprocess.Popen([*command, *turbo, *small, "--report", str(report)], stderr=said)
        try:
            deadline = time.monotonic() + 100
            while "gives NaN" not in (tmp_path / "said").read_text():
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 130
        finally:
            process.kill()
            process.wait()
    stylizer = json.loads(report.read_text())["stylizer"]
    assert stylizer["spoilt"] > 0 and stylizer["frames"] == 0
    assert "gives NaN" in stylizer["spoilt_why"]
    told = (tmp_path / "said").read_text()
    lines = told.splitlines()
    assert any("damaged gives NaN or infinity, no picture" in line for line in lines[:-1])
    assert lines[-1].startswith(f"livestyle: no picture came of {stylizer['spoilt']} of ")
    assert "Traceback" not in told


def _load(folder: Path) -> Model:
    weights = ModelFolder(folder)
    return load_model(Choice(weights=weights, sampler="turbo", device="cpu", precision="fp32"))


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_a_frame_that_is_spoilt_leaves_nothing_in_the_next(sound: Path, value: float) -> None:
    model, spoils = _load(sound), False
    decode = model.networks.decode

    def decode_or_spoil(latents: torch.Tensor) -> torch.Tensor:
        picture = decode(latents).clone()
        picture[..., -1, -1] = value if spoils else picture[..., -1, -1]
        return picture

    model.networks = dataclasses.replace(model.networks, decode=decode_or_spoil)
    look = Look("a cat", 0.5, 1, 0, 0.0)
    with Turbo(model, Canvas(SIZE, "fit"), lambda _: SIZE, look) as turbo:
        wanted = turbo.stylize(Frame(draw(3, SIZE), 0, 0)).pixels.copy()
        spoils = True
        with pytest.raises(SpoiltFrame, match="NaN or infinity"):
            turbo.stylize(Frame(draw(9, SIZE), 0, 0))
        spoils = False
        assert np.array_equal(turbo.stylize(Frame(draw(3, SIZE), 0, 0)).pixels, wanted)


@pytest.mark.parametrize("finishes", [False, True])
@pytest.mark.parametrize("spoilt", ["latents", "decoded"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_number_is_seen(finishes: bool, spoilt: str, value: float) -> None:
    download = Download((96, 64), torch.device("cpu"), finishes=finishes)
    numbers = {"latents": torch.randn(1, 4, 8, 8), "decoded": torch.randn(3, 64, 64)}
    download.add_up(**numbers)
    assert download.is_finite
    download.styled.fill_(1)
    download.finished.fill_(2)
    numbers[spoilt].view(-1)[-5] = value
    download.add_up(**numbers)
    assert not download.is_finite
    assert (download.start(finished=False) == 1).all()
    assert (download.start(finished=finishes) == 1 + finishes).all()
