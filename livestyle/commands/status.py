"""What a terminal shows of a run: the live status line, and the summary."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from livestyle.commands.terminal import say, spelled

_PLAIN_EVERY = 5.0  # s between two lines where stderr is not a terminal
_USUAL_COLUMNS = 80  # of a terminal that does not say


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def describe(status: dict[str, Any], seconds: float | None = None) -> str:
    """The live report in one line, what matters most first. seconds: since this state began, where
    that is known.
    """
    source, stylizer, output = status["source"], status["stylizer"], status["output"]
    latency = output["latency_ms"]
    name = " ".join(filter(None, (stylizer["name"], stylizer["style"])))
    name += ", changed" if status["style_changed"] else ""
    counts = f"superseded {stylizer['superseded']}, repeated {output['repeated']}, "
    counts += f"late {output['late']}"
    rate = f"{output['unique_fps']:.1f} unique fps, latency {_ms(latency['p50'])} ms"
    parts = [
        "" if status["state"] == "loading" and not output["unique_fps"] else rate,
        status["limit"],
        *(
            f"{sink['name']}: {sink['note']}"
            for sink in status["sinks"]
            if sink["note"] and sink["note"] not in status["message"]
        ),
        stylizer["building"],
        stylizer["size_why"],
        f"{name} on {stylizer['engine'] or '…'}",
        f"{output['fps']:.1f} output fps",
        f"latency p95 {_ms(latency['p95'])} ms",
        counts + (f", freezes {output['freezes']}" if output["freezes"] else ""),
        source["name"],
    ]
    is_well = status["state"] == "running"
    begin = "off, the source as it is: " if stylizer["off"] else "running: "
    begin = begin if is_well else f"{_trouble(status, seconds)} · "
    return spelled(begin + " · ".join(filter(None, parts)))


def _trouble(status: dict[str, Any], seconds: float | None) -> str:
    """What else there is to the state than that it runs."""
    state, message = status["state"], status["message"]
    if not is_loading(status):
        return f"{state}: {message}"
    since = "" if seconds is None else f" {seconds:.0f} s"
    loading = f"loading{since}: {message.removeprefix('loading ')}".removesuffix(": ")
    return loading if state == "loading" else f"{state}: {loading}"


def is_loading(status: dict[str, Any]) -> bool:
    """Whether something is being loaded, whatever stands in meanwhile."""
    return status["state"] == "loading" or str(status["message"]).startswith("loading ")


def cut(line: str, columns: int) -> str:
    """As many words of a line as there is room for: a number is shown whole or not at all."""
    if cell_len(line) <= columns:
        return line
    kept = set_cell_size(line, columns + 1).rpartition(" ")[0].rstrip(" ·,:")
    if not kept:
        return set_cell_size(line, columns)
    return f"{kept} …" if cell_len(kept) + 2 <= columns else kept


def summary(report: dict[str, Any]) -> list[str]:
    """The final report in two lines, and one for each thing that ended before its time, the last
    worker that failed among them, for what would help, and where frames came out as no pictures.
    """
    stylizer, output, latency = (
        report["stylizer"],
        report["output"],
        report["output"]["latency_ms"],
    )
    width, height = output["size"]
    return [
        f"{report['seconds']:.1f} s at {width}x{height}: {output['unique_fps']:.1f} unique fps, "
        f"{output['fps']:.1f} output fps",
        f"latency p50 {_ms(latency['p50'])} p95 {_ms(latency['p95'])} "
        f"p99 {_ms(latency['p99'])} ms; "
        f"{stylizer['superseded']} superseded, {output['repeated']} repeated, "
        f"{output['late']} late, {output['freezes']} freezes ({output['frozen_s']:.1f} s), "
        f"{report['worker_restarts']} worker restarts",
        *(
            [f"livestyle: restarted for: {report['worker_error']}"]
            if report["worker_error"]
            else []
        ),
        *([f"livestyle: {report['advice']}"] if report["advice"] else []),
        *(f"livestyle: {note}" for note in (*report["ended"], *_spoilt(stylizer))),
    ]


def _spoilt(stylizer: dict[str, Any]) -> list[str]:
    if not stylizer["spoilt"]:
        return []
    frames = stylizer["frames"] + stylizer["spoilt"]
    # a worker that is gone took its reason along
    why = f": {stylizer['spoilt_why']}" if stylizer["spoilt_why"] else ""
    return [f"no picture came of {stylizer['spoilt']} of {frames} frames{why}"]


class StatusLine:
    """One line that stays in place on a terminal, or a line at changes and every 5 s elsewhere.

    The cursor rests at its beginning. A terminal that becomes narrower either cuts the line or
    wraps it, with the cursor where the line begins: from there on all is drawn anew.
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        is_able = not (console.is_dumb_terminal or console.legacy_windows)
        self._in_place = is_able and sys.stderr.isatty()
        self._printed = 0.0
        self._began = 0.0
        self._state: tuple[str, str] | None = None
        self._told: set[str] = set()

    def show(self, status: dict[str, Any]) -> None:
        """Show the live report; an engine that was chosen, what is to be said of the look,
        another size inside, what would help a stylizer that can't keep up, and what ended for
        good, get a line of their own, once.
        """
        now = time.monotonic()
        message = "loading" if is_loading(status) else status["message"]  # it says how far, too
        is_other = (status["state"], message) != self._state
        if is_other:
            self._state, self._began = (status["state"], message), now
        for key, note in notes(status).items():
            if key not in self._told:
                self._told.add(key)
                self.tell(note)
        line = describe(status, now - self._began)
        if self._in_place:
            self._write(cut(line, self._columns() - 1) + "\x1b[J")
        elif is_other or now - self._printed >= _PLAIN_EVERY:
            self._printed = now
            say(line)

    def tell(self, note: str) -> None:
        """A line of its own."""
        self._erase()
        say(note)

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._erase()

    def _erase(self) -> None:
        if self._in_place:
            self._write("\x1b[J")

    @staticmethod
    def _write(line: str) -> None:
        print(f"\r{line}\r", end="", file=sys.stderr, flush=True)

    @staticmethod
    def _columns() -> int:
        try:
            return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
        except OSError:  # it was closed
            return _USUAL_COLUMNS


def notes(status: dict[str, Any]) -> dict[str, str]:
    """What gets a line of its own, each by what is said once."""
    stylizer = status["stylizer"]
    lines = {}
    if why := stylizer["engine_why"]:
        by_auto = ", chosen by auto" if status["config"]["engine"] == "auto" else ""
        lines[why] = f"engine {stylizer['engine']}{by_auto}: {why}"
    told = [stylizer["note"], status["changed"]["refused"], *status["notes"], *status["ended"]]
    lines |= {note: f"livestyle: {note}" for note in told if note}
    if stylizer["size_why"]:  # why there is none that helps changes all the time
        lines[f"{stylizer['resizes']} resizes"] = f"livestyle: {stylizer['size_why']}"
    if status["advice"]:
        lines["advice"] = f"livestyle: {status['advice']}"
    return lines
