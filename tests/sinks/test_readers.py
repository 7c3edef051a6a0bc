"""Who has a device open: a file stands in for one, the kernel tells of both in the same way."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import until

from livestyle.sinks.readers import Readers

HOLD = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    """Open in this process, as a camera's writer has it."""
    path = tmp_path / "video20"
    path.write_bytes(b"")
    with path.open("rb"):
        yield str(path)


@pytest.fixture
def told(device: str) -> Iterator[Readers]:
    made = Readers(device)
    yield made
    made.close()


def _holding(path: str) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", HOLD, path], text=True, **pipes)
    assert process.stdout is not None and process.stdout.readline() == "open\n"
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_its_own_process_is_no_reader(told: Readers) -> None:
    assert not told.are_there()


def test_one_is_there_from_its_open_to_its_end_however_that_comes(
    told: Readers, device: str
) -> None:
    assert not told.are_there()
    for _ in range(2):
        reader = _holding(device)
        assert told.are_there() and told.are_there()
        _end(reader)  # as by SIGKILL: the kernel closes it
        until(lambda: not told.are_there(), 5)


def test_one_of_two_that_leaves_leaves_the_other(told: Readers, device: str) -> None:
    first, second = _holding(device), _holding(device)
    assert told.are_there()
    _end(first)
    for _ in range(5):
        assert told.are_there()
    _end(second)
    until(lambda: not told.are_there(), 5)


def test_one_that_was_there_before_is_found_and_missed(device: str) -> None:
    reader = _holding(device)
    with contextlib.closing(Readers(device)) as told:
        assert told.are_there() and told.are_there()
        _end(reader)
        until(lambda: not told.are_there(), 5)
        again = _holding(device)
        assert told.are_there() and told.are_there()
        _end(again)


def test_two_that_come_and_go_at_once_leave_nothing(told: Readers, device: str) -> None:
    """The kernel tells of them once."""
    for _ in range(3):
        assert not told.are_there()
        several = [_holding(device) for _ in range(3)]
        assert told.are_there() and told.are_there()
        for reader in several:
            _end(reader)
        until(lambda: not told.are_there(), 5)


@pytest.mark.parametrize(("in_use", "are_there"), [(1, False), (2, True), (3, True)])
def test_one_that_is_not_seen_is_counted(
    device: str, tmp_path: Path, in_use: int, are_there: bool
) -> None:
    """As one of another user's; there is no loopback camera here that could be open as well."""
    uses = tmp_path / "refcnt"
    uses.write_text("1\n")
    with contextlib.closing(Readers(device, uses)) as told:
        assert not told.are_there()
        uses.write_text(f"{in_use}\n")
        assert told.are_there() is are_there and told.are_there() is are_there
        uses.write_text("1\n")
        assert not told.are_there()


def test_a_moments_look_is_seen_once(told: Readers, device: str) -> None:
    assert not told.are_there()
    subprocess.run(["head", "-c1", device], check=True)
    assert told.are_there()
    until(lambda: not told.are_there(), 5)


def test_where_nothing_is_told_there_may_always_be_one(device: str) -> None:
    gone = Readers(f"{device}-that-there-is-not")
    assert gone.are_there()
    gone.close()
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(50):
        Readers(device).close()
    assert len(set(os.listdir("/proc/self/fd"))) == len(before)
