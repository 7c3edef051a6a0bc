"""Where stdout or stderr is full, closed or read by nobody any more: one line, and a usual end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest

LIVESTYLE = [sys.executable, "-m", "livestyle"]
RUN = ["run", "--source", "testcard", "--stylizer", "passthrough", "--output-size", "320x180"]
FULL = "No space left on device; free some space or choose another place"


@pytest.fixture(params=["buffered", "unbuffered"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """With what Python writes by itself at the end, and without: the shell decides that."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if request.param == "buffered":
        del environment["PYTHONUNBUFFERED"]
    return environment


def _in_shell(
    arguments: list[str], redirected: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    command = ["sh", "-c", f'exec "$@" {redirected}', "sh", *LIVESTYLE, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, timeout=90)


@pytest.mark.parametrize(
    "command",
    [
        "doctor", "devices", "styles", "styles --json", "run --print-config", "engines --json",
        "--version", "--help", "run --help",
    ],
)  # fmt: skip
def test_a_full_stdout_is_one_line(command: str, environment: dict[str, str]) -> None:
    done = _in_shell(command.split(), ">/dev/full", environment)
    assert done.stderr.decode() == f"livestyle: cannot write to stdout: {FULL}\n"
    assert done.returncode == 1


@pytest.mark.parametrize("command", ["styles", "styles --json", "--help", "run --print-config"])
def test_a_reader_that_has_ended_is_one_line(command: str, environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*LIVESTYLE, *command.split()],
        env=environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=90,
    )
    os.close(writer)
    assert done.stderr.decode() == (
        "livestyle: cannot write to stdout: Broken pipe; whoever read it has ended\n"
    )
    assert done.returncode == 1


CLOSED = "to stdout: it is closed; give it a file or a pipe"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["styles"], CLOSED),
        (["--version"], CLOSED),
        ([*RUN, "--sink", "null", "--json"], CLOSED),
        (["stylize", "/dev/null", "o.png", "--json"], CLOSED),
        (["bench", "lite"], CLOSED),
        (["build", "sdxl-turbo"], CLOSED),
        (["train", "x.png", "--on", "x", "--json"], CLOSED),
        ([*RUN, "--sink", "raw:-"], "raw video to stdout: it is closed; name a file"),
    ],
)
def test_a_closed_stdout_is_one_line(
    arguments: list[str], what: str, environment: dict[str, str]
) -> None:
    done = _in_shell(arguments, ">&-", environment)
    assert done.stderr.decode() == f"livestyle: cannot write {what}\n"
    assert done.returncode == 1


def test_a_report_that_stdout_does_not_take_is_said_after_the_run(
    environment: dict[str, str],
) -> None:
    arguments = [*RUN, "--sink", "null", "--seconds", "5", "--json"]
    done = _in_shell(arguments, ">/dev/full", environment)
    *_, summary, last = done.stderr.decode().splitlines()
    assert "worker restarts" in summary
    assert last == f"livestyle: cannot write to stdout: {FULL}"
    assert done.returncode == 1


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", ">&- 2>&- <&-"])
def test_a_wrong_flag_is_code_2_also_where_nobody_is_told(
    redirected: str, environment: dict[str, str]
) -> None:
    done = _in_shell(["styles", "--no-such-flag"], redirected, environment)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full"])
def test_pictures_on_stdout_are_alone_also_without_a_stderr(
    redirected: str, environment: dict[str, str]
) -> None:
    arguments = [*RUN, "--sink", "raw:-", "--fps", "10", "--seconds", "4"]
    done = _in_shell(arguments, redirected, environment)
    assert done.returncode == 0
    assert len(done.stdout) == 40 * 320 * 180 * 3 // 2


def test_a_run_without_any_stream_is_a_run(tmp_path: Path, environment: dict[str, str]) -> None:
    file = tmp_path / "o.mp4"
    arguments = [*RUN, "--sink", f"record:{file}", "--fps", "10", "--seconds", "4"]
    assert _in_shell(arguments, ">&- 2>&- <&-", environment).returncode == 0
    assert _frames(file) == 40


@pytest.mark.parametrize("opened", [os.pipe, os.openpty])
def test_a_terminal_that_goes_away_costs_no_frame(
    opened: Callable[[], tuple[int, int]], tmp_path: Path, environment: dict[str, str]
) -> None:
    file = tmp_path / "o.mp4"
    arguments = [*RUN, "--sink", f"record:{file}", "--fps", "10", "--seconds", "3"]
    ours, theirs = opened()
    process = subprocess.Popen(
        [*LIVESTYLE, *arguments], env=environment, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    with process:
        assert b"output" in os.read(ours, 1000)
        os.close(ours)
        assert process.wait(90) == 0
    assert _frames(file) >= 28


def _frames(file: Path) -> int:
    with av.open(str(file)) as container:
        return sum(1 for _ in container.decode(video=0))


_WORKER = """
import os, sys, time, traceback
from livestyle.aside import Aside, leave
from livestyle.streams import leave_stdout
leave_stdout()
print("a library\\n" * 10_000)
os.write(1, b"native code") if len(sys.argv) > 1 else None
try:
    1 / 0
except ZeroDivisionError:
    traceback.print_exc()
Aside(lambda: time.sleep(60), "computes").start()
sys.stdout.write("not a whole line")
leave(3)
"""


@pytest.mark.parametrize("redirected", ["", "2>/dev/full"])
def test_what_a_worker_prints_is_no_picture_and_no_failure(
    redirected: str, environment: dict[str, str]
) -> None:
    native = [] if redirected else ["with native code"]  # which would find the disk full
    command = ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-c", _WORKER, *native]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=90)
    assert (done.returncode, done.stdout) == (3, b"")
    if native:
        assert done.stderr.count(b"a library\n") == 10_000
        assert b"native code" in done.stderr and b"ZeroDivisionError" in done.stderr
        assert done.stderr.endswith(b"not a whole line")


_BEHIND = """
import sys
from livestyle.streams import outlast_readers, write_or_drop
outlast_readers()
together, after = int(sys.argv[1]), int(sys.argv[2])
for first in range(0, 40_000, together):
    print(*(f"line {n:90}" for n in range(first, first + together)), sep="\\n", file=sys.stderr)
print("said", flush=True)
sys.stdin.readline()
for n in range(after):
    print("after", file=sys.stderr)
write_or_drop()
"""


@pytest.mark.parametrize("together", [1, 100, 20_000])
@pytest.mark.parametrize("after", [0, 3])
def test_what_a_stopped_reader_misses_is_counted(together: int, after: int) -> None:
    command = [sys.executable, "-c", _BEHIND, str(together), str(after)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        assert process.stdout.readline() == b"said\n"
        early: list[bytes] = []
        while not early or b" lost here" not in early[-1]:  # it reads again
            early.append(process.stderr.readline())
        process.stdin.write(b"\n")
        process.stdin.flush()
        late = process.stderr.read().splitlines()
    *seen, told = early
    assert [int(line.split()[1]) for line in seen] == list(range(len(seen)))
    assert (
        told
        == f"livestyle: {40_000 - len(seen)} lines were lost here, for nobody read them\n".encode()
    )
    assert late == [b"after"] * after
    assert process.returncode == 0
