"""Files that are written: whole, for this user alone, and through nobody's link."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from livestyle.commands import main
from livestyle.encoder import _WholeWrites
from livestyle.errors import ConfigError, LivestyleError, SinkError
from livestyle.files import Part, Target, Wanted, check_targets, write
from livestyle.frame import Frame
from livestyle.front.framelog import FrameLog
from livestyle.sinks.raw import RawVideo
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
        FrameLog(str(tmp_path / "f.csv"), overwrite=False)
    with pytest.raises(LivestyleError, match="o.mp4.part' is there"):
        (tmp_path / "o.mp4.part").symlink_to(victim)
        Recorder(str(tmp_path / "o.mp4"), (64, 64), 30)
    assert victim.read_bytes() == b"another's"


def test_a_frame_log_is_written_by_one(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    with FrameLog(str(file), overwrite=False):
        assert _mode(tmp_path / "f.csv.part") == 0o600
        with pytest.raises(LivestyleError, match="f.csv.part' is there: another livestyle"):
            FrameLog(str(file), overwrite=False)
    assert file.read_text().startswith("deadline_ns,") and os.listdir(tmp_path) == ["f.csv"]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="that is a folder"):
        Target("--report", str(tmp_path), overwrite=True)


def _png(file: Path) -> None:
    cv2.imwrite(str(file), np.zeros((64, 64, 3), np.uint8))


BENCH = ["bench", "picture", "--style", "comic", "--limit", "1"]
WRITERS = {
    "r.json": [*RUN, "--sink", "null", "--report", "r.json"],
    "f.csv": [*RUN, "--sink", "null", "--frame-log", "f.csv"],
    "o.mp4": [*RUN, "--sink", "record:o.mp4"],
    "o.mkv": [*RUN, "--sink", "null", "--sink", "record:o.mkv"],
    "o.yuv": [*RUN, "--sink", "raw:o.yuv"],
    "clip.mkv": ["stylize", "in.png", "clip.mkv", "--stylizer", "passthrough"],
    "in.png": ["stylize", "in.png", "in.png", "--stylizer", "passthrough"],
    "sheet.png": [*BENCH, "--sheet", "sheet.png"],
    "b.json": ["bench", "lite", "--report", "b.json"],
    "plot.png": ["bench", "turbo", "--random-weights", "--plot", "plot.png"],
    "pictures.png": ["bench", "turbo", "--random-weights", "--pictures", "pictures.png"],
}


def _precious(name: str) -> tuple[Path, bytes]:
    """A file that is there, and what is in it; and a picture to work on."""
    _png(Path("in.png"))
    file = Path(name)
    if name != "in.png":
        file.write_bytes(b"precious")
    return file, file.read_bytes()


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_there_is_not_replaced_unasked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file, before = _precious(name)
    assert main(WRITERS[name]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"'{name}': that is there already" in line and "--overwrite" in line
    assert file.read_bytes() == before
    assert sorted(os.listdir()) == sorted({"in.png", name})


@pytest.mark.parametrize("name", ["r.json", "f.csv", "o.mp4", "o.yuv", "clip.mkv", "in.png"])
@pytest.mark.parametrize("asked", ["flag", "file"])
def test_what_is_there_is_replaced_where_that_is_asked_for(
    name: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, before = _precious(name)
    Path("my.toml").write_text("overwrite = true\n")
    flags = ["--overwrite"] if asked == "flag" else ["--config", "my.toml"]
    assert main([*WRITERS[name], *flags]) == 0
    assert file.stat().st_size > 8 and (name == "in.png" or file.read_bytes() != before)
    assert sorted(os.listdir()) == sorted({"in.png", name, "my.toml"})


@pytest.mark.parametrize(
    "flags",
    [
        ["--report", "x", "--frame-log", "./x"],
        ["--sink", "record:o.mp4", "--report", "o.mp4"],
        ["--sink", "record:o.mp4", "--sink", "record:o.mp4"],
        ["--sink", "raw:o.yuv", "--sink", "raw:../here/o.yuv"],
        ["--sink", "record:b.mp4", "--sink", "raw:b.mp4.part"],
        ["--sink", "raw:b.mp4.part", "--sink", "record:b.mp4"],
        ["--sink", "record:b.mkv", "--frame-log", "../here/b.mkv.part"],
        ["--frame-log", "f", "--report", "f.part"],
    ],
)
def test_one_file_is_not_written_twice(
    flags: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for overwrite in ([], ["--overwrite"]):
        assert main([*RUN, "--sink", "null", *flags, *overwrite]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.search(r"is to be (there|at '\S+.part'), too; name another$", line)
        assert os.listdir() == []


def _unknown(*_: object, **__: object) -> None:
    raise av.codec.codec.UnknownCodecError("libx264")


def _no_memory(*_: object, **__: object) -> None:
    raise av.MemoryError(errno.ENOMEM, "Cannot allocate memory")


@pytest.mark.parametrize(
    ("where", "fails", "said"),
    [
        ("container", _no_memory, "cannot write 'x.mp4': Cannot allocate memory"),
        ("stream", _unknown, "has no encoder libx264; choose another ending"),
        ("stream", _no_memory, "cannot write 'x.mp4': Cannot allocate memory"),
    ],
)
def test_an_encoder_that_can_not_be_had_leaves_no_file(
    where: str,
    fails: Callable[..., None],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing:
        add_stream = staticmethod(fails)

        def __enter__(self) -> Failing:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(av, "open", fails if where == "container" else lambda *_, **__: Failing())
    opened = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SinkError, match=said):
        Recorder("x.mp4", (64, 64), 30)
    assert os.listdir() == [] and len(os.listdir("/proc/self/fd")) == opened


def test_a_folder_is_tried_without_waiting_for_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("synced"))
    wanted = [Wanted("--report", str(tmp_path / "r")), Wanted("raw video", str(tmp_path / "y"))]
    check_targets(wanted, overwrite=False)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("length", [251, 255, 256])
@pytest.mark.parametrize(
    "flags", [["--sink", "raw:NAME.y"], ["--sink", "record:NAME.mkv"], ["--frame-log", "NAME.csv"]]
)
def test_a_name_that_is_too_long_as_a_part_is_told_before_the_run(
    flags: list[str], length: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flag, value = flags
    kind, _, name = value.rpartition(":")
    file = name.replace("NAME", "x" * (length - len(name) + 4))
    path = f"{kind}:{tmp_path / file}" if kind else str(tmp_path / file)
    assert len(file) == length and main([*RUN, "--sink", "null", flag, path]) == 2
    said = "cannot be written: File name too long; choose a shorter name\n"
    assert capsys.readouterr().err.endswith(said)
    assert os.listdir(tmp_path) == []


def test_a_clip_s_name_that_is_too_long_as_a_part_is_told_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / ("x" * 248 + ".mkv")
    assert main(["stylize", "none.png", str(clip), "--stylizer", "passthrough"]) == 2
    assert "File name too long; choose a shorter name" in capsys.readouterr().err


def test_what_the_name_s_length_allows_is_written(tmp_path: Path) -> None:
    raw, report = tmp_path / ("x" * 250), tmp_path / ("r" * 255)  # which is whole at once
    assert main([*RUN, "--sink", f"raw:{raw}", "--report", str(report)]) == 0
    assert raw.stat().st_size and report.stat().st_size


@pytest.mark.parametrize("limited", ["raw:o.yuv", "record:o.mkv"])
def test_a_limit_on_files_has_its_cure(limited: str, tmp_path: Path) -> None:
    command = [*RUN, "--sink", limited, "--seconds", "2", "--output-size", "640x360"]
    limit = 'ulimit -f 2048; exec "$0" -m livestyle "$@"'
    command = ["bash", "-c", limit, sys.executable, *command]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "File too large; raise the limit on the size of files (ulimit -f, " in done.stderr


@pytest.mark.parametrize("what", ["recording", "raw video"])
def test_two_of_a_kind_are_told_apart(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = {"recording": "record", "raw video": "raw"}[what] + ":x.mp4"
    assert main([*RUN, "--sink", spec, "--sink", spec]) == 2
    said = f"{what} 'x.mp4': another {what} is to be there, too; name another"
    assert capsys.readouterr().err == f"livestyle: {said}\n"


@pytest.mark.parametrize("sink", ["raw:x.y", "record:x.mp4", "record:x.mkv"])
@pytest.mark.parametrize("other", ["v4l2:/dev/video99", "raw:../nobody"])
def test_a_run_that_does_not_begin_leaves_no_file(
    sink: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "nobody")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for _ in range(2):  # nor is the next one refused for it
        assert main([*RUN, "--sink", sink, "--sink", other]) == 1
        assert os.listdir() == []
    assert main([*RUN, "--sink", sink]) == 0
    assert len(os.listdir()) == 1


def test_raw_video_that_found_no_room_at_all_leaves_no_file(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_disk)
    with contextlib.suppress(OSError), open("filler", "wb", 0) as filler:
        while True:
            filler.write(bytes(4096))
    assert main([*RUN, "--sink", "raw:x.y"]) in (1, 2)
    assert os.listdir() == ["filler"]


STREAMS = {
    "stdout and the report": ["--sink", "raw:-", "--json"],
    "by its device": ["--sink", "raw:/dev/stdout", "--json"],
    "by its descriptor": ["--sink", "raw:/dev/fd/1", "--json"],
    "stdout twice": ["--sink", "raw:-", "--sink", "raw:-"],
    "under two names": ["--sink", "raw:/proc/self/fd/1", "--sink", "raw:-"],
    "a pipe": ["--sink", "raw:pipe", "--sink", "raw:./pipe"],
    "a pipe and a link to it": ["--sink", "raw:link", "--sink", "raw:pipe"],
    "a device": ["--sink", "raw:/dev/full", "--sink", "raw:/dev/../dev/full"],
}


@pytest.mark.parametrize("flags", STREAMS.values(), ids=STREAMS)
def test_one_stream_has_one_writer(flags: list[str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    command = [sys.executable, "-m", "livestyle", *RUN, *flags]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith("is to be there, too; name another")


@pytest.mark.parametrize(
    "flags",
    [
        ["--sink", "record:o.mp4", "--sink", "raw:-"],
        ["--sink", "raw:o.mp4", "--json"],
        ["--json", "--sink", "null", "--report", "o.mp4"],
    ],
)
def test_the_file_that_stdout_leads_to_is_not_replaced(flags: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "livestyle", *RUN, *flags, "--overwrite"]
    with (tmp_path / "o.mp4").open("wb") as out:
        done = subprocess.run(command, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and "is to be there, too; name another" in done.stderr
    assert os.listdir(tmp_path) == ["o.mp4"]


@pytest.mark.parametrize(
    "words",
    [
        ["stylize", "in.png", "o.png"],
        ["stylize", "in.png", "o.mp4"],
        ["bench", "lite", "--report", "o.json"],
        ["bench", "picture", "--sheet", "o.jpg"],
    ],
    ids=" ".join,
)
def test_nor_is_it_by_other_commands(words: list[str], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), np.zeros((64, 64, 3), np.uint8))
    command = [sys.executable, "-m", "livestyle", *words, "--json", "--overwrite"]
    with (tmp_path / words[-1]).open("wb") as out:
        done = subprocess.run(command, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.endswith(f"{words[-1]!r}: --json is to be there, too; name another")
    assert not (tmp_path / words[-1]).stat().st_size


def test_the_null_device_has_room_for_all(tmp_path: Path) -> None:
    flags = ["--sink", "raw:/dev/null", "--sink", "raw:/dev/null", "--sink", "raw:-", "--json"]
    flags += ["--stylizer", "passthrough", "--no-supervise", "--seconds", "1.5"]
    command = [sys.executable, "-m", "livestyle", *RUN, *flags]
    subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL, check=True)


@pytest.mark.parametrize("came", ["another file", "a link", "nothing"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_came_in_place_of_a_part_is_neither_named_nor_removed(
    came: str, overwrite: bool, tmp_path: Path
) -> None:
    def replace(path: Path) -> None:
        path.unlink()
        if came == "another file":
            path.write_bytes(b"another's")
        elif came == "a link":
            path.symlink_to(tmp_path / "victim")

    file = tmp_path / "x"
    for end in ("finish", "discard"):
        part = Part("raw video", str(file), overwrite)
        os.close(part.descriptor)  # its inode is free for another, but for what the Part holds
        replace(Path(part.path))
        if end == "finish":
            with pytest.raises(OSError, match="x.part' was moved, removed or replaced; leave it"):
                part.finish()
        part.discard()
        assert not file.exists()
        if came == "nothing":
            assert os.listdir(tmp_path) == []
        else:
            os.unlink(part.path)


@pytest.mark.parametrize("sink", ["record:o.mkv", "raw:o.yuv"])
def test_a_run_whose_part_was_replaced_says_so(
    sink: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    part = Path(f"{sink.partition(':')[2]}.part")
    begun = FrameLog.__init__

    def begin(self: FrameLog, file: str, overwrite: bool) -> None:
        begun(self, file, overwrite)
        part.unlink()
        part.write_bytes(b"another's")

    monkeypatch.setattr(FrameLog, "__init__", begin)
    assert main([*RUN, "--sink", sink, "--frame-log", "f.csv"]) == 1
    assert capsys.readouterr().err.count(f"{part}' was moved, removed or replaced; leave it") == 1
    assert sorted(os.listdir()) == sorted(["f.csv", str(part)])
    assert part.read_bytes() == b"another's"


def _no_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")  # as on FAT


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_came_there_meanwhile_stays_and_nothing_is_lost(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    report, log = tmp_path / "r.json", tmp_path / "f.csv"
    target, part = (
        Target("--report", str(report), overwrite=False),
        Part("--frame-log", str(log), overwrite=False),
    )
    os.write(part.descriptor, b"ours")
    os.close(part.descriptor)
    report.write_bytes(b"another's")
    log.write_bytes(b"another's")
    with pytest.raises(LivestyleError, match="something else has come there; it is kept as") as why:
        target.write(b"ours")
    with pytest.raises(FileExistsError, match="something else has come there"):
        part.finish()
    part.discard()
    assert report.read_bytes() == log.read_bytes() == b"another's"
    kept = Path(str(why.value).split("'")[-2])
    assert kept.read_bytes() == (tmp_path / "f.csv.part").read_bytes() == b"ours"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_was_free_gets_its_name(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    part = Part("output", str(tmp_path / "gone"), overwrite=False)
    os.close(part.descriptor)
    part.finish()
    os.unlink(tmp_path / "gone")
    file = tmp_path / "r.json"
    target = Target("--report", str(file), overwrite=False)
    for content in (b"first", b"again"):  # its own may be replaced, as bench does
        target.write(content)
        assert file.read_bytes() == content and _mode(file) == 0o600
    assert os.listdir(tmp_path) == ["r.json"]


def test_a_device_that_came_there_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = Target("--report", str(tmp_path / "r.json"), overwrite=True)
    os.mkfifo(tmp_path / "r.json")
    with pytest.raises(LivestyleError, match="something else has come there"):
        target.write(b"ours")
    assert stat.S_ISFIFO((tmp_path / "r.json").stat().st_mode)


def test_a_recording_that_can_not_get_its_name_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    begun = FrameLog.__init__

    def begin(self: FrameLog, file: str, overwrite: bool) -> None:
        begun(self, file, overwrite)
        for name in ("o.mp4", "o.yuv"):
            Path(name).write_bytes(b"another's")

    monkeypatch.setattr(FrameLog, "__init__", begin)
    sinks = ["--sink", "record:o.mp4", "--sink", "raw:o.yuv"]
    assert main([*RUN, *sinks, "--frame-log", "f.csv"]) == 1
    said = capsys.readouterr().err
    for name in ("o.mp4", "o.yuv"):
        assert (
            said.count(f"something else has come there; it is kept as '{tmp_path}/{name}.part'")
            == 1
        )
        assert Path(name).read_bytes() == b"another's" and Path(f"{name}.part").stat().st_size


@pytest.mark.parametrize("flag", ["--report", "--frame-log"])
def test_a_folder_that_takes_nothing_is_told_before_the_run(flag: str) -> None:
    with pytest.raises(ConfigError, match="'/proc/r.json': cannot be written: "):
        check_targets([Wanted(flag, "/proc/r.json")], overwrite=True)
    assert main([*RUN, "--sink", "null", flag, "/sys/r.json"]) == 2


@pytest.mark.parametrize("sink", ["raw:/dev/full", "record:small/o.mkv"])
def test_a_run_whose_only_output_fails_has_its_report_and_says_why_once(
    sink: str,
    small_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small").symlink_to(small_disk)
    (small_disk / "filler").write_bytes(bytes(900_000))
    run = ["run", "--source", "testcard", "--output-size", "640x360", "--seconds", "30"]
    run += ["--stylizer", "passthrough", "--no-supervise", "--report", "r.json"]
    assert main([*run, "--sink", sink]) == 1
    said = capsys.readouterr().err
    assert said.count("No space left on device") == 1
    (ended,) = json.loads(Path("r.json").read_text())["ended"]
    assert "No space left on device; free some space" in ended and ended in said


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is written off the main thread waits, as on a frozen file system, until the end."""
    thawed = threading.Event()
    written = _WholeWrites.write

    def write(self: _WholeWrites, data: bytes) -> int:
        if threading.current_thread() is not threading.main_thread():
            thawed.wait(60)
        return written(self, data)

    monkeypatch.setattr(_WholeWrites, "write", write)
    monkeypatch.setattr(FrameLog, "_write", lambda self: thawed.wait(60))
    for room in ("sinks.record", "front.framelog"):
        monkeypatch.setattr(f"livestyle.{room}._PATIENCE", 0.5)
    yield
    thawed.set()
    for thread in threading.enumerate():
        if thread.name in ("background-writer", "frame-log"):
            thread.join(10)  # while they are in their folder


@pytest.mark.usefixtures("frozen")
def test_what_a_frozen_disk_leaves_unfinished_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sinks = ["--sink", "record:a.mp4", "--sink", "record:b.mkv", "--report", "r.json"]
    began = time.monotonic()
    assert main([*RUN, *sinks, "--frame-log", "f.csv"]) == 1
    assert time.monotonic() - began < 10
    said = capsys.readouterr().err
    for what, file in (("recording", "a.mp4"), ("recording", "b.mkv"), ("frame log", "f.csv")):
        line = f"{what} {file!r} is not finished: its disk takes nothing; '{file}.part' has"
        assert said.count(line) == 1
    assert len(json.loads(Path("r.json").read_text())["ended"]) == 3
    assert not {"a.mp4", "b.mkv", "f.csv"} & set(os.listdir())


def test_a_reader_that_takes_nothing_more_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr("livestyle.sinks.raw._PATIENCE", 0.2)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    raw = RawVideo(str(pipe), (640, 360))
    for seq in range(3):
        raw.write(Frame(np.zeros((540, 640), np.uint8), seq, 0))
    with pytest.raises(SinkError, match="pipe' is not finished: what was written last"):
        raw.__exit__()
    os.close(reader)
