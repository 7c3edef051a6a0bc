"""What a terminal shows of a run: the live status line, the summary, a progress bar."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from livestyle.commands.terminal import say, spelled

_PLAIN_EVERY = 5.0  # s between two lines where stderr is not a terminal


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def describe(status: dict[str, Any]) -> str:
    """The live report in one line."""
    source, stylizer, output = status["source"], status["stylizer"], status["output"]
    latency = output["latency_ms"]
    name = " ".join(filter(None, (stylizer["name"], stylizer["style"])))
    state = status["state"] if status["state"] != "running" else ""
    parts = [
        ": ".join(filter(None, (state, status["message"]))),
        source["name"],
        f"{name} on {stylizer['engine'] or '…'}",
        stylizer["building"],
        stylizer["size_why"],
        f"{output['unique_fps']:.1f} unique fps, {output['fps']:.1f} output fps",
        f"latency p50 {_ms(latency['p50'])} p95 {_ms(latency['p95'])} ms",
        f"superseded {stylizer['superseded']}, late {output['late']}",
        *(f"{sink['name']}: {sink['note']}" for sink in status["sinks"] if sink["note"]),
    ]
    return spelled(" · ".join(filter(None, parts)))


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
        f"{output['late']} late, {report['worker_restarts']} worker restarts",
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
    return [f"no picture came of {stylizer['spoilt']} of {frames} frames: {stylizer['spoilt_why']}"]


class StatusLine:
    """One line that stays in place on a terminal, or a line at changes and every 5 s elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._printed = 0.0
        self._state = "", ""
        self._told: set[str] = set()

    def show(self, status: dict[str, Any]) -> None:
        """Show the live report; an engine that was chosen, what is to be said of the look,
        another size inside, what would help a stylizer that can't keep up, and what ended for
        good, get a line of their own, once.
        """
        stylizer = status["stylizer"]
        engine, why = (stylizer.get(key) for key in ("engine", "engine_why"))
        chosen = [f"engine {engine}: {why}"] if why else []
        told = [told for told in (stylizer.get("note"), status["changed"]["refused"]) if told]
        notes = {note: note for note in [*chosen, *told, *status["ended"]]}
        if stylizer.get("size_why"):  # why there is none that helps changes all the time
            notes[f"{stylizer['resizes']} resizes"] = stylizer["size_why"]
        if status["advice"]:
            notes["advice"] = status["advice"]
        for key, note in notes.items():
            if key not in self._told:
                self._told.add(key)
                self._console.print(Text(spelled(f"livestyle: {note}")), soft_wrap=True)
        if self._live:
            self._live.update(Text(describe(status)), refresh=True)
            return
        state = status["state"], status["message"]
        if state != self._state or time.monotonic() - self._printed >= _PLAIN_EVERY:
            self._state, self._printed = state, time.monotonic()
            say(describe(status))

    def __enter__(self) -> StatusLine:
        if self._console.is_terminal:
            self._live = Live(Text(""), console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._live:
            self._live.stop()


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr; call what it gives with (how many are done, in all or 0)."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    disable = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        yield advance


@contextlib.contextmanager
def build_bars() -> Iterator[Callable[[str, float], None]]:
    """A bar for each phase of a build, on stderr; call what it gives with (phase, part done).

    Where stderr is not a terminal, a line for each.
    """
    columns = (TextColumn("{task.description:10}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def report(phase: str, part: float) -> None:
            if phase not in bars:
                for before in bars.values():
                    progress.update(before, completed=1)
                    progress.stop_task(before)
                bars[phase] = progress.add_task(phase, total=1)
                if not console.is_terminal:
                    say(f"build: {phase}")
            progress.update(bars[phase], completed=part)

        yield report
        for bar in bars.values():
            progress.update(bar, completed=1)


@contextlib.contextmanager
def training_bar(
    name: str, iterations: int
) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
    """A bar of iterations on stderr; call what it gives with (iterations done, losses or none)."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=iterations, losses="")

        def show(done: int, losses: Mapping[str, float]) -> None:
            progress.update(task, completed=done)
            if losses:
                told = ", ".join(f"{key} {losses[key]:.3f}" for key in ("style", "content"))
                progress.update(task, losses=told)
                if not console.is_terminal and done % 100 == 0:
                    say(f"{name}: {done} of {iterations}: {told}")

        yield show
