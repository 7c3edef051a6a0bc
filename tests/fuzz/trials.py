"""Trials: files through processes that are watched, and what came of each."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MOST_BYTES = 2 * 10**9
MOST_SECONDS = 60.0  # on a machine that has other work; most take a fifth of one


@dataclass(frozen=True)
class Outcome:
    """What came of one file. code: -1 for an exception, None where the process died or hung."""

    file: Path
    code: int | None
    told: str
    peak: int = 0  # bytes
    seconds: float = 0.0
    left: tuple[str, ...] = ()

    @property
    def flaw(self) -> str:
        """What is wrong with it, or ""."""
        if self.code not in (0, 1, 2) or "Traceback" in self.told:
            return f"ends in {self.code}"
        if self.told.count("\n") != 1 or len(self.told) > 1000:
            return "tells other than a line"
        if self.peak > MOST_BYTES:
            return f"takes {self.peak} bytes"
        return f"leaves {self.left}" if self.left else ""

    def __str__(self) -> str:
        return f"{self.file.name}: {self.flaw or 'well'}, {self.seconds:.1f} s: {self.told[-2000:]}"


class _Process:
    def __init__(self, how: str, folder: Path) -> None:
        command = [sys.executable, str(Path(__file__).with_name("tried.py")), how, str(folder)]
        pipe = subprocess.PIPE
        environment = os.environ | {"TMPDIR": str(folder)}
        self.running = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment)
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        assert self.running.stdin and self.running.stdout
        self._asked: IO[bytes] = self.running.stdin
        reading = self.running.stdout
        self._reads = threading.Thread(target=lambda: self._read(reading), daemon=True)
        self._reads.start()

    def _read(self, answers: IO[bytes]) -> None:
        with answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put(b"")

    def try_(self, number: int, file: Path) -> Outcome:
        self._asked.write(f"{number} {file}\n".encode())
        self._asked.flush()
        try:
            began = self._answers.get(timeout=MOST_SECONDS)  # it loads libraries first
            line = began and self._answers.get(timeout=MOST_SECONDS)
        except queue.Empty:
            return Outcome(file, None, "it hangs")
        if not line:
            return Outcome(file, None, f"the process died: {self.running.wait()}")
        figures: dict[str, Any] = json.loads(line)
        return Outcome(file, **figures | {"left": tuple(figures["left"])})

    def end(self) -> None:
        self.running.kill()
        self.running.wait()
        self._reads.join()
        self._asked.close()


def tried(how: str, files: list[Path], folder: Path) -> Iterator[Outcome]:
    """Each file in turn, by one process until one dies or hangs. how: "stylize" or "live"."""
    folder.mkdir()
    process = _Process(how, folder)
    try:
        for number, file in enumerate(files):
            outcome = process.try_(number, file)
            yield outcome
            if outcome.code is None:
                process.end()
                process = _Process(how, folder)
    finally:
        process.end()
