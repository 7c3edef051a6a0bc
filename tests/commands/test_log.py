"""The log of a run: bounded, for its user alone, and nothing that a run waits for or ends of."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livestyle.commands import log, main
from livestyle.commands.log import RunLog
from livestyle.config import Config
from livestyle.errors import ConfigError
from livestyle.past import LARGEST_LOG, last_report, past_runs

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (\d+) (INFO|WARNING|ERROR) (.*)")
RUN = ["run", "--source", "testcard", "--sink", "null", "--output-size", "64x64"]
RUN += ["--stylizer", "passthrough", "--seconds", "1.5", "--no-supervise"]
WRITES = """
from livestyle.commands import log
from livestyle.commands.log import RunLog
log._PATIENCE = 60
with RunLog({}) as run_log:
    for number in range(3000):
        run_log.write(f"line {number} " + 100 * "x")
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def _lines(file: Path) -> list[re.Match[str]]:
    matches = [LINE.fullmatch(line) for line in file.read_text().splitlines()]
    assert all(matches), file.read_text()
    return [match for match in matches if match]


def _log() -> list[str]:
    (run,) = past_runs()
    return [match[3] for match in _lines(run.log)]


def test_a_line_each_for_its_user_alone(state: Path) -> None:
    with RunLog({}) as run_log:
        run_log.begin(Config(source="testcard", fps=24.0, prompt="a secret"))
        run_log.write("one\nline \x1b[31m \u202e", "WARNING")
        run_log.write("livestyle: " + 9000 * "x")
        run_log.write("half \ud800 of a character")
    first, settings, one, long, half = _log()
    assert first.startswith("livestyle 0.1.0, Python 3.")
    assert settings == "settings: source=testcard, prompt=…, fps=24.0"
    assert one == r"one\nline \x1b[31m \u202e" and half == r"half \ud800 of a character"
    assert long.startswith("xxx") and len(long) < 4100
    (run,) = past_runs()
    assert run.pid == os.getpid() and {match[1] for match in _lines(run.log)} == {str(run.pid)}
    for path in (run.log, run.log.parent, run.log.parent.parent):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_two_at_once_fill_two_files_each(state: Path) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", WRITES]) as one,
        subprocess.Popen([sys.executable, "-c", WRITES]) as other,
    ):
        assert one.wait(60) == other.wait(60) == 0
    runs = past_runs()
    assert {run.pid for run in runs} == {one.pid, other.pid}
    for run in runs:
        lines = [*_lines(run.older_log), *_lines(run.log)]
        assert {int(line[1]) for line in lines} == {run.pid}
        numbers = [int(line[3].split()[1]) for line in lines]
        assert numbers == list(range(numbers[0], 3000)) and len(numbers) > 1000
        assert LARGEST_LOG / 2 < run.older_log.stat().st_size <= LARGEST_LOG
        assert run.log.stat().st_size <= LARGEST_LOG


@pytest.mark.parametrize(
    ("there", "size", "left"), [(3, 10, 3), (70, 10, 49), (30, 300_000, 13)], ids=str
)
def test_the_oldest_go(there: int, size: int, left: int, state: Path) -> None:
    folder = state / "livestyle" / "runs"
    folder.mkdir(parents=True, mode=0o700)
    names = [
        f"202001{day:02}T00{minute:02}00Z-4{'0' * 6}" for day in (1, 2) for minute in range(35)
    ]
    ours = folder / f"20190101T000000Z-{os.getpid()}.log"  # which goes on
    for file in (ours, folder / "notes.txt"):
        file.write_bytes(bytes(10))
    for name in names[:there]:
        (folder / f"{name}.log").write_bytes(bytes(size))
        (folder / f"{name}.json").write_bytes(bytes(10))
    with RunLog({}):
        pass
    newest = sorted(names[:there])[-left:]
    new = f"-{os.getpid()}.log"
    files = {file.name for file in folder.iterdir() if not file.name.endswith(new)}
    assert files == {f"{name}.{end}" for name in newest for end in ("log", "json")} | {"notes.txt"}
    assert ours.exists() and len(past_runs()) == left + 2


def _is_file(state: Path) -> None:
    state.mkdir()
    (state / "livestyle").touch()


def _is_open_to_others(state: Path) -> None:
    (state / "livestyle" / "runs").mkdir(parents=True)
    (state / "livestyle" / "runs").chmod(0o777)


def _is_a_link(state: Path) -> None:
    (state / "livestyle").mkdir(parents=True)
    (state / "elsewhere").mkdir()
    (state / "livestyle" / "runs").symlink_to(state / "elsewhere")


def _is_full(state: Path) -> None:
    _mount(state)
    with contextlib.suppress(OSError), (state / "filler").open("wb", 0) as filler:
        while True:
            filler.write(bytes(4096))


def _is_read_only(state: Path) -> None:
    _mount(state)
    subprocess.run(["mount", "-o", "remount,ro", state], check=True)


def _mount(state: Path) -> None:
    if os.geteuid():
        pytest.skip("a small file system can only be mounted by root")
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", state], check=True)
    (state / "livestyle").mkdir()


@pytest.fixture
def unmounted(state: Path) -> Iterator[None]:
    yield
    if os.path.ismount(state):
        subprocess.run(["umount", "-l", state], check=True)


@pytest.mark.usefixtures("unmounted")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_is_open_to_others, "/runs' is open to others; remove it"),
        (_is_a_link, "/runs' is something else, or a link; remove it"),
        (_is_full, "No space left on device; free some space or choose another place"),
        (_is_read_only, "Read-only file system; choose another place"),
    ],
)
def test_where_there_can_be_none_the_run_goes_on(
    spoil: Callable[[Path], None],
    told: str,
    state: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(state)
    assert main(RUN) in (0, 1)  # a machine that is busy has no frame so soon
    said = capsys.readouterr().err
    assert " s at 64x64: " in said
    assert said.count("livestyle: no log of this run: ") == 1 and told in said
    assert "Traceback" not in said


def test_a_state_folder_that_is_none_gives_way_to_a_private_one(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _is_file(state)
    with RunLog({}) as run_log:
        run_log.write("here")
    assert _log() == ["here"] and run_log.trouble() == ""
    (run,) = past_runs()
    assert run.log.is_relative_to(tmp_path) and not run.log.is_relative_to(state)


def test_a_disk_that_hangs_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    thawed = threading.Event()
    monkeypatch.setattr(log._File, "write", lambda *_: thawed.wait(60))
    monkeypatch.setattr(log, "_PATIENCE", 0.3)
    with RunLog({}) as run_log:
        began = time.monotonic()
        for _ in range(10_000):
            run_log.write("x")
    assert time.monotonic() - began < 2
    assert run_log.trouble() == (
        "livestyle: the log of this run is not finished: its disk takes nothing"
    )
    assert run_log.trouble() == ""
    thawed.set()
    run_log._thread.join(10)


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (ConfigError("no such"), "ended with exit code 2: no such"),
        (KeyboardInterrupt(), "ended with exit code 130, before there was a report"),
        (ZeroDivisionError("x"), "Traceback (most recent call last):\\n  File "),
    ],
)
def test_it_ends_with_what_the_run_ended_of(error: BaseException, last: str) -> None:
    with pytest.raises(type(error)), RunLog({}):
        raise error
    (line,) = _log()
    assert line.startswith(last)
    with pytest.raises(Exception, match="no run has left a report yet"):
        last_report()
