"""Fetching a model: the real client against a local endpoint that speaks the hub's protocol."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import diffusers
import numpy as np
import pytest
import torch
from hub import Hub, serve
from original_layout import save_checkpoint
from random_pipelines import save_pipeline

from livestyle.recipe import DiffusionRecipe, load_recipe
from livestyle.sources.testcard import draw

pytestmark = pytest.mark.timeout(600)  # several runs of a newcomer each
RECIPE = load_recipe("sdxl-turbo", DiffusionRecipe)
AUTOENCODER = Path(__file__).parents[1] / "data" / "tiny-autoencoder"


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


@pytest.fixture(scope="module")
def pickled(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(published, tmp_path_factory.mktemp("pickled"), dirs_exist_ok=True)
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_suffix(".bin"))
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video")
    (folder / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
    return folder


@pytest.fixture
def hub(published: Path, pickled: Path, video: Path) -> Iterator[Hub]:
    folders = {
        RECIPE.model: (RECIPE.revision, published),
        RECIPE.autoencoder: (RECIPE.autoencoder_revision, AUTOENCODER),
        "somebody/theirs": ("c0ffee" + 34 * "0", published),
        "somebody/pickled": ("c0ffee" + 34 * "1", pickled),
        "somebody/video": ("c0ffee" + 34 * "2", video),
    }
    with serve(Hub(folders)) as served:
        yield served


class Newcomer:
    """A user with an empty cache, who restyles a picture with turbo."""

    def __init__(self, home: Path) -> None:
        self.home = home
        cv2.imwrite(str(home / "in.png"), draw(3, (256, 256))[:, :, :3])

    @property
    def picture(self) -> bytes:
        return (self.home / "out.png").read_bytes()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HF_HOME": str(self.home / "hub"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }

    def stylize(self, endpoint: str, *flags: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HF_ENDPOINT": endpoint, **self.environment}
        (self.home / "out.png").unlink(missing_ok=True)
        command = [sys.executable, "-m", "livestyle", "stylize", "in.png", "out.png"]
        command += ["--stylizer", "turbo", "--size", "256x256", *flags]
        options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 110}
        return subprocess.run(command, cwd=self.home, env=environment, **options)


# What is said every few seconds, so on a slow machine alone.
_PROGRESS = re.compile(
    r"the model .+|checking \S+|\d+% of \S+ fetched, \d\.\d\d of \d\.\d\d GB|out\.png: .+ s"
)


def _told(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on stderr, but for those that come with time."""
    return [line for line in done.stderr.splitlines() if not _PROGRESS.fullmatch(line)]


class Homeless(Newcomer):
    """One whose home takes nothing."""

    @property
    def environment(self) -> dict[str, str]:
        (self.home / "temporary").mkdir(exist_ok=True)
        return {"HOME": "/proc", "TMPDIR": str(self.home / "temporary")}


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    return Newcomer(tmp_path)


def test_a_model_is_shown_fetched_once_and_then_used_without_a_network(
    hub: Hub, newcomer: Newcomer
) -> None:
    first = newcomer.stylize(hub.address)
    assert first.returncode == 0, first.stderr
    assert _told(first) == [
        f"fetching {RECIPE.model}, {RECIPE.autoencoder}: 0.0 GB into {newcomer.home}/hub/hub; "
        f"licence of the model: {RECIPE.licence}"
    ]
    got = [line for line in hub.asked if line.startswith("GET") and "/resolve/" in line]
    assert any(name.endswith("unet/diffusion_pytorch_model.fp16.safetensors") for name in got)
    unwanted = ("unet/diffusion_pytorch_model.safetensors", "1.0.safetensors", "vae/diffusion")
    assert not [name for name in got if any(part in name for part in unwanted)]
    picture = newcomer.picture
    hub.asked.clear()
    again = newcomer.stylize(hub.address)
    assert (again.returncode, _told(again), hub.asked) == (0, [], [])
    assert newcomer.picture == picture


