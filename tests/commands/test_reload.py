"""Settings files that are read again."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from livestyle.commands.reload import Reload
from livestyle.config import Config
from livestyle.errors import ConfigError, SinkError
from livestyle.stylizers.change import changed

BEGAN = Config(source="testcard", stylizer="lite", style="ink", sink=("null",), fps=30.0)


class _Run:
    """Takes changes as a run does; `full`: its sinks can't be opened."""

    def __init__(self, *, full: bool = False) -> None:
        self.config = BEGAN
        self.asked: list[dict[str, Any]] = []
        self._full = full
        self.refused = ""

    def change(self, values: dict[str, Any]) -> int:
        if self._full and "sink" in values:
            raise SinkError("no space")
        self.config = changed(self.config, values)
        self.asked.append(values)
        return len(self.asked)

    def answer(self) -> str | None:
        return self.refused


def _reload(**new: Any) -> Reload:
    return Reload(BEGAN, lambda: dataclasses.replace(BEGAN, **new))


def test_nothing_is_read_unasked() -> None:
    run = _Run()
    reload = _reload(fps=24.0)
    assert reload.turn(run) == "" and run.asked == []
    reload.ask()
    assert reload.turn(run) == "settings read again: fps"
    assert reload.turn(run) == "" and run.asked == [{"fps": 24.0}]


def test_what_was_changed_otherwise_stays() -> None:
    run = _Run()
    run.change({"style": "wave"})
    reload = _reload(fps=24.0)
    reload.ask()
    reload.turn(run)
    assert (run.config.style, run.config.fps) == ("wave", 24)
    reload.ask()
    assert reload.turn(run) == "settings read again: nothing is new"


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ({"fps": 24.0, "size": (512, 288)}, "size"),  # not while running
        ({"fps": 24.0, "prompt": "a cat"}, "stylizer 'lite' has no prompt"),
    ],
)
def test_what_cannot_change_keeps_all_as_it_was(new: dict[str, Any], message: str) -> None:
    run = _Run()
    reload = _reload(**new)
    reload.ask()
    told = reload.turn(run)
    assert told.startswith("livestyle: settings stay as they were: ") and message in told
    assert run.config == BEGAN
    reload.ask()  # nor is it taken for known
    assert reload.turn(run) == told


def test_a_file_that_is_wrong_is_told_and_changes_nothing() -> None:
    run = _Run()

    def read() -> Config:
        raise ConfigError("fps 'many': a number from 1 to 240 is expected")

    reload = Reload(BEGAN, read)
    reload.ask()
    assert reload.turn(run) == (
        "livestyle: settings stay as they were: fps 'many': a number from 1 to 240 is expected"
    )
    assert run.asked == []


def test_sinks_come_last_and_take_the_rest_back_where_they_fail() -> None:
    run = _Run()
    reload = _reload(fps=24.0, sink=("null", "web"))
    reload.ask()
    assert reload.turn(run) == "settings read again: sink, fps"
    assert run.asked == [{"fps": 24.0}, {"sink": ["null", "web"]}]
    run = _Run(full=True)
    reload = _reload(fps=24.0, sink=("null", "web"))
    reload.ask()
    assert "settings stay as they were: no space" in reload.turn(run)
    assert run.config == BEGAN


def test_what_was_refused_later_on_is_tried_again() -> None:
    run = _Run()
    reload = _reload(fps=24.0)
    reload.ask()
    assert reload.turn(run) == "settings read again: fps"
    run.config, run.refused = BEGAN, "it is away"
    reload.ask()
    assert reload.turn(run) == "settings read again: fps"
    assert run.config.fps == 24


def test_what_is_no_longer_said_stays() -> None:
    began = dataclasses.replace(BEGAN, detail=0.5)
    run, reload = _Run(), Reload(began, lambda: BEGAN)
    run.config = began
    reload.ask()
    assert reload.turn(run) == "settings read again: nothing is new"
    assert run.config.detail == 0.5


def test_a_style_comes_with_what_the_file_says_beside_it() -> None:
    began = dataclasses.replace(BEGAN, detail=0.2)
    run = _Run()
    run.config = began
    reload = Reload(began, lambda: dataclasses.replace(began, style="wave"))
    reload.ask()
    assert reload.turn(run) == "settings read again: style, detail"
    assert (run.config.style, run.config.detail) == ("wave", 0.2)


def test_a_seed_that_is_picked_anew_is_no_change() -> None:
    run = _Run()
    reload = _reload(seed=77)
    reload.ask()
    assert reload.turn(run) == "settings read again: nothing is new"
