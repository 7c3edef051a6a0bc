"""A run under test: `livestyle run` on a screen of its own, every picture of it read and judged."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import socket
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from display import Display
from soak_scene import HEIGHT, KEEP, NONE, SIZE, WIDTH, Reader

from livestyle.errors import NotRunning
from livestyle.pacing import SECOND
from livestyle.runs import Run

FPS = 30
_TOOLS = Path(__file__).parent


class Watcher:
    """Reads raw I420 from a pipe until its end, on a thread of its own."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.torn: list[list[int]] = []  # the numbers in each picture that is put together
        self.backwards = 0  # pictures older than the one before
        self.numbers = array("q")  # of each picture; NONE: it is the card
        self.times = array("q")  # ns, when each had come
        self.rest = 0  # bytes after the last whole one
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, name="watcher", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end of the pipe."""
        self._thread.join()

    def longest_gap(self) -> float:
        """s between two pictures, at most."""
        times = np.array(self.times)
        return float(np.diff(times).max() / SECOND) if len(times) > 1 else 0.0

    def _read(self) -> None:
        reader, newest = Reader(), 0
        picture = np.empty(WIDTH * HEIGHT * 3 // 2, np.uint8)
        while (got := _fill(self._pipe, picture.data)) == picture.size:
            self.times.append(time.monotonic_ns())
            numbers = reader.numbers(picture)
            if len(numbers) > 1:
                self.torn.append(sorted(numbers))
            number = max(numbers)
            self.numbers.append(number)
            if number != NONE:
                self.backwards += number < newest
                newest = number
        self.rest = got


class Listener:
    """Reads what a run says, on a thread of its own: each line with when it came, ns."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.lines: list[tuple[int, str]] = []
        self.bytes = 0
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, name="listener", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the pipe."""
        self._thread.join()

    def of(self, word: str) -> list[tuple[int, str]]:
        """The lines that begin so, so far."""
        return [line for line in self.lines if line[1].startswith(word)]

    def _read(self) -> None:
        for line in self._pipe:
            self.bytes += len(line)
            self.lines.append((time.monotonic_ns(), line.decode().rstrip()))


class SoakRun:
    """One run, from `with` to its end. `folder`: what it writes is there."""

    def __init__(
        self,
        folder: Path,
        display: Display,
        seconds: float,
        arguments: list[str],
        environment: Mapping[str, str],
    ) -> None:
        """arguments, environment: more for `livestyle run`."""
        self.folder = folder
        self.recordings = folder / "recordings"
        self.osc = _free_port()
        command = [sys.executable, "-m", "livestyle", "run", "--source", "screen"]
        command += ["--output-size", "{}x{}".format(*SIZE), "--fps", str(FPS)]
        command += [word for strip in KEEP for word in ("--keep", strip)]
        command += ["--sink", "raw:-", "--sink", "web", "--port", "0", "--osc", str(self.osc)]
        command += ["--recordings", str(self.recordings), "--seconds", str(seconds)]
        command += ["--report", str(folder / "report.json")]
        command += ["--frame-log", str(folder / "frames.csv"), *arguments]
        self._command = command
        self._environment = {**display.environment, "XDG_CONFIG_HOME": str(folder), **environment}
        self._display = display
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> SoakRun:
        with self._opened:
            scene = subprocess.Popen(
                [sys.executable, str(_TOOLS / "soak_scene.py"), self._display.name]
            )
            self._opened.callback(scene.wait)
            self._opened.callback(scene.terminate)
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert self._process.stdout is not None and self._process.stderr is not None
            self.front = psutil.Process(self._process.pid)
            self.watcher = Watcher(self._process.stdout)
            self.said = Listener(self._process.stderr)
            for pipe in (self._process.stdout, self._process.stderr):
                self._opened.callback(pipe.close)
            self._opened.callback(self.end)
            self._opened.callback(self._process.kill)
            self._opened = self._opened.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._opened.close()

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def page(self) -> Run:
        """Its page. Raises NotRunning where it has not said yet where that is."""
        if not self.said.of("output: http"):
            raise NotRunning("there is no page yet")
        at, _, token = self.said.of("output: http")[0][1].removeprefix("output: ").partition("#")
        return Run(at, token.removeprefix("token="), self.front.pid, "")

    def worker(self) -> psutil.Process | None:
        """The process that styles, if there is one now."""
        with contextlib.suppress(psutil.Error):
            return min(self._workers(), key=psutil.Process.create_time, default=None)
        return None

    def _workers(self) -> Iterator[psutil.Process]:
        for child in self.front.children():
            with contextlib.suppress(psutil.Error):  # it has just ended
                # that of the gallery leaves the machine to others
                if "spawn_main" in " ".join(child.cmdline()) and child.nice() <= self.front.nice():
                    yield child

    def end(self, patience: float = 60.0) -> int:
        """Wait for its end. Returns the exit code."""
        code = self._process.wait(patience)
        self.watcher.join()
        self.said.join()
        return code

    def stop(self) -> int:
        """End it now, in order. Returns the exit code."""
        self._process.terminate()
        return self.end()

    def report(self) -> dict[str, Any]:
        """Its figures; once it has ended."""
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    def frames(self) -> list[dict[str, str]]:
        """Its frame log; once it has ended."""
        with (self.folder / "frames.csv").open() as opened:
            return list(csv.DictReader(opened))


def recovery(frames: list[dict[str, str]], since: int) -> float | None:
    """s from a moment (ns) to the first styled picture of what was there after it; None: never."""
    for frame in frames:
        if frame["kind"] == "unique" and int(frame["captured_at_ns"]) > since:
            return (int(frame["written_at_ns"]) - since) / SECOND
    return None


def left_out(report: dict[str, Any]) -> int:
    """Pictures that the raw sink had no room for, as the reader was not in time."""
    notes = (sink["note"] for sink in report["sinks"])
    counts = (re.match(r"(\d+) frames dropped, too slow", note) for note in notes)
    return sum(int(count[1]) for count in counts if count)


def _fill(pipe: IO[bytes], buffer: memoryview) -> int:
    """Read until the buffer is full or the pipe at its end. Returns how many bytes came."""
    filled = 0
    while filled < len(buffer):
        got = pipe.readinto(buffer[filled:])  # type: ignore[attr-defined]
        if not got:
            break
        filled += got
    return filled


def _free_port() -> int:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