@pytest.mark.slow
def test_a_home_that_takes_nothing_is_done_without(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    homeless = Homeless(tmp_path)
    for model in ([], ["--model", "somebody/theirs"]):
        first = homeless.stylize(hub.address, *model)
        assert first.returncode == 0, first.stderr
        line, fetching = _told(first)
        assert line.startswith("livestyle: no cache can be in '/proc/.cache': No such file")
        assert f"GB into {tmp_path}/temporary/livestyle-" in fetching
        hub.asked.clear()
        again = homeless.stylize(hub.address, *model)
        assert (again.returncode, _told(again), hub.asked) == (0, [line], [])


def test_a_model_that_can_not_be_kept_is_one_line(
    hub: Hub, newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Newcomer, "environment", {"HF_HOME": "/sys/hub"})
    refused = newcomer.stylize(hub.address)
    assert refused.returncode == 1
    (line,) = _told(refused)[-1:]
    assert line.startswith("livestyle: cannot keep ") and "; HF_HOME names another place" in line
    assert "Traceback" not in refused.stderr


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
    (line,) = _told(refused)
    assert line.startswith(f"livestyle: {RECIPE.model} is not on this disk and can't be fetched: ")
    assert line.endswith(
        "; start livestyle once with a network to fetch it, or give a model's folder with --model"
    )


def test_auto_says_why_it_is_not_turbo(newcomer: Newcomer) -> None:
    done = newcomer.stylize("http://127.0.0.1:9", "--stylizer", "auto")
    assert done.returncode == 0
    assert "stylizer lite, chosen by auto: no CUDA GPU for turbo (--stylizer turbo" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("revision", ["", "@c0ffee" + 34 * "0"])
def test_a_model_of_the_hub_by_its_id(
    hub: Hub, newcomer: Newcomer, published: Path, revision: str, tmp_path: Path
) -> None:
    model = ("--model", "somebody/theirs" + revision)
    first = newcomer.stylize(hub.address, *model)
    assert first.returncode == 0, first.stderr
    (line,) = _told(first)
    assert line.startswith("fetching somebody/theirs: 0.0 GB into ")
    assert line.endswith("; licence of the model: openrail++")
    got = [line for line in hub.asked if line.startswith("GET") and "/resolve/" in line]
    assert not [name for name in got if "unet/diffusion_pytorch_model.safetensors" in name]
    picture = newcomer.picture
    hub.asked.clear()
    hub.folders["somebody/theirs"] = ("f" * 40, published)  # another commit: it stays at the first
    again = newcomer.stylize(hub.address, *model)
    assert (again.returncode, _told(again), hub.asked) == (0, [], [])
    assert newcomer.picture == picture
    half = tmp_path / "half"
    shutil.copytree(published, half)
    (half / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    of_folder = newcomer.stylize(hub.address, "--model", str(half))
    assert of_folder.returncode == 0, of_folder.stderr
    _assert_alike(newcomer.picture, picture)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("somebody/pickled", "somebody/pickled has only unet/"),
        ("somebody/video", "is a WanPipeline; livestyle runs: StableDiffusionXLPipeline"),
        ("nobody/nothing", "nobody/nothing is not on this disk and can't be fetched: "),
    ],
)
def test_a_model_of_the_hub_that_cannot_be_run_costs_no_download(
    hub: Hub, newcomer: Newcomer, model: str, said: str
) -> None:
    refused = newcomer.stylize(hub.address, "--model", model)
    assert refused.returncode == 1
    (line,) = _told(refused)
    assert line.startswith("livestyle: ") and said in line
    assert not [line for line in hub.asked if ".bin" in line or ".safetensors" in line]


def _assert_alike(picture: bytes, other: bytes) -> None:
    """The same weights, at other places in memory: a sum may be rounded otherwise."""
    one, two = (
        cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int)
        for png in (picture, other)
    )
    assert np.abs(one - two).max() <= 4 and np.abs(one - two).mean() < 0.1


@pytest.mark.slow
def test_a_checkpoint_file_gives_what_its_folder_gives(
    hub: Hub, newcomer: Newcomer, tmp_path: Path
) -> None:
    folder = save_pipeline(tmp_path / "whole", "sdxl", "tiny", "turbo", "full")
    hub.folders[RECIPE.model] = (RECIPE.revision, folder)
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(folder)
    file = save_checkpoint(pipeline, tmp_path / "theirs.safetensors")
    first = newcomer.stylize(hub.address, "--model", str(file), "--prompt", "a red castle")
    assert first.returncode == 0, first.stderr
    assert not [line for line in hub.asked if ".safetensors" in line]
    picture = newcomer.picture
    again = newcomer.stylize("http://127.0.0.1:9", "--model", str(file), "--prompt", "a red castle")
    assert (again.returncode, _told(again)) == (0, [])
    of_folder = newcomer.stylize(hub.address, "--model", str(folder), "--prompt", "a red castle")
    assert of_folder.returncode == 0, of_folder.stderr
    _assert_alike(newcomer.picture, picture)
    other = newcomer.stylize(hub.address, "--model", str(file), "--recipe", "sd-turbo")
    assert other.returncode == 2
    assert "is of the family sdxl, the recipe 'sd-turbo' is not" in other.stderr
