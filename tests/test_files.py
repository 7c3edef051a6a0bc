"""Files that are written: whole, for this user alone, and through nobody's link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from livestyle.commands import main
from livestyle.errors import ConfigError, LivestyleError, SinkError
from livestyle.files import check_target, write
from livestyle.front.framelog import FrameLog
from livestyle.sinks.record import Recorder

RUN = ["run", "--source", "testcard", "--output-size", "64x64", "--seconds", "0.2"]
RUN += ["--stylizer", "passthrough", "--no-supervise"]


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_file_is_written_for_this_user_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    for content in (b"first", b"second"):
        write(str(file), content)
        assert file.read_bytes() == content and _mode(file) == 0o600
    with pytest.raises(LivestyleError, match="cannot write"):
        write(str(tmp_path / "none" / "a.json"), b"")
    assert os.listdir(tmp_path) == ["a.json"]


def _pipe(file: Path) -> None:
    os.mkfifo(file)


def _link(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"another's")
    file.symlink_to(other)


def _dangling(file: Path) -> None:
    file.symlink_to(file.with_name("none"))


def _device(file: Path) -> None:
    try:
        os.mknod(file, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


@pytest.fixture(params=[_pipe, _link, _dangling, _device], ids=lambda make: make.__name__[1:])
def make(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    made: Callable[[Path], None] = request.param
    return made


@pytest.mark.parametrize(
    "argv",
    [
        [*RUN, "--sink", "null", "--report", "r.json"],
        [*RUN, "--sink", "null", "--frame-log", "f.csv"],
        [*RUN, "--sink", "record:o.mp4"],
        ["stylize", "in.png", "o.mkv"],
        ["stylize", "in.png", "o.png"],
    ],
    ids=["report", "frame log", "recording", "clip", "picture"],
)
def test_what_is_no_file_is_not_replaced(
    argv: list[str],
    make: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("in.png", np.zeros((64, 64, 3), np.uint8))
    file = Path(argv[-1].removeprefix("record:"))
    make(file)
    before = file.lstat()
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert f"{file}': that is a device, a pipe or a link, which is not replaced" in said
    assert os.path.samestat(file.lstat(), before)
    if (other := tmp_path / "other").exists():
        assert other.read_bytes() == b"another's"


@pytest.mark.parametrize("planted", ["r.json.part", f"r.json.{os.getpid()}.part", "r.json"])
def test_nothing_is_written_through_a_planted_link(planted: str, tmp_path: Path) -> None:
    victim, file = tmp_path / "victim", tmp_path / "r.json"
    victim.write_bytes(b"another's")
    (tmp_path / planted).symlink_to(victim)
    write(str(file), b"mine")
    assert victim.read_bytes() == b"another's" and file.read_bytes() == b"mine"
    with pytest.raises(LivestyleError, match="f.csv.part' is there"):
        (tmp_path / "f.csv.part").symlink_to(victim)
        FrameLog(str(tmp_path / "f.csv"))
    with pytest.raises(SinkError, match="o.mp4.part' is there"):
        (tmp_path / "o.mp4.part").symlink_to(victim)
        Recorder(str(tmp_path / "o.mp4"), (64, 64), 30)
    assert victim.read_bytes() == b"another's"


def test_a_frame_log_is_written_by_one(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    with FrameLog(str(file)):
        assert _mode(tmp_path / "f.csv.part") == 0o600
        with pytest.raises(LivestyleError, match="f.csv.part' is there: another livestyle"):
            FrameLog(str(file))
    assert file.read_text().startswith("deadline_ns,") and os.listdir(tmp_path) == ["f.csv"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="that is a folder"):
        check_target("--report", str(tmp_path))
