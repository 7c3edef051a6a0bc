"""Commands run one after another on a machine that may be taken away at any moment.

Each step is a process of its own with a time limit; after each, all results so far are in one
archive, which is whole at every moment. Python's own library is enough.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal

GRACE = 3.0
"""Seconds between being asked to end and being made to."""
LEAST = 10.0
"""Seconds left below which a step is not begun."""
POLL = 0.05

Ended = Literal["done", "failed", "killed", "left out"]


@dataclass(frozen=True)
class Step:
    """A command and how long it may take; `name` becomes the name of its log."""

    name: str
    command: Sequence[str]
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """How a step ended: its exit code (negative: the signal's number; None: left out), its time."""

    name: str
    code: int | None
    seconds: float
    ended: Ended


def run_steps(
    steps: Iterable[Step],
    results: Path,
    archive: Path,
    seconds: float,
    environment: Mapping[str, str],
) -> list[Outcome]:
    """Run the steps within `seconds` altogether; what fails is told and the rest still runs.

    What a step prints goes to results/NAME.txt, how all ended to results/steps.json, and the whole
    folder into `archive` after every step. The next step is asked for when the one before is over.
    SIGTERM ends the step that runs; then the archive is written and SystemExit(143) raised. For the
    main thread. Raises OSError where results or archive cannot be written.
    """
    ends = time.monotonic() + seconds
    outcomes: list[Outcome] = []
    results.mkdir(parents=True, exist_ok=True)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with _sigterm() as terminated:
        for step in steps:
            log = results / f"{step.name}.txt"
            left = ends - time.monotonic()
            if left < LEAST:
                outcomes.append(Outcome(step.name, None, 0.0, "left out"))
            else:
                limit = min(step.seconds, left)
                outcomes.append(_run(step, limit, log, environment, terminated))
            _tell(outcomes[-1], log)
            with fresh_file(results / "steps.json") as file:
                file.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
            _pack(results, archive)
            if terminated():
                raise SystemExit(128 + signal.SIGTERM)
    return outcomes


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parse, with the archive FOLDER/results.tgz as `archive`; --overwrite is added. Ends the
    program where there is one that is not to be replaced.
    """
    parser.add_argument("--overwrite", action="store_true", help="replace results that are there")
    arguments = parser.parse_args(words)
    arguments.archive = Path(arguments.folder, "results.tgz")
    if os.path.lexists(arguments.archive) and not arguments.overwrite:
        parser.error(f"{arguments.archive} is there already; move it, or give --overwrite")
    return arguments


@contextlib.contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A private place for a file that becomes `path`, whole and on the disk, or not at all."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        private = Path(folder, path.name)
        yield private
        with private.open("rb") as file:
            os.fsync(file.fileno())
        private.replace(path)


@contextlib.contextmanager
def _sigterm() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM has come. It is only noted: an archive half written is to be finished."""
    signals: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: signals.append(number))
    try:
        yield lambda: bool(signals)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(
    step: Step,
    limit: float,
    log: Path,
    environment: Mapping[str, str],
    terminated: Callable[[], bool],
) -> Outcome:
    began = time.monotonic()
    with log.open("wb") as output:
        try:
            process = _start(step, output, environment)
        except OSError as error:
            output.write(f"{step.name} cannot be started: {error}\n".encode())
            return Outcome(step.name, 127, 0.0, "failed")
        try:
            finished = _wait(process, began + limit, terminated)
        finally:
            _end(process)
    code = process.returncode
    ended: Ended = "killed" if not finished else "failed" if code else "done"
    return Outcome(step.name, code, round(time.monotonic() - began, 1), ended)


def _start(
    step: Step, output: IO[bytes], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        step.command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def _wait(
    process: subprocess.Popen[bytes], ends: float, terminated: Callable[[], bool] = lambda: False
) -> bool:
    """Whether the process ended before `ends` (monotonic) and before SIGTERM came.

    It is left unreaped: its number, which is also its group's, stays taken until `_end`.
    """
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() > ends or terminated():
            return False
        time.sleep(POLL)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a step's processes, those that it started too, in sessions of their own
    as well: nothing of it may still be on the card when the next step begins."""
    family = _descendants(process.pid)
    if not _wait(process, 0):
        os.killpg(process.pid, signal.SIGTERM)
        _wait(process, time.monotonic() + GRACE)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for number, started in family.items():
        if _started(number) == started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
    until = time.monotonic() + GRACE
    while time.monotonic() < until and any(
        _started(number) == started for number, started in family.items()
    ):
        time.sleep(POLL)


def _descendants(root: int) -> dict[int, str]:
    """Children of a process, theirs and so on: their numbers, and when each was started."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := _fields(int(folder.name)):
            parents[int(folder.name)] = int(fields[1])
    found: dict[int, str] = {}
    wanted = {root}
    while wanted:
        wanted = {number for number, parent in parents.items() if parent in wanted}
        found |= {number: _started(number) for number in wanted}
    return found


def _fields(number: int) -> list[str]:
    """What /proc says of a process after its name: state, parent, …; nothing where it has ended."""
    try:
        status = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    fields = status.rpartition(")")[2].split()
    return [] if fields[0] == "Z" else fields


def _started(number: int) -> str:
    """In clock ticks since the system started: a number that was given anew has another."""
    fields = _fields(number)
    return fields[19] if fields else ""


def _tell(outcome: Outcome, log: Path) -> None:
    """One line of how it ended and the last three that it printed."""
    if outcome.ended == "left out":
        print(f"== {outcome.name}: left out, no time left", flush=True)
        return
    why = ", killed" if outcome.ended == "killed" else ""
    print(f"== {outcome.name}: exit {outcome.code}, {outcome.seconds:.1f} s{why}")
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64_000))
        lines = file.read().decode(errors="replace").splitlines()
    for line in lines[-3:]:
        print(line[:600])
    print(end="", flush=True)


def unpack(archive: Path, folder: Path) -> None:
    """Take all files out of an archive. Raises OSError, tarfile.TarError."""
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # from Python 3.11.4 on
        tar.extractall(folder)


def _pack(results: Path, archive: Path) -> None:
    with fresh_file(archive) as file, tarfile.open(file, "w:gz", compresslevel=6) as tar:
        tar.add(results, arcname=results.name)
