"""A run in a process of its own, in a folder of its own, to be asked and steered."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from livestyle.client import Client, connect
from livestyle.errors import NotRunning

RUN = (
    "run --source testcard --sink web --port 0 --stylizer lite --style comic "
    "--output-size 320x180 --fps 20"
)


class Steered:
    """Runs that are found by what is in `environment`, from a `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.videos = folder / "videos"
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime)}

    @contextlib.contextmanager
    def running(self, words: str = RUN, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Within, one does, until it is ended in order."""
        command = [sys.executable, "-m", "livestyle", *words.split()]
        process = subprocess.Popen(
            [*command, "--recordings", str(self.videos)],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`livestyle ctl`, with these words, done."""
        return subprocess.run(
            [sys.executable, "-m", "livestyle", "ctl", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )


def connected(port: int | None = None) -> Client:
    """To one that has just been started, once it shows what it styles."""
    ends = time.monotonic() + 60
    while True:
        with contextlib.suppress(NotRunning):
            client = connect(port)
            output = client.status().get("output")
            if output and output["unique"]:
                return client
        assert time.monotonic() < ends, "no run came up"
        time.sleep(0.1)
