"""What must not end a run, or end it with a traceback: full disks, hung displays and the like."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from display import Display

import livestyle

LIVESTYLE = [sys.executable, "-m", "livestyle"]
RUN = [*LIVESTYLE, "run", "--source", "testcard", "--stylizer", "passthrough"]
RUN += ["--output-size", "320x180"]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program in tmp_path; stderr goes to the file `said` unless said otherwise."""
    with contextlib.ExitStack() as opened:

        def begin(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
            if "stderr" not in options:
                options["stderr"] = opened.enter_context((tmp_path / "said").open("wb"))
            process = subprocess.Popen(command, cwd=tmp_path, **options)
            opened.callback(process.wait)
            opened.callback(process.kill)
            return process

        yield begin


def _until(condition: Callable[[], Any], limit: float = 60) -> Any:
    deadline = time.monotonic() + limit
    while not (value := condition()):
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)
    return value


def _worker(front: int, other_than: int = 0) -> int:
    for child in psutil.Process(front).children():
        with contextlib.suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()) and child.pid != other_than:
                return child.pid
    return 0


def test_a_frame_log_on_a_full_disk_ends_alone(
    start: Start, tmp_path: Path, small_disk: Path
) -> None:
    (small_disk / "filler").write_bytes(bytes(1_030_000))
    log = ["--frame-log", str(small_disk / "f.csv"), "--report", "r.json"]
    process = start([*RUN, "--sink", "null", "--fps", "120", "--seconds", "5", *log])
    assert process.wait(60) == 1, (tmp_path / "said").read_text()
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["output"]["frames"] == 600
    assert "f.csv' stopped: No space left on device; free some space" in report["ended"][0]
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_worker_that_cannot_be_started_again_is_tried_again(start: Start, tmp_path: Path) -> None:
    process = start([*RUN, "--sink", "null", "--seconds", "60", "--report", "r.json"])
    worker = _until(lambda: _worker(process.pid))
    _until(lambda: "passthrough on opencv" in (tmp_path / "said").read_text())
    usual = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    opened = len(os.listdir(f"/proc/{process.pid}/fd"))
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (opened - 2, usual[1]))
    os.kill(worker, signal.SIGKILL)
    _until(lambda: "can't be started: Too many open files" in (tmp_path / "said").read_text())
    assert process.poll() is None
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, usual)
    _until(lambda: _worker(process.pid, other_than=worker))
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["worker_restarts"] >= 2
    assert report["output"]["frames"] == pytest.approx(report["seconds"] * 30, abs=3)
    assert "Traceback" not in (tmp_path / "said").read_text()


@pytest.mark.parametrize("after", [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8])
def test_ctrl_c_while_it_starts_is_quiet(start: Start, tmp_path: Path, after: float) -> None:
    process = start([*RUN, "--sink", "null", "--seconds", "60"], start_new_session=True)
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    code = process.wait(30)
    time.sleep(0.3)  # the worker may end after it
    said = (tmp_path / "said").read_text()
    assert code in (1, 130, -signal.SIGINT)
    if "Traceback" in said:  # Python had not come to our first line yet: its own affair
        assert "KeyboardInterrupt" in said
        ours = [line for line in said.splitlines() if f"{Path(livestyle.__file__).parent}" in line]
        assert not [
            line for line in ours if "__.py" not in line
        ]  # __init__ and __main__ come first
    else:
        assert code != 1


def test_a_display_that_hangs_at_the_start_is_named(
    start: Start, tmp_path: Path, display: Display
) -> None:
    display.pause()
    command = [*RUN, "--source", "screen", "--sink", "null", "--seconds", "1"]
    process = start(command, env=display.environment)
    assert process.wait(60) == 1
    (line,) = (tmp_path / "said").read_text().splitlines()
    assert line.startswith("livestyle: source 'screen' does not answer within 10 s; ")


def test_a_display_that_hangs_later_is_named_and_covered(
    start: Start, tmp_path: Path, display: Display
) -> None:
    flags = ["--source", "screen", "--stylizer", "passthrough", "--sink", "null", "--fps", "10"]
    flags += ["--seconds", "300", "--frame-log", "f.csv", "--report", "r.json"]
    process = start([*LIVESTYLE, "run", *flags], env=display.environment)
    log = tmp_path / "f.csv.part"
    _until(lambda: log.exists() and "unique" in log.read_text())
    display.pause()
    _until(lambda: "screen:1 has given nothing for" in (tmp_path / "said").read_text())
    _until(lambda: "card" in log.read_text()[-100:])
    display.resume()
    _until(lambda: "unique" in log.read_text()[-100:])
    process.terminate()
    assert process.wait(30) == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["worker_restarts"] == 0
    with (tmp_path / "f.csv").open() as opened:
        assert len(list(csv.DictReader(opened))) == report["output"]["frames"]


def test_a_terminal_with_few_letters_gets_what_it_knows() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*LIVESTYLE, "doctor"], env=environment, capture_output=True, timeout=60)
    assert done.returncode in (0, 1) and done.stderr == b""
    assert b"Python" in done.stdout
