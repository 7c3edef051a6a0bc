"""A real OBS for the tests: started on a display of its own, steered over its WebSocket."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from websockets.sync.client import ClientConnection, connect

PASSWORD = "of the tests alone"
SETTINGS = """\
[General]
FirstRun=true
EnableAutoUpdates=false

[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort={port}
AlertsEnabled=false
AuthRequired=true
ServerPassword={password}
"""


class Obs:
    """One that runs, see obs-websocket's protocol, version 5."""

    def __init__(self, opened: ClientConnection, patience: float) -> None:
        self._socket = opened
        self._patience = patience
        self._numbers = itertools.count()
        asked = json.loads(opened.recv(patience))["d"]["authentication"]
        answer = _digest(_digest(PASSWORD + asked["salt"]) + asked["challenge"])
        self._send(1, rpcVersion=1, authentication=answer, eventSubscriptions=0)
        assert json.loads(opened.recv(patience))["op"] == 2

    def ask(self, request: str, **data: Any) -> dict[str, Any] | None:
        """The answer's data; None where it can't be done."""
        number = str(next(self._numbers))
        self._send(6, requestType=request, requestId=number, requestData=data)
        while True:
            reply = json.loads(self._socket.recv(self._patience))["d"]
            if reply.get("requestId") == number:
                return reply.get("responseData", {}) if reply["requestStatus"]["result"] else None

    def picture(self, source: str) -> np.ndarray | None:
        """What a source shows now, BGR; None where it shows nothing."""
        got = self.ask("GetSourceScreenshot", sourceName=source, imageFormat="png")
        if got is None:
            return None
        png = base64.b64decode(got["imageData"].partition(",")[2])
        return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)

    def _send(self, kind: int, **data: Any) -> None:
        self._socket.send(json.dumps({"op": kind, "d": data}))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@contextlib.contextmanager
def obs(display: str, home: Path, patience: float = 90) -> Iterator[Obs]:
    """Start it with nothing of the user's; its scene is called Scene. patience: s until it's up."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder, runtime = home / ".config" / "obs-studio", home / "runtime"
    folder.mkdir(parents=True, exist_ok=True)
    runtime.mkdir(mode=0o700)
    (folder / "global.ini").write_text(SETTINGS.format(port=port, password=PASSWORD))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    own = {"DISPLAY": display, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}
    environment = {**kept, **own, "LIBGL_ALWAYS_SOFTWARE": "1", "QT_QPA_PLATFORM": "xcb"}
    with (home / "obs.log").open("wb") as log:
        process = subprocess.Popen(["obs", "--multi"], env=environment, stdout=log, stderr=log)
    try:
        with _connected(process, port, patience) as opened:
            yield Obs(opened, patience)
    finally:
        with (home / "obs.log").open("a") as log:
            print("exit code", process.poll(), file=log)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _connected(process: subprocess.Popen[bytes], port: int, patience: float) -> ClientConnection:
    ends = time.monotonic() + patience
    while True:
        try:
            url = f"ws://127.0.0.1:{port}"
            return connect(
                url, max_size=None, proxy=None, open_timeout=patience, ping_interval=None
            )
        except OSError:
            assert process.poll() is None, f"OBS ended with {process.returncode}"
            assert time.monotonic() < ends
            time.sleep(0.5)
