"""What must not end a run, or end it with a traceback: full disks, hung displays and the like."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from display import Display
from waiting import until

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
    worker = until(lambda: _worker(process.pid))
    until(lambda: "passthrough on opencv" in (tmp_path / "said").read_text())
    usual = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    opened = len(os.listdir(f"/proc/{process.pid}/fd"))
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (opened - 2, usual[1]))
    os.kill(worker, signal.SIGKILL)
    until(lambda: "can't be started: Too many open files" in (tmp_path / "said").read_text())
    assert process.poll() is None
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, usual)
    until(lambda: _worker(process.pid, other_than=worker))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["worker_restarts"] >= 2
    assert report["output"]["frames"] == pytest.approx(report["seconds"] * 30, abs=3)
    assert "Traceback" not in (tmp_path / "said").read_text()


@pytest.mark.parametrize("seconds", [4, pytest.param(8, marks=pytest.mark.slow)])
def test_a_pause_of_both_costs_no_worker(start: Start, tmp_path: Path, seconds: float) -> None:
    """As Ctrl-Z and fg, docker pause, or a suspended machine."""
    process = start([*RUN, "--sink", "null", "--seconds", "60", "--report", "r.json"])
    until(lambda: "passthrough on opencv" in (tmp_path / "said").read_text())
    worker = _worker(process.pid)
    for stop, pause in ((signal.SIGSTOP, seconds), (signal.SIGCONT, 4)):
        for stopped in (process.pid, worker):
            os.kill(stopped, stop)
        time.sleep(pause)
    assert _worker(process.pid) == worker
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["worker_restarts"] == 0 and report["ended"] == []


def test_a_folder_that_is_removed_costs_no_worker(start: Start, tmp_path: Path) -> None:
    said, gone = tmp_path / "said", tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", 'cd gone; exec "$@"', "sh", *RUN, "--sink", "null", "--seconds", "60"]
    process = start([*command, "--report", "r.json"])
    until(lambda: "passthrough on opencv" in said.read_text())
    gone.rmdir()
    psutil.Process(first := _worker(process.pid)).kill()
    until(lambda: _worker(process.pid, other_than=first), 10)
    until(lambda: said.read_text().count("passthrough on opencv") > 1, 20)
    time.sleep(3)  # for a frame
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 1  # for there is nowhere to put the report
    lines = [line for line in said.read_text().splitlines() if line.startswith("livestyle:")]
    assert [line.split(": ")[1] for line in lines] == ["restarted for", "cannot write 'r.json'"]


@pytest.mark.parametrize("state", ["running", "stopped", "loading"])
def test_a_front_that_is_killed_leaves_nothing(start: Start, tmp_path: Path, state: str) -> None:
    there = set(os.listdir("/dev/shm"))
    process = start([*RUN, "--sink", "null", "--seconds", "60"], start_new_session=True)
    worker = until(lambda: _worker(process.pid))
    if state != "loading":
        until(lambda: "passthrough on opencv" in (tmp_path / "said").read_text())
    if state == "stopped":
        os.kill(worker, signal.SIGSTOP)
    process.kill()
    process.wait()
    until(lambda: not _lives(worker), 5)
    until(lambda: not set(os.listdir("/dev/shm")) - there, 5)


@pytest.mark.parametrize("after", [0, 0.02, 0.1, 0.3])
def test_a_worker_stopped_at_its_birth_ends_with_its_front(start: Start, after: float) -> None:
    """Whether it is the interpreter that starts, or livestyle that is imported."""
    process = start([*RUN, "--sink", "null", "--seconds", "60"], start_new_session=True)
    deadline = time.monotonic() + 60
    while not (worker := _worker(process.pid)):
        assert time.monotonic() < deadline
    time.sleep(after)
    os.kill(worker, signal.SIGSTOP)
    time.sleep(0.2)
    process.kill()
    process.wait()
    try:
        until(lambda: not _lives(worker), 5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _lives(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_stream_that_others_made_non_blocking_takes_no_core(start: Start) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, bytes(4096))
    process = start([*RUN, "--fps", "5", "--sink", "null", "--seconds", "60"], stderr=theirs)
    until(lambda: _worker(process.pid))
    time.sleep(2)
    before = sum(psutil.Process(process.pid).cpu_times()[:2])
    time.sleep(2)
    assert sum(psutil.Process(process.pid).cpu_times()[:2]) - before < 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    for fd in (ours, theirs):
        os.close(fd)


@pytest.mark.parametrize("opened", [os.pipe, os.openpty])
def test_a_terminal_that_does_not_read_holds_nothing_up(
    start: Start, tmp_path: Path, opened: Callable[[], tuple[int, int]]
) -> None:
    ours, theirs = opened()
    if opened is os.openpty:
        termios.tcflow(theirs, termios.TCOOFF)  # as Ctrl-S does
    else:
        os.set_blocking(theirs, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(theirs, bytes(4096))
        os.set_blocking(theirs, True)
    command = [*RUN, "--sink", "null", "--seconds", "60", "--report", "r.json"]
    process = start(command, stderr=theirs, start_new_session=True)
    worker = until(lambda: _worker(process.pid))
    time.sleep(2)
    os.kill(worker, signal.SIGKILL)
    until(lambda: _worker(process.pid, other_than=worker), 5)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    assert time.monotonic() - began < 3.5
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["worker_restarts"] == 1 and report["output"]["frames"] > 60
    for fd in (ours, theirs):
        os.close(fd)


@pytest.mark.parametrize(
    "options",
    [
        "size=8k",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("size=8k,nr_inodes=1", "ro", "size=0,mode=0")
        ),
    ],
)
def test_shared_memory_needs_no_room_of_its_own(start: Start, tmp_path: Path, options: str) -> None:
    """As in a container, whose /dev/shm is small, or full, or none at all."""
    if os.geteuid():
        pytest.skip("a file system can only be mounted by root")
    report = [
        "--output-size",
        "1920x1080",
        "--sink",
        "null",
        "--seconds",
        "10",
        "--report",
        "r.json",
    ]
    process = start(
        ["unshare", "-m", "bash", "-c", f'mount -t tmpfs -o {options} tmpfs /dev/shm && exec "$@"']
        + ["bash", *RUN, *report]
    )
    assert process.wait(60) == 0, (tmp_path / "said").read_text()
    figures = json.loads((tmp_path / "r.json").read_text())
    assert figures["worker_restarts"] == 0 and figures["output"]["unique"] > 0


@pytest.mark.parametrize("supervise", ["--supervise", "--no-supervise"])
@pytest.mark.parametrize("limit", [100_000, 2_000_000])
def test_shared_memory_that_cannot_be_had_is_one_line(
    start: Start, tmp_path: Path, limit: int, supervise: str
) -> None:
    flags = ["--output-size", "1280x720", "--sink", "null", "--seconds", "2", supervise]
    process = start(
        [*RUN, *flags],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.wait(60) == 1
    (line,) = (tmp_path / "said").read_text().splitlines()[-1:]
    assert "need 4.1 MB of shared memory: File too large; raise the limit on the size" in line
    assert "Traceback" not in (tmp_path / "said").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize("megabytes", [100, 250, 400, 1000, 1800])
@pytest.mark.parametrize(
    "command",
    [
        ["run", "--source", "testcard", "--sink", "null", "--seconds", "1"],
        ["stylize", "in.png", "out.png"],
        ["doctor"],
        ["bench", "lite"],
    ],
    ids=lambda command: command[0],
)
def test_too_little_memory_is_one_line(tmp_path: Path, command: list[str], megabytes: int) -> None:
    limit = megabytes * 10**6
    done = subprocess.run(
        [*LIVESTYLE, *command],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"livestyle: this process may have {limit / 2**20:.0f} MiB of memory")
    assert "raise the limit: ulimit -v" in line and done.returncode == 1 and done.stdout == ""


def test_what_needs_little_memory_gets_by_with_it(tmp_path: Path) -> None:
    for command in (["--version"], ["run", "--print-config"], ["styles"]):
        done = subprocess.run(
            [*LIVESTYLE, *command],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (10**8, 10**8)),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_what_nohup_starts_outlives_its_terminal(start: Start, tmp_path: Path) -> None:
    process = start(
        ["nohup", *RUN, "--sink", "null", "--seconds", "60"],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    until(lambda: "passthrough on opencv" in (tmp_path / "said").read_text())
    worker = _worker(process.pid)
    os.killpg(process.pid, signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None and _worker(process.pid) == worker
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130


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
    until(lambda: log.exists() and "unique" in log.read_text())
    display.pause()
    until(lambda: "screen:1 has given nothing for" in (tmp_path / "said").read_text())
    until(lambda: "card" in log.read_text()[-100:])
    display.resume()
    until(lambda: "unique" in log.read_text()[-100:])
    process.terminate()
    assert process.wait(30) == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["worker_restarts"] == 0
    with (tmp_path / "f.csv").open() as opened:
        assert len(list(csv.DictReader(opened))) == report["output"]["frames"]


@pytest.mark.parametrize("size", [(640, 400), (320, 240)])
def test_a_display_that_is_away_while_the_worker_is_restarted(
    start: Start, tmp_path: Path, display: Display, size: tuple[int, int]
) -> None:
    flags = ["--source", "screen", "--stylizer", "passthrough", "--sink", "null", "--fps", "20"]
    flags += ["--frame-log", "f.csv", "--report", "r.json"]
    process = start([*LIVESTYLE, "run", *flags], env=display.environment)
    log, said = tmp_path / "f.csv.part", tmp_path / "said"
    until(lambda: log.exists() and "unique" in log.read_text())
    worker = _worker(process.pid)
    display.kill()
    os.kill(worker, signal.SIGKILL)
    until(lambda: "card" in log.read_text()[-100:])
    until(lambda: f"display {display.name} cannot be opened" in said.read_text())
    time.sleep(5)  # it is tried every second by now
    display.start(size)
    came_back = time.monotonic()
    until(lambda: "unique" in log.read_text()[-100:])
    assert time.monotonic() - came_back < 2
    process.terminate()
    assert process.wait(30) == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["worker_restarts"], report["source"]["reconnects"]) == (1, 1)
    assert report["source"]["size"] == list(size)


@pytest.mark.parametrize("source", ["screen", "file:clip.mkv"])
def test_a_source_that_is_away_at_the_start_is_an_error_at_once(
    start: Start, tmp_path: Path, source: str
) -> None:
    environment = {**os.environ, "DISPLAY": ":19999"}
    process = start([*RUN, "--source", source, "--sink", "null"], env=environment)
    assert process.wait(30) == 1
    (line,) = (tmp_path / "said").read_text().splitlines()
    assert line.startswith("livestyle: ") and (":19999" in line or "clip.mkv" in line)


def test_the_last_error_stays(start: Start, tmp_path: Path) -> None:
    process = start([*RUN, "--sink", "null", "--report", "r.json"])
    said = tmp_path / "said"
    until(lambda: "passthrough on opencv" in said.read_text())
    first = _worker(process.pid)
    os.kill(first, signal.SIGABRT)
    aborted = "the worker ended with signal 6 (SIGABRT)"
    until(lambda: f": passthrough, after: {aborted}" in said.read_text())
    until(lambda: "recovering" not in said.read_text().splitlines()[-1])
    second = _worker(process.pid, other_than=first)
    os.kill(second, signal.SIGSEGV)
    third = until(lambda: _worker(process.pid, other_than=second))
    os.kill(third, signal.SIGKILL)  # before it says what it is about
    killed = "the worker ended with signal 9 (SIGKILL)"
    until(lambda: f"after: {killed}" in said.read_text())
    assert "; restart in 0 s; restart" not in said.read_text()
    process.terminate()
    assert process.wait(30) == 130
    assert f"livestyle: restarted for: {killed}" in said.read_text()
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["worker_restarts"], report["worker_error"]) == (3, killed)


def test_looks_wait_for_no_worker(start: Start, tmp_path: Path) -> None:
    flags = ["--stylizer", "lite", "--sink", "web", "--port", "0", "--report", "r.json"]
    process = start([*RUN, *flags, "--frame-log", "f.csv"])
    said, log = tmp_path / "said", tmp_path / "f.csv.part"
    until(lambda: log.exists() and "unique" in log.read_text())
    address, token = said.read_text().partition("output: http://")[2].split()[0].split("/#token=")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    worker = _worker(process.pid)
    os.kill(worker, signal.SIGSTOP)
    numbers, waits = iter(range(1000)), list[float]()

    def change(body: str) -> None:
        began = time.monotonic()
        with contextlib.closing(http.client.HTTPConnection(address, timeout=20)) as page:
            page.request("PATCH", "/api/v1/settings", body, headers)
            assert page.getresponse().status == 200
        waits.append(time.monotonic() - began)

    def change_all() -> None:
        """Each is answered when the next comes, for the worker says nothing."""
        for number in numbers:
            change(f'{{"detail": {number % 100 / 100}}}')

    threads = [threading.Thread(target=change_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(waits) == 1000
    assert sorted(waits)[-5] < 1, "but for the last ones, whose answer nobody knew"
    change('{"detail": 0.25, "mix": 0.5}')
    until(lambda: _worker(process.pid, other_than=worker))
    process.terminate()
    assert process.wait(30) == 130
    config = json.loads((tmp_path / "r.json").read_text())["config"]
    assert (config["detail"], config["mix"]) == (0.25, 0.5)


def test_a_terminal_with_few_letters_gets_what_it_knows() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*LIVESTYLE, "doctor"], env=environment, capture_output=True, timeout=60)
    assert done.returncode in (0, 1) and done.stderr == b""
    assert b"Python" in done.stdout


def test_a_hangup_has_the_settings_file_read_again(start: Start, tmp_path: Path) -> None:
    said, settings = tmp_path / "said", tmp_path / "s.toml"
    settings.write_text('style = "noir"\nstylizer = "lite"')
    command = [*LIVESTYLE, "run", "--source", "testcard", "--output-size", "320x180"]
    command += ["--config", "s.toml", "--sink", "null", "--seconds", "60", "--report", "r.json"]
    process = start(command, start_new_session=True)
    until(lambda: "noir on " in said.read_text())
    for written, told in [
        ('style = "comic"\nfps = 24', "settings read again: style, fps"),
        ('style = "comic"\nfps = "many"', "settings stay as they were: "),
        ('style = "none such"\nfps = 12', "settings stay as they were: "),
        ('style = "comic"\nsize = "320x180"\nfps = 12', "settings stay as they were: "),
    ]:
        settings.write_text(f'{written}\nstylizer = "lite"')
        before = said.read_text().count(told)
        process.send_signal(signal.SIGHUP)
        until(lambda told=told, before=before: said.read_text().count(told) > before)
    until(lambda: "comic on " in said.read_text())
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["config"]["style"], report["config"]["fps"]) == ("comic", 24)
    assert report["worker_restarts"] == 0 and report["output"]["late"] <= 2


def test_a_hangup_of_a_terminal_that_closes_ends_the_run(start: Start, tmp_path: Path) -> None:
    ours, theirs = os.openpty()

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    command = [*RUN, "--sink", "null", "--seconds", "60", "--report", "r.json"]
    process = start(command, stdin=theirs, preexec_fn=own_terminal)
    os.close(theirs)
    until(lambda: "passthrough on opencv" in (tmp_path / "said").read_text())
    process.send_signal(signal.SIGHUP)
    until(lambda: "settings read again: nothing is new" in (tmp_path / "said").read_text())
    os.close(ours)
    assert process.wait(10) == 130
    assert json.loads((tmp_path / "r.json").read_text())["output"]["frames"] > 10


def test_a_run_that_never_styled_a_frame_is_a_failure(start: Start, tmp_path: Path) -> None:
    process = start([*RUN, "--sink", "null", "--seconds", "60", "--report", "r.json"])
    os.kill(until(lambda: _worker(process.pid)), signal.SIGSTOP)
    until(lambda: "output: null" in (tmp_path / "said").read_text())
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["ended"] == ["no frame was styled: starting the worker"]
    process = start([*RUN, "--sink", "null", "--seconds", "0.1", "--fps", "240"])
    assert process.wait(60) == 1
    assert "livestyle: no frame was styled: " in (tmp_path / "said").read_text()
