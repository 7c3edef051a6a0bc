"""What a run decides before it begins: what its settings leave open, and what it writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from livestyle.config import Config
from livestyle.errors import ConfigError
from livestyle.files import Wanted, check_targets
from livestyle.frame import Size, canvas_size
from livestyle.front.sinks import with_chosen
from livestyle.sinks import exposed, files_of
from livestyle.sources import choose_source, settled_source, source_size
from livestyle.stylizers.settle import settle_stylizer

Announce = Callable[[str], None]


def wanted(config: Config) -> list[Wanted]:
    """All that a run with these settings writes."""
    files = list(files_of(config.sink))
    if config.report is not None:
        files.append(Wanted("--report", config.report))
    if config.frame_log is not None:
        files.append(Wanted("--frame-log", config.frame_log, "part"))
    return files


def decide(config: Config, announce: Announce) -> Config:
    """The settings with every "auto" replaced by what this machine has, announced with the why."""
    check_targets(wanted(config), config.overwrite)
    if config.hold_fps is not None and config.hold_fps > config.fps:
        raise ConfigError(
            f"--hold-fps {config.hold_fps:g} is more than --fps {config.fps:g}; lower it, or raise "
            "--fps"
        )
    if config.source == "auto":
        source, why = choose_source()
        announce(f"source {source}, chosen by auto: {why}")
        config = dataclasses.replace(config, source=source)
    if (source := settled_source(config.source)) != config.source:
        announce(f"source {source}")
        config = dataclasses.replace(config, source=source)
    config = settle_stylizer(config, announce)  # before a camera is opened in vain
    if "auto" in config.sink:
        config = dataclasses.replace(config, sink=with_chosen(config.sink, announce))
    if told := exposed(config):
        announce(told)
    return config


def size_of_source(config: Config, announce: Announce) -> Size:
    """The size of its frames now. Raises LivestyleError where it can't be opened."""
    if config.source == "canvas":
        if "web" not in config.sink:
            raise ConfigError("source 'canvas' is drawn on the page: add --sink web")
        return canvas_size(config.output_size)
    return source_size(
        config.source, config.output_size, config.fps, announce, cursor=config.cursor
    )
