"""What is done in a process of its own: what comes back, how it ends, and where it looks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from bare_machine import BareMachine
from random_pipelines import save_pipeline

from livestyle.apart import Work, run_apart
from livestyle.errors import LivestyleError


def _run(function: str, *arguments: Any, **options: Any) -> Any:
    return run_apart(
        Work(f"apart_work:{function}", arguments, "the work", **options), lambda _: None
    )


def test_what_a_function_returns_comes_back() -> None:
    parts: list[float] = []
    returned, peak = run_apart(Work("apart_work:add", (2, 3), "the sum"), parts.append)
    assert (returned, parts) == (5, [0.5])
    assert peak is None or 0.001 < peak < 4


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("refuse", (), "^there is no paint; buy some$"),
        ("blunder", (), r"^the work: internal error: ValueError\('a bug'\)$"),
        ("devour", (), "^there is too little memory for the work; close what uses it$"),
        ("die", (signal.SIGKILL,), "^the work was killed, as the system does where memory runs "),
        ("die", (signal.SIGTERM,), "^the work ended with exit code -15$"),
    ],
)
def test_how_it_ended_is_said(function: str, arguments: Any, message: str) -> None:
    with pytest.raises(LivestyleError, match=message):
        _run(function, *arguments)


def test_it_is_ended_when_its_time_is_over(tmp_path: Path) -> None:
    started = tmp_path / "started"
    with pytest.raises(LivestyleError, match="^the work took more than 4 s and was ended$"):
        _run("sleep", started, seconds=4)
    assert not psutil.pid_exists(int(started.read_text()))


_PARENT = (
    "import sys; from pathlib import Path; from livestyle.apart import *; "
    "run_apart(Work('apart_work:' + sys.argv[1], (Path(sys.argv[2]),), ''), print)"
)


@pytest.fixture
def parent_of(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a process that has a function of apart_work done, which writes its id to `started`."""
    with contextlib.ExitStack() as opened:

        def begin(function: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-c", _PARENT, function, str(tmp_path / "started")],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            )
            opened.callback(process.wait)
            opened.callback(process.kill)
            return process

        yield begin


@pytest.mark.parametrize("function", ["sleep", "hold"])
@pytest.mark.parametrize("stopped", [False, True])
def test_it_ends_with_its_parent(
    parent_of: Callable[[str], subprocess.Popen[bytes]],
    tmp_path: Path,
    function: str,
    stopped: bool,
) -> None:
    started = tmp_path / "started"
    parent = parent_of(function)
    while not (started.exists() and started.read_text()):
        assert parent.poll() is None
        time.sleep(0.05)
    child = psutil.Process(int(started.read_text()))
    if stopped:
        child.suspend()
    _ends_with(parent, child)


@pytest.mark.parametrize("after", [0, 0.05])
def test_it_ends_with_its_parent_also_when_it_is_stopped_while_it_starts(
    parent_of: Callable[[str], subprocess.Popen[bytes]], after: float
) -> None:
    parent = parent_of("sleep")
    while not (children := psutil.Process(parent.pid).children()):
        assert parent.poll() is None
    (child,) = children
    while "livestyle.apart" not in " ".join(child.cmdline()):
        assert parent.poll() is None
    time.sleep(after)
    child.suspend()
    time.sleep(0.2)
    _ends_with(parent, child)


def _ends_with(parent: subprocess.Popen[bytes], child: psutil.Process) -> None:
    parent.kill()
    parent.wait()
    try:
        deadline = time.monotonic() + 5
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, f"still {child.status()}"
            time.sleep(0.05)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def test_doctor_says_what_lacks(tmp_path: Path) -> None:
    done = BareMachine(tmp_path).run(["python", "-m", "livestyle", "doctor"], 100)
    assert done.returncode == 1  # lite has no engine
    lines = done.stdout.splitlines()
    assert "limited  screen capture: mss: mss is not here; run: " in done.stdout
    assert "-m pip install mss\n" in done.stdout or "pip install --python" in done.stdout
    assert "broken   engine: openvino: openvino is not here" in lines
    assert "Traceback" not in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_tree_that_is_not_installed_finds_its_recipes_and_what_it_starts(tmp_path: Path) -> None:
    """A build's phases find livestyle where it was started, with no setting that says so."""
    machine = BareMachine(tmp_path, lacking=())
    code = "from livestyle.recipe import *; print(load_recipe('lite', Recipe).size)"
    assert machine.run(["python", "-c", code], 60).stdout.strip() == "(640, 360)"
    model = save_pipeline(tmp_path / "model", "sdxl", "pico")
    command = ["python", "-m", "livestyle", "build", "sdxl-turbo", "--model", str(model)]
    done = machine.run([*command, "--size", "256x256", "--engine", "openvino", "--json"], 250)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout[done.stdout.index("\n{\n") :])["try_out"]["cosine"] > 0.999
