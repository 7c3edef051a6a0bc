"""The training that runs on a GPU machine, rehearsed on the CPU with next to nothing to learn."""

from __future__ import annotations

import json
import tarfile
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from bare_machine import BareMachine
from lite_checkpoint import load_checkpoint, save_checkpoint
from lite_export import export_checkpoint, load_exported
from lite_losses import VGG_LAYERS
from lite_network import LiteNetwork
from lite_pictures import Crops, DeviceCrops
from pack_training import main as pack_training
from random_features import write_features
from safetensors.torch import load_file
from train_lite import choose_device
from train_styles import find_paintings

from livestyle.sources.testcard import draw

# OpenVINO traces
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning"
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other are slow on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders of testcards; one picture is a flat colour and one file is no picture."""
    folders = [tmp_path_factory.mktemp(name) for name in ("bright", "dark")]
    for seq, folder in enumerate([*folders, folders[0]]):
        cv2.imwrite(str(folder / f"{seq}.png"), draw(seq * 40, (320, 180))[:, :, :3] >> seq)
    cv2.imwrite(str(folders[0] / "flat.png"), np.full((90, 160, 3), 90, np.uint8))
    (folders[1] / "notes.txt").write_text("no picture")
    return folders


@pytest.fixture(scope="module")
def packed(pictures: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    write_features(folder / "vgg.safetensors")
    for name in ("wave", "new"):
        cv2.imwrite(str(folder / f"{name}.jpg"), draw(300, (160, 96))[:, :, :3])
    words = ["pack_training.py", str(folder / "training.tar"), "--pictures", *map(str, pictures)]
    words += ["--paintings", str(folder / "wave.jpg"), str(folder / "new.jpg")]
    words += ["--vgg", str(folder / "vgg.safetensors")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", words)
        pack_training()
        patch.setattr("sys.argv", [*words, "--limit", "1"])
        with pytest.raises(SystemExit, match="more than 1; pack fewer pictures or raise --limit"):
            pack_training()
    return folder / "training.tar"


def test_packed_is_what_trainings_read(packed: Path, tmp_path: Path) -> None:
    with tarfile.open(packed) as tar:
        tar.extractall(tmp_path, filter="data")
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    folders = sorted({name.split("/")[1] for name in found if name.startswith("pictures/")})
    bright, dark = folders
    assert found == {
        f"pictures/{bright}/0000.jpg",
        f"pictures/{bright}/0001.jpg",
        f"pictures/{dark}/0000.jpg",
        "paintings/wave.jpg",
        "paintings/new.jpg",
        "vgg16_features.safetensors",
    }
    features = load_file(tmp_path / "vgg16_features.safetensors")
    assert set(features) == {f"{layer}.{of}" for layer in VGG_LAYERS for of in ("weight", "bias")}
    assert {tensor.dtype for tensor in features.values()} == {torch.float16}


def test_crops_cut_on_the_device_are_those_cut_on_the_cpu(pictures: list[Path]) -> None:
    here = Crops(pictures, 76, seed=3).batch(8)
    there = DeviceCrops(pictures, 76, 3, torch.device("cpu")).batch(8)
    assert there.shape == (8, 3, 76, 76)
    apart = (here - there).abs().mean()
    assert apart < 0.01
    assert (here - there.flip(3)).abs().mean() > 5 * apart  # the places are the same


def test_a_checkpoint_and_the_style_made_of_it_are_the_same_network(tmp_path: Path) -> None:
    torch.manual_seed(2)
    network, again, exported = LiteNetwork(), LiteNetwork(), LiteNetwork()
    with torch.no_grad():
        for parameter in network.parameters():  # norms as they begin, 1 and 0, would be left out
            parameter += 0.01 * torch.randn(parameter.shape)
    stages: list[dict[str, object]] = [{"style": "x", "iterations": 3}]
    save_checkpoint(network, tmp_path / "x.safetensors", stages)
    assert load_checkpoint(again, tmp_path / "x.safetensors") == stages
    export_checkpoint(tmp_path / "x.safetensors", tmp_path)
    assert load_exported(exported, tmp_path / "x.xml") == stages
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(network(picture), again(picture))
        # the IR holds weights in half precision
        assert (network(picture) - exported(picture)).abs().max() < 0.02


def test_the_entry_trains_every_style_from_the_bare_tree(packed: Path, tmp_path: Path) -> None:
    machine = BareMachine(tmp_path)
    command = ["python", "tools/gpu/train_styles.py", str(tmp_path / "out"), "90", str(packed)]
    small = ["--iterations", "2", "--save-every", "2", "--side", "64", "--batch", "1"]
    small += ["--painting-width", "96"]
    done = machine.run([*command, "--device", "cpu", "--", *small], 100)
    assert done.returncode == 0, done.stdout
    with tarfile.open(tmp_path / "out" / "results.tgz") as tar:
        tar.extractall(tmp_path, filter="data")
    results = tmp_path / "training"
    told = json.loads((results / "steps.json").read_text())
    assert [outcome["name"] for outcome in told] == ["machine", "new", "wave"]
    assert "no CUDA device" in (results / "machine.txt").read_text()
    for name, weave in (("new", 100), ("wave", 600)):  # the card of wave asks for more
        (stage,) = load_checkpoint(LiteNetwork(), results / f"{name}.safetensors")
        assert (stage["style"], stage["iterations"]) == (name, 2)
        assert stage["weave_weight"] == weave
        assert f"{name} 2 " in (results / f"{name}.txt").read_text()
        sheet = cv2.imread(str(results / f"{name}.jpg"))
        assert sheet is not None and sheet.shape == (720, 1280, 3)


def test_a_style_without_a_painting_is_told(tmp_path: Path) -> None:
    (tmp_path / "paintings").mkdir()
    for name in ("wave", "new"):
        (tmp_path / "paintings" / f"{name}.jpg").touch()
    assert list(find_paintings(tmp_path, None)) == ["new", "wave"]
    assert list(find_paintings(tmp_path, ["wave"])) == ["wave"]
    with pytest.raises(SystemExit, match="no painting of 'old'; choose from: new, wave"):
        find_paintings(tmp_path, ["wave", "old"])


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ArgumentTypeError, match="PyTorch finds no CUDA device; use cpu"):
        choose_device("cuda")
    with pytest.raises(ArgumentTypeError, match="no 'tpu'; choose from: auto, cuda, cpu"):
        choose_device("tpu")
