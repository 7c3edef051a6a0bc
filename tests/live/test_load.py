"""Many at the page at once: the output clock is not late for them, and memory stays."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

LOAD = Path(__file__).with_name("load.py")
SECONDS, WATCHERS, REQUESTS = 20, 20, 100  # requests a second
LATE = 0.01  # of the frames
TRIES = 3  # what else the machine does is late once; what the crowd does, each time
RUN = [
    "run",
    "--source",
    "testcard",
    "--sink",
    "web",
    "--port",
    "0",
    "--seconds",
    "120",
    "--output-size",
    "1920x1080",
]


def ask(address: str, token: str, request: str) -> Any:
    method, path = request.split()
    connection = HTTPConnection(urlsplit(address).netloc, timeout=10)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, "{}" if method == "POST" else None, headers)
    with connection.getresponse() as response:
        told = json.loads(response.read())
    connection.close()
    return told


def opened(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Its page's address, and what opens it."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("output: http://"):
            address, _, token = line.strip().removeprefix("output: ").partition("#token=")
            return address, token
    raise AssertionError("it has ended")


def test_a_crowd_delays_no_frame_and_takes_no_memory(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "livestyle", *RUN], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        address, token = opened(process)
        ends = time.monotonic() + 60
        while ask(address, token, "GET /api/v1/status")["state"] != "running":
            assert time.monotonic() < ends
            time.sleep(0.2)
        view = urlsplit(ask(address, token, "POST /api/v1/view")["page"]).path
        for _ in range(TRIES):
            told = crowd(process, address, token, view)
            print(json.dumps(told))
            if told["late"] <= LATE * told["frames"]:
                break
    finally:
        process.kill()
        process.communicate()
    assert told["failed"] == 0 and told["answers"] > 0.8 * SECONDS * REQUESTS
    assert min(told["kilobytes"]) > 0 and told["ended"] == 0
    assert told["late"] <= LATE * told["frames"]
    assert told["grown"] < 30e6


def crowd(process: subprocess.Popen[str], address: str, token: str, view: str) -> dict[str, Any]:
    """What the crowd got, how many frames there were meanwhile and how many were late, and by how
    many bytes the process has grown from a quarter of the time to its end.
    """
    before = ask(address, token, "GET /api/v1/status")["output"]
    numbers = [str(each) for each in (SECONDS, WATCHERS, REQUESTS)]
    command = [sys.executable, str(LOAD), address, token, view, *numbers]
    front = psutil.Process(process.pid)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        started = front.cpu_times()
        time.sleep(SECONDS / 4)
        early = front.memory_info().rss
        came, _ = load.communicate(timeout=SECONDS + 30)
    late = front.memory_info().rss
    after, spent = ask(address, token, "GET /api/v1/status")["output"], front.cpu_times()
    told: dict[str, Any] = json.loads(came)
    return told | {
        "frames": after["frames"] - before["frames"],
        "late": after["late"] - before["late"],
        "grown": late - early,
        "rss": late,
        "cpu": round((spent.user + spent.system - started.user - started.system) / SECONDS, 3),
        "unique_fps": after["unique_fps"],
    }
