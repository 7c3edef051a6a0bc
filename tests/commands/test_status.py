"""The status line as it is on a terminal: one line, whatever its width, and gone at the end.

A COLUMNS of another terminal in the environment changes nothing.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from rich.cells import cell_len
from terminal_screen import Terminal, in_terminal

from livestyle.commands.status import cut, describe
from livestyle.sources.testcard import draw

RUN = [sys.executable, "-m", "livestyle", "run", "--source", "testcard", "--sink", "null"]
RUN += ["--output-size", "320x180", "--stylizer", "passthrough"]


@pytest.fixture
def open_terminals() -> Iterator[list[Terminal]]:
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        terminal.close()


def _status_rows(rows: list[str]) -> list[str]:
    return [row for row in rows if re.match(r"running: \d", row)]


def _is_drawn_for(columns: int, rows: list[str]) -> bool:
    """Whether the line is all there is below the first row, as long as it can be."""
    if len(rows) != 2 or not _status_rows(rows[1:]):
        return False
    return "superseded" in rows[1] if columns == 200 else columns - 15 < len(rows[1]) < columns


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_it_is_one_line_and_nothing_is_left_of_it(
    columns: int, open_terminals: list[Terminal], tmp_path: Path
) -> None:
    open_terminals.append(terminal := Terminal(columns))
    with in_terminal(terminal, RUN, tmp_path, COLUMNS="7") as process:
        rows = terminal.wait(_status_rows)
        (line,) = _status_rows(rows)
        assert rows[-1] == line and len(line) < columns
        assert re.match(r"running: \d+\.\d unique fps, latency \S+", line)
        assert ("output fps" in line and "superseded" in line) == (columns == 200)
        terminal.type(b"\x03")
        assert process.wait(30) == 130
        left = "".join(terminal.wait(lambda rows: "worker restarts" in "".join(rows)))
    assert re.match(r"output: null *\d+\.\d s at 320x180: ", left), left
    assert "^C" not in left and "running:" not in left and "…" not in left


@pytest.mark.parametrize("wraps_anew", [False, True])
def test_another_width_leaves_nothing_of_the_one_before(
    wraps_anew: bool, open_terminals: list[Terminal], tmp_path: Path
) -> None:
    open_terminals.append(terminal := Terminal(200, wraps_anew=wraps_anew))
    with in_terminal(terminal, RUN, tmp_path, COLUMNS="7") as process:
        terminal.wait(lambda rows: _status_rows(rows) and "superseded" in rows[-1])
        for columns in (80, 41, 60, 200, 40):
            terminal.resize(columns)
            drawn = functools.partial(_is_drawn_for, columns)
            rows = terminal.wait(drawn, seconds=20)
            assert rows[0] == "output: null"
        terminal.type(b"\x03")
        assert process.wait(30) == 130
        left = "".join(terminal.wait(lambda rows: "worker restarts" in "".join(rows)))
    assert re.match(r"output: null *\d+\.\d s at 320x180: ", left), left


def test_stylize_ends_with_what_it_wrote(open_terminals: list[Terminal], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.png"), draw(60, (320, 180))[:, :, :3])
    open_terminals.append(terminal := Terminal(60))
    command = [sys.executable, "-m", "livestyle", "stylize", "--style", "ink"]
    command += ["--stylizer", "lite", "in.png"]
    for output, told in (
        ("out.png", r"out\.png: 320x180, 1 frame in \d+\.\d s"),
        ("out.mkv", r"out\.mkv: 320x180, 1 frame in \d+\.\d s, \d+\.\d fps"),
    ):
        with in_terminal(terminal, [*command, output], tmp_path) as process:
            assert process.wait(60) == 0
            rows = terminal.wait(lambda rows, said=output: rows and said in rows[-1])
        assert re.fullmatch(told, rows[-1])
    assert len(rows) == 2, "the bar is gone"


_OUTPUT = {
    "fps": 30.0, "unique_fps": 29.9, "latency_ms": {"p50": 13.4, "p95": 16.2},
    "repeated": 4, "late": 0, "freezes": 0,
}  # fmt: skip
_BEGINS = {"state": "loading", "output": _OUTPUT | {"unique_fps": 0.0}}


def _status(**other: Any) -> dict[str, Any]:
    """As of a run of which all is well."""
    given: dict[str, Any] = {
        "state": "running",
        "message": "",
        "limit": "", "style_changed": False,
        "source": {"name": "screen:1"},
        "stylizer": {
            "name": "lite", "style": "comic", "engine": "opencv", "building": "", "size_why": "",
            "superseded": 3, "off": False,
        },
        "output": _OUTPUT,
        "sinks": [{"name": "null", "note": ""}],
    }  # fmt: skip
    return given | other


@pytest.mark.parametrize(
    ("status", "columns", "line"),
    [
        ({}, 39, "running: 29.9 unique fps, latency 13 ms"),
        ({"limit": "a frame takes 66 of 33 ms"}, 79,
         "running: 29.9 unique fps, latency 13 ms · a frame takes 66 of 33 ms · lite …"),
        ({}, 200, "running: 29.9 unique fps, latency 13 ms · lite comic on opencv · 30.0 output "
         "fps · latency p95 16 ms · superseded 3, repeated 4, late 0 · screen:1"),
        (_BEGINS | {"message": "loading style 'comic'"}, 39,
         "loading 7 s: style 'comic' · lite comic"),
        (_BEGINS | {"message": "loading 17% of owner/name fetched, 1.20 of 6.90 GB"}, 39,
         "loading 7 s: 17% of owner/name fetched"),
        (_BEGINS | {"message": ""}, 30, "loading 7 s · lite comic on …"),
        ({"state": "recovering", "message": "loading turbo, after: it ended"}, 60,
         "recovering: loading 7 s: turbo, after: it ended · 29.9 …"),
        ({"state": "recovering", "message": "it ended; restart in 1 s"}, 39,
         "recovering: it ended; restart in 1 s …"),
        ({"state": "degraded", "message": "cam is away: it is gone",
          "sinks": [{"name": "cam", "note": "away: it is gone"}]}, 60,
         "degraded: cam is away: it is gone · 29.9 unique fps, latency"),
        ({"sinks": [{"name": "cam", "note": "3 frames not taken: it is full"}]}, 75,
         "running: 29.9 unique fps, latency 13 ms · cam: 3 frames not taken: it is …"),
        ({"state": "degraded", "message": "screen:1 has given nothing for 3 s"}, 60,
         "degraded: screen:1 has given nothing for 3 s · 29.9 unique …"),
        ({"state": "loading", "message": "loading turbo"}, 60,
         "loading 7 s: turbo · 29.9 unique fps, latency 13 ms · lite …"),
    ],
)  # fmt: skip
def test_what_matters_most_comes_first(status: dict[str, Any], columns: int, line: str) -> None:
    assert cut(describe(_status(**status), 7.4), columns) == line


@pytest.mark.parametrize("text", ["wörter " * 40, "長い名前" * 20, "x" * 200, "é" * 90])
@pytest.mark.parametrize("columns", [1, 2, 39, 79])
def test_a_line_never_takes_more_cells_than_there_are(text: str, columns: int) -> None:
    assert cell_len(cut(text, columns)) <= columns
