"""tools/gpu/steps.py: whatever a step does, and however the entry ends, the archive is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from steps import Outcome, Step, fresh_file, run_steps

GPU = Path(__file__).resolve().parents[2] / "tools" / "gpu"
FOREVER = "trap '' TERM; sleep 300 & echo $! >{pids}; echo $$ >>{pids}; wait; wait; sleep 300"
"""A step that will not end, with a child that inherits its deafness to SIGTERM."""


def _sh(name: str, script: str, seconds: float = 60) -> Step:
    return Step(name, ["sh", "-c", script], seconds)


def _packed(archive: Path) -> dict[str, str]:
    """The archive's files, read to the end."""
    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read().decode() for name, file in files.items() if file}


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _await(condition: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)


def test_what_fails_is_told_and_the_rest_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, archive = tmp_path / "results", tmp_path / "out" / "results.tgz"
    seen = []

    def steps() -> Iterator[Step]:
        yield _sh("first", "echo one; echo two >&2; echo three; echo $WORD")
        seen.append(_packed(archive))
        yield _sh("second", "echo bad; exit 3")
        seen.append(_packed(archive))
        yield Step("third", ["no-such-program"], 60)
        seen.append(_packed(archive))
        yield _sh("fourth", "seq -s '' 1000; kill -9 $$")

    environment = {"PATH": os.environ["PATH"], "WORD": "four"}
    outcomes = run_steps(steps(), results, archive, 60, environment)
    assert [(o.name, o.code, o.ended) for o in outcomes] == [
        ("first", 0, "done"),
        ("second", 3, "failed"),
        ("third", 127, "failed"),
        ("fourth", -9, "failed"),
    ]
    assert [len(files) for files in seen] == [2, 3, 4]
    files = _packed(archive)
    assert files["results/first.txt"] == "one\ntwo\nthree\nfour\n"
    assert "third cannot be started" in files["results/third.txt"]
    told = json.loads(files["results/steps.json"])
    assert [Outcome(**outcome) for outcome in told] == outcomes
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("== first: exit 0, ")
    assert printed[1:4] == ["two", "three", "four"]
    assert printed[4].startswith("== second: exit 3, ") and printed[5] == "bad"
    assert len(printed[-1]) == 600
    assert [path.name for path in archive.parent.iterdir()] == ["results.tgz"]


def test_what_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    results, archive, pids = tmp_path / "results", tmp_path / "results.tgz", tmp_path / "pids"
    hanging = _sh("hanging", FOREVER.format(pids=pids), seconds=2)
    leaving = _sh("leaving", f"sleep 300 & echo $! >>{pids}")
    began = time.monotonic()
    outcomes = run_steps([hanging, leaving], results, archive, 60, os.environ)
    assert [(o.code, o.ended) for o in outcomes] == [(-9, "killed"), (0, "done")]
    assert 5 <= outcomes[0].seconds <= time.monotonic() - began < 40
    numbers = [int(line) for line in pids.read_text().split()]
    assert len(numbers) == 3
    _await(lambda: not any(_alive(pid) for pid in numbers))


def test_what_made_a_session_of_its_own_is_ended_too(tmp_path: Path) -> None:
    """As a contestant of the bench does."""
    pid = tmp_path / "pid"
    script = f"setsid sh -c 'echo $$ >{pid}; sleep 100' & wait"
    outcomes = run_steps(
        [_sh("escape", script, 3)], tmp_path / "results", tmp_path / "a.tgz", 60, os.environ
    )
    assert outcomes[0].ended == "killed"
    assert not _alive(int(pid.read_text()))


def test_one_that_ends_when_asked_may_say_so(tmp_path: Path) -> None:
    polite = _sh("polite", "trap 'echo saved; exit 5' TERM; while :; do sleep 0.1; done", 2)
    outcomes = run_steps([polite], tmp_path / "results", tmp_path / "a.tgz", 60, os.environ)
    assert (outcomes[0].code, outcomes[0].ended) == (5, "killed")
    assert _packed(tmp_path / "a.tgz")["results/polite.txt"].endswith("saved\n")


def test_what_finds_no_time_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [_sh("first", "sleep 1.5"), _sh("second", "echo never")]
    outcomes = run_steps(steps, tmp_path / "results", tmp_path / "a.tgz", 11, os.environ)
    assert outcomes[1] == Outcome("second", None, 0.0, "left out")
    assert "== second: left out, no time left\n" in capsys.readouterr().out
    files = _packed(tmp_path / "a.tgz")
    assert "results/second.txt" not in files
    assert [told["ended"] for told in json.loads(files["results/steps.json"])] == [
        "done",
        "left out",
    ]


def test_sigterm_ends_the_step_and_leaves_the_archive_whole(tmp_path: Path) -> None:
    results, archive, pids = tmp_path / "results", tmp_path / "results.tgz", tmp_path / "pids"
    script = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(GPU)!r})
from steps import Step, run_steps
steps = [Step(name, ["sh", "-c", script], 60) for name, script in (
    ("first", "echo whole"), ("second", {("echo begun; " + FOREVER.format(pids=pids))!r}),
    ("third", "echo never"))]
run_steps(steps, Path({str(results)!r}), Path({str(archive)!r}), 60, os.environ)
"""
    entry = subprocess.Popen([sys.executable, "-c", script])
    _await(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    entry.send_signal(signal.SIGTERM)
    assert entry.wait(20) == 143
    files = _packed(archive)
    assert set(files) == {"results/first.txt", "results/second.txt", "results/steps.json"}
    assert files["results/second.txt"] == "begun\n"
    told = [outcome["ended"] for outcome in json.loads(files["results/steps.json"])]
    assert told == ["done", "killed"]
    assert not any(_alive(int(pid)) for pid in pids.read_text().split())


def test_a_file_half_written_does_not_take_the_place_of_a_whole_one(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("whole")
    with pytest.raises(OSError, match="full"), fresh_file(target) as file:
        file.write_text("ha")
        raise OSError("full")
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]
