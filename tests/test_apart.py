"""What is done in a process of its own: what comes back, how it ends, and where it looks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    started = tmp_path / "started"
    code = (
        "import sys; from pathlib import Path; from livestyle.apart import *; "
        "run_apart(Work('apart_work:sleep', (Path(sys.argv[1]),), ''), print)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(started)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    try:
        while not (started.exists() and started.read_text()):
            assert parent.poll() is None
            time.sleep(0.05)
        child = psutil.Process(int(started.read_text()))
    finally:
        parent.kill()
        parent.wait()
    child.wait(timeout=20)


def test_doctor_says_what_lacks(tmp_path: Path) -> None:
    done = BareMachine(tmp_path).run(["python", "-m", "livestyle", "doctor"], 100)
    assert done.returncode == 1  # lite has no engine
    lines = done.stdout.splitlines()
    assert "limited  screen capture: mss: mss is not here; run: " in done.stdout
    assert "-m pip install mss\n" in done.stdout or "pip install --python" in done.stdout
    assert "broken   engine: openvino: openvino is not here" in lines
    assert "Traceback" not in done.stdout


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
