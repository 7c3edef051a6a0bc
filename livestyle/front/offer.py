"""The offer: what a run's page may choose as source and as sinks; it can name no other file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from livestyle.config import Config
from livestyle.control import SinkChoice, SourceChoice
from livestyle.errors import ConfigError
from livestyle.front.devices import Cameras, list_cameras, list_screens, list_windows
from livestyle.front.known import Known
from livestyle.front.recordings import Recordings
from livestyle.front.reopening import state_of
from livestyle.sinks import Sink
from livestyle.stylizers.blend import find_blend

_TESTCARD = "a moving test scene"
_CANVAS = "what is drawn on this page"
_BLANK = "nothing: pictures from the prompt alone"


class Offer:
    """For one run. All may be called on any thread, and waits for no display that hangs."""

    def __init__(self, began: Config, recordings: Recordings) -> None:
        """began: the settings that the run began with, whose files may be named again."""
        self._began = began
        self._recordings = recordings
        self._screens: Known[list[SourceChoice]] = Known(list_screens, [])
        self._windows: Known[list[SourceChoice]] = Known(list_windows, [])
        self._cameras = Known(list_cameras, Cameras([], []))

    def sources(self, config: Config) -> list[SourceChoice]:
        """All there are, that of the settings chosen."""
        found = [
            *self._screens.now(),
            *self._windows.now(),
            *self._cameras.now().sources,
            SourceChoice("testcard", _TESTCARD, "testcard", chosen=False),
        ]
        if "web" in config.sink:
            found.append(SourceChoice("canvas", _CANVAS, "canvas", chosen=False))
        if config.stylizer == "turbo":
            found.append(SourceChoice("blank", _BLANK, "blank", chosen=False))
        found += [_of_file(spec) for spec in self._files()]
        chosen = _full(config.source)
        if chosen not in (choice.spec for choice in found):  # a region, or a monitor that is away
            kind = "monitor" if chosen.startswith("screen:") else chosen.partition(":")[0]
            found.insert(0, SourceChoice(chosen, chosen, kind, chosen=False))
        return [dataclasses.replace(one, chosen=one.spec == chosen) for one in found]

    def sinks(self, config: Config, opened: Mapping[str, Sink]) -> list[SinkChoice]:
        """All there are, those of the settings chosen; opened: those that are."""
        cameras = self._cameras.now().sinks
        used = next((sink.name for spec, sink in opened.items() if spec == "v4l2"), "")
        found = [
            # which one "v4l2" stands for is in its name
            dataclasses.replace(one, spec="v4l2")
            if f"({one.spec.removeprefix('v4l2:')})" in used
            else one
            for one in cameras
        ]
        found.append(SinkChoice("null", "nothing", "free", "", chosen=False))
        there = {one.spec for one in found}
        for spec in dict.fromkeys((*opened, *self._began.sink)):
            if spec not in there:
                label = "this page" if spec == "web" else spec
                found.append(SinkChoice(spec, label, "free", "", chosen=False))
        return [_as_it_is(one, config, opened) for one in found]

    def check(self, before: Config, after: Config) -> None:
        """Raise ConfigError where a change names a file or a device that is not offered."""
        is_other_file = after.source != before.source and after.source.startswith("file:")
        if is_other_file and after.source not in self._files():
            raise ConfigError(
                f"source {after.source!r}: a file is named where the run is started, or is one of "
                "the recordings"
            )
        for spec in set(after.sink) - set(before.sink) - set(self._began.sink):
            devices = {one.spec for one in self._cameras.now().sinks}
            if ":" in spec and spec not in devices:
                raise ConfigError(
                    f"sink {spec!r}: a file or device is named where the run is started"
                )
        if after.style != before.style and after.stylizer == "lite":
            known = {part.picture for part in find_blend(self._began.style)}
            if not {part.picture for part in find_blend(after.style)} <= known:
                raise ConfigError(
                    f"style {after.style!r}: a picture is named where the run is started"
                )

    def _files(self) -> list[str]:
        """As sources."""
        made = [f"file:{path}" for path in self._recordings.finished()]
        began = self._began.source
        return [began, *made] if began.startswith("file:") else made


def _full(source: str) -> str:
    return "screen:1" if source == "screen" else source


def _of_file(spec: str) -> SourceChoice:
    return SourceChoice(spec, Path(spec.partition(":")[2]).name, "file", chosen=False)


def _as_it_is(one: SinkChoice, config: Config, opened: Mapping[str, Sink]) -> SinkChoice:
    chosen = one.spec in config.sink
    if one.spec not in opened:
        return dataclasses.replace(one, chosen=chosen)
    sink = opened[one.spec]
    return dataclasses.replace(one, state=state_of(sink), note=sink.note, chosen=chosen)
