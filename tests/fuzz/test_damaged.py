"""Five hundred damaged pictures and clips: each ends in a result or a line, within 2 GB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from damage import damaged
from large import bombs, largest
from media import MADE
from trials import Outcome, tried

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is Linux's")

ALL, SOME, COMMANDS, RUNS = 500, 60, 25, 8


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    """A file of each kind, undamaged."""
    return {name: make() for name, make in MADE.items()}


def _put(made: dict[str, bytes], folder: Path) -> list[Path]:
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in made]


def _write(whole: dict[str, bytes], folder: Path, step: int = 1) -> list[Path]:
    return _put({each.name: each.content for each in list(damaged(whole, ALL))[::step]}, folder)


def _judge(outcomes: list[Outcome]) -> None:
    assert not [str(outcome) for outcome in outcomes if outcome.flaw]
    codes = [outcome.code for outcome in outcomes]
    assert all(codes.count(code) > len(codes) // 5 for code in (0, 1))  # of each some
    slow = sorted(outcomes, key=lambda outcome: -outcome.seconds)[0]
    most = max(outcome.peak for outcome in outcomes)
    print(f"{len(outcomes)} files, the most {most >> 20} MiB, the slowest {slow}")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("how", ["stylize", "live"])
def test_some_damaged_files(whole: dict[str, bytes], tmp_path: Path, how: str) -> None:
    files = _write(whole, tmp_path, ALL // SOME)
    _judge(list(tried(how, files, tmp_path / "work")))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("how", ["stylize", "live"])
def test_all_damaged_files(whole: dict[str, bytes], tmp_path: Path, how: str) -> None:
    _judge(list(tried(how, _write(whole, tmp_path), tmp_path / "work")))


def test_what_is_whole_is_taken(whole: dict[str, bytes], tmp_path: Path) -> None:
    """What is damaged is not refused for what it was made of."""
    outcomes = list(tried("stylize", _put(whole, tmp_path), tmp_path / "work"))
    assert not [str(outcome) for outcome in outcomes if outcome.flaw or outcome.code]


def test_bombs_are_refused_before_they_take_memory(tmp_path: Path) -> None:
    outcomes = list(tried("stylize", _put(bombs(), tmp_path), tmp_path / "work"))
    for outcome in outcomes:
        assert outcome.code == 1 and not outcome.flaw and "pixels" in outcome.told, str(outcome)
        assert outcome.peak < 3e8, str(outcome)


@pytest.mark.slow
def test_the_largest_pictures_are_taken_within_the_memory(tmp_path: Path) -> None:
    outcomes = list(tried("stylize", _put(largest(), tmp_path), tmp_path / "work"))
    assert not [str(outcome) for outcome in outcomes if outcome.flaw or outcome.code]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_by_the_command_itself(whole: dict[str, bytes], tmp_path: Path) -> None:
    """Its end too, of libraries that hold what was damaged."""
    for number, file in enumerate(_write(whole, tmp_path, ALL // COMMANDS)):
        ended = _command("stylize", file, tmp_path / f"{number}.mp4", "--style", "noir")
        assert ended.returncode in (0, 1) and "Traceback" not in ended.stderr, (file, ended.stderr)
        assert ended.stderr.count("\n") == 1 or not ended.returncode, (file, ended.stderr)
        assert (tmp_path / f"{number}.mp4").exists() == (ended.returncode == 0), file
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_by_whole_runs(whole: dict[str, bytes], tmp_path: Path) -> None:
    for file in _write(whole, tmp_path, ALL // RUNS):
        ended = _command(
            "run", "--source", f"file:{file}", "--sink", "null", "--seconds", "3", "--style", "noir"
        )
        assert ended.returncode in (0, 1) and "Traceback" not in ended.stderr, (file, ended.stderr)


def _command(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livestyle", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
