"""The training that runs on a GPU machine, rehearsed on the CPU with next to nothing to learn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from bare_machine import BareMachine
from pack_training import main as pack_training
from steps import unpack
from train_styles import find_paintings

from livestyle.sources.testcard import draw
from livestyle.training.checkpoint import load_checkpoint


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
def packed(pictures: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("packed")
    for name in ("wave", "new"):
        cv2.imwrite(str(folder / f"{name}.jpg"), draw(300, (160, 144))[:, :, :3])
    words = ["pack_training.py", str(folder / "training.tar"), "--pictures", *map(str, pictures)]
    words += ["--paintings", str(folder / "wave.jpg"), str(folder / "new.jpg")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", words)
        pack_training()
        patch.setattr("sys.argv", [*words, "--limit", "0.001", "--overwrite"])
        with pytest.raises(SystemExit, match="more than 0.001; pack fewer pictures or raise --lim"):
            pack_training()
    yield folder / "training.tar"


def test_packed_is_what_trainings_read(packed: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    folders = sorted({name.split("/")[1] for name in found if name.startswith("pictures/")})
    bright, dark = folders
    assert found == {
        f"pictures/{bright}/0000.jpg",
        f"pictures/{bright}/0001.jpg",
        f"pictures/{dark}/0000.jpg",
        "paintings/wave.jpg",
        "paintings/new.jpg",
    }


@pytest.mark.slow
def test_the_entry_trains_every_style_from_the_bare_tree(packed: Path, tmp_path: Path) -> None:
    machine = BareMachine(tmp_path)
    command = ["python", "tools/gpu/train_styles.py", str(tmp_path / "out"), "90", str(packed)]
    small = ["--iterations", "2", "--save-every", "2", "--side", "64", "--batch", "1"]
    small += ["--painting-width", "96", "--tone", "2.5"]
    done = machine.run([*command, "--device", "cpu", "--", *small], 100)
    assert done.returncode == 0, done.stdout
    unpack(tmp_path / "out" / "results.tgz", tmp_path)
    results = tmp_path / "training"
    told = json.loads((results / "steps.json").read_text())
    assert [outcome["name"] for outcome in told] == ["machine", "new", "wave"]
    assert "no CUDA device" in (results / "machine.txt").read_text()
    for name in ("new", "wave"):
        checkpoint = load_checkpoint(results / f"{name}.safetensors")
        (stage,) = checkpoint.stages
        assert (stage["style"], stage["iterations"], stage["tone_weight"]) == (name, 2, 2.5)
        assert checkpoint.reached.iteration == 2 and checkpoint.frozen
        assert f"{name} 2 " in (results / f"{name}.txt").read_text()
        sheet = cv2.imread(str(results / f"{name}.jpg"))
        assert sheet is not None and sheet.shape == (1440, 2560, 3)


def test_a_style_without_a_painting_is_told(tmp_path: Path) -> None:
    (tmp_path / "paintings").mkdir()
    for name in ("wave", "new"):
        (tmp_path / "paintings" / f"{name}.jpg").touch()
    assert list(find_paintings(tmp_path, None)) == ["new", "wave"]
    assert list(find_paintings(tmp_path, ["wave"])) == ["wave"]
    with pytest.raises(SystemExit, match="no painting of 'old'; choose from: new, wave"):
        find_paintings(tmp_path, ["wave", "old"])
