"""Bars of progress on a terminal, for work that has an end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from livestyle.commands.terminal import NowAndThen, say, spelled


@dataclass(frozen=True)
class Bar:
    """advance: call it with (how many are done, in all or 0). loading: with what is loaded."""

    advance: Callable[[int, int], None]
    loading: NowAndThen


class _OnTheBar(NowAndThen):
    """What is being loaded, in place of what the bar is of."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def __call__(self, text: str) -> None:
        self._show(f"loading {spelled(text)}")


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Bar]:
    """A progress bar on stderr, with the time that has passed."""
    columns = (
        # of a long one the end is cut, so that all stays in one line
        TextColumn("{task.description}", table_column=Column(no_wrap=True, ratio=1)),
        BarColumn(bar_width=10),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    disable = not console.is_terminal
    with Progress(
        *columns, console=console, transient=True, disable=disable, expand=True
    ) as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total or None)

        def show(text: str) -> None:
            progress.update(task, description=escape(text))

        yield Bar(advance, NowAndThen() if disable else _OnTheBar(show))


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
