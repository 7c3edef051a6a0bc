"""What systemd is told, by a socket that stands for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livestyle.commands.service import Service

RUN = [sys.executable, "-m", "livestyle", "run", "--source", "testcard", "--sink", "null"]
RUN += ["--stylizer", "passthrough", "--output-size", "320x180"]


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        yield listener


def _status(frames: int, message: str = "", rested_s: float = 0.0) -> dict[str, Any]:
    output = {"frames": frames, "rested_s": rested_s}
    return {"state": "running", "message": message, "output": output}


def _heard(listener: socket.socket) -> list[str]:
    """All that was said until now."""
    listener.setblocking(False)
    words = []
    try:
        while True:
            words.append(listener.recv(4096).decode())
    except BlockingIOError:
        return words


def test_says_that_it_lives_as_long_as_frames_go_out(manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000", "HOME": "/"}
    service = Service(environment)
    assert environment == {"HOME": "/"}
    for frames in (0, 3, 6):
        service.show(_status(frames))
    assert _heard(manager) == ["READY=1", "STATUS=running", "WATCHDOG=1"]
    service.show(_status(6, "a sink hangs"))
    assert _heard(manager) == []
    service.show(_status(6, rested_s=1.0))
    assert _heard(manager) == ["WATCHDOG=1"]  # a rest is no hang
    service.show(_status(7, "a display is gone", rested_s=1.0))
    service.ends()
    assert _heard(manager) == ["WATCHDOG=1", "STATUS=running: a display is gone", "STOPPING=1"]


def test_a_watchdog_of_another_process_is_not_fed(manager: socket.socket) -> None:
    environment = {
        "NOTIFY_SOCKET": manager.getsockname(),
        "WATCHDOG_USEC": "1",
        "WATCHDOG_PID": "1",
    }
    service = Service(environment)
    service.show(_status(1))
    service.show(_status(2))
    assert _heard(manager) == ["READY=1", "STATUS=running"]


@pytest.mark.parametrize("address", ["", "/none/such", "@none such"])
def test_where_nobody_listens_nothing_happens(address: str) -> None:
    service = Service({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    for frames in range(3):
        service.show(_status(frames))
    service.ends()


def test_a_run_tells_from_its_start_to_its_end(manager: socket.socket, tmp_path: Path) -> None:
    environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "3000000"}
    with subprocess.Popen(
        RUN, cwd=tmp_path, env={**os.environ, **environment}, stderr=subprocess.DEVNULL
    ) as run:
        said = []
        while "STATUS=running" not in said or said.count("WATCHDOG=1") < 3:
            said.append(manager.recv(4096).decode())
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 130
    assert said[0] == "READY=1" and said[1].startswith("STATUS=loading")
    assert _heard(manager)[-1] == "STOPPING=1"
