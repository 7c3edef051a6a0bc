"""Fetching a model: the real client against a local endpoint that speaks the hub's protocol."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import diffusers
import pytest
import torch
from hub import Hub, serve
from random_pipelines import save_pipeline

from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.sources.testcard import draw

RECIPE = load_recipe("sdxl-turbo", DiffusionRecipe)
AUTOENCODER = Path(__file__).parent / "data" / "tiny-autoencoder"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random pipeline as models are published: in half precision, with more beside it."""
    folder = tmp_path_factory.mktemp("published")
    whole = save_pipeline(tmp_path_factory.mktemp("whole"))
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(whole, dtype=torch.float16)
    pipeline.save_pretrained(folder, variant="fp16")
    shutil.copytree(whole / "unet", folder / "unet", dirs_exist_ok=True)  # the fp32 ones
    (folder / "sd_xl_turbo_1.0.safetensors").write_bytes(bytes(1000))
    (folder / "tokenizer" / "large.txt").write_bytes(bytes(30_000_000))
    return folder


@pytest.fixture
def hub(published: Path) -> Iterator[Hub]:
    folders = {
        RECIPE.model: (RECIPE.revision, published),
        RECIPE.autoencoder: (RECIPE.autoencoder_revision, AUTOENCODER),
    }
    with serve(Hub(folders)) as served:
        yield served


class Newcomer:
    """A user with an empty cache, who restyles a picture with turbo."""

    def __init__(self, home: Path) -> None:
        self.home = home
        cv2.imwrite(str(home / "in.png"), draw(3, (256, 256))[:, :, :3])

    def stylize(self, endpoint: str, *flags: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(self.home / "hub"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }
        (self.home / "out.png").unlink(missing_ok=True)
        command = [sys.executable, "-m", "livestyle", "stylize", "in.png", "out.png"]
        command += ["--stylizer", "turbo", "--size", "256x256", *flags]
        options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 110}
        return subprocess.run(command, cwd=self.home, env=environment, **options)


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    return Newcomer(tmp_path)


def test_a_model_is_shown_fetched_once_and_then_used_without_a_network(
    hub: Hub, newcomer: Newcomer
) -> None:
    first = newcomer.stylize(hub.address)
    assert first.returncode == 0, first.stderr
    assert first.stderr == (
        f"fetching {RECIPE.model}, {RECIPE.autoencoder}: 0.0 GB into {newcomer.home}/hub/hub; "
        f"licence of the model: {RECIPE.licence}\n"
    )
    got = [line for line in hub.asked if line.startswith("GET") and "/resolve/" in line]
    assert any(name.endswith("unet/diffusion_pytorch_model.fp16.safetensors") for name in got)
    unwanted = ("unet/diffusion_pytorch_model.safetensors", "1.0.safetensors", "vae/diffusion")
    assert not [name for name in got if any(part in name for part in unwanted)]
    picture = (newcomer.home / "out.png").read_bytes()
    hub.asked.clear()
    again = newcomer.stylize(hub.address)
    assert (again.returncode, again.stderr, hub.asked) == (0, "", [])
    assert (newcomer.home / "out.png").read_bytes() == picture


def test_a_download_goes_on_where_it_broke_off(hub: Hub, newcomer: Newcomer) -> None:
    hub.cut = 12_000_000  # the client keeps what it has every 10 MiB
    done = newcomer.stylize(hub.address)
    assert done.returncode == 0, done.stderr
    assert "tokenizer/large.txt bytes=10485760-" in hub.ranges


def test_wrong_bytes_are_refused_and_fetched_anew(hub: Hub, newcomer: Newcomer) -> None:
    name = "unet/diffusion_pytorch_model.fp16.safetensors"
    hub.spoilt.add(name)
    refused = newcomer.stylize(hub.address)
    assert refused.returncode == 1
    assert f"livestyle: {name} of {RECIPE.model} came with other bytes" in refused.stderr
    assert not list((newcomer.home / "hub").rglob(name))
    hub.spoilt.clear()
    assert newcomer.stylize(hub.address).returncode == 0


def test_without_a_model_and_a_network_it_is_one_line(newcomer: Newcomer) -> None:
    refused = newcomer.stylize("http://127.0.0.1:9")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"livestyle: {RECIPE.model} is not on this disk and can't be fetched: ")
    assert line.endswith("; connect to the network once, or give a folder with --model")


def test_auto_says_why_it_is_not_turbo(newcomer: Newcomer) -> None:
    done = newcomer.stylize("http://127.0.0.1:9", "--stylizer", "auto")
    assert done.returncode == 0
    assert "stylizer lite: there is no CUDA GPU; --stylizer turbo runs on a CPU too" in done.stderr
