"""What a run's settings name, opened: its source and its stylizer."""

from __future__ import annotations

import threading
from collections.abc import Callable

from livestyle.aside import run_aside
from livestyle.between.slot import Slots
from livestyle.canvas import Canvas
from livestyle.chaos.stages import FaultySource
from livestyle.chaos.stylizer import FaultyStylizer
from livestyle.config import Config
from livestyle.errors import ConfigError, SourceError
from livestyle.frame import Size, canvas_size
from livestyle.sources import Source, answered, open_source
from livestyle.sources.drawing import Drawing
from livestyle.stylizers import Stylizer, open_stylizer

Say = Callable[[str], None]


def source_key(config: Config) -> tuple[str, bool]:
    """What a source is opened by."""
    return config.source, config.cursor and config.source.startswith("screen")


def network_key(config: Config) -> str | None:
    """What lite is opened by; turbo's styles are looks."""
    return config.style if config.stylizer == "lite" else None


def in_time(opens: Callable[[], Source], spec: str) -> Source:
    """A source, opened. Raises SourceError where it is silent; if it answers later, it's closed."""
    is_late = threading.Event()

    def opened() -> Source:
        source = opens()
        if is_late.is_set():
            source.__exit__(None, None, None)
        return source

    try:
        return answered(opened, f"source {spec!r}")
    except SourceError:
        is_late.set()
        raise


def open_source_of(config: Config, output_size: Size, slots: Slots) -> Source:
    """The source that settled settings name, open. Raises LivestyleError."""
    if config.source == "canvas":
        if slots.canvas is None:
            raise ConfigError("source 'canvas' is drawn on the page: add --sink web")
        return Drawing(slots.canvas, canvas_size(output_size))
    source = open_source(config.source, output_size, config.fps, cursor=config.cursor)
    return FaultySource.around(source)


def open_stylizer_of(config: Config, output_size: Size, say: Say) -> Stylizer:
    """The stylizer that settled settings name, open, on a canvas of the output's size.

    say: told what is being loaded. Raises LivestyleError.
    """
    canvas = Canvas(output_size, config.aspect, i420=True)
    # PyTorch keeps an OpenMP team for every thread that has computed, as long as that thread lives.
    # A second one, though idle, makes the stylize thread's sleep at each barrier: 20 % of a frame.
    stylizer = run_aside(lambda: open_stylizer(config, canvas, say), "load")
    return FaultyStylizer.around(stylizer)
