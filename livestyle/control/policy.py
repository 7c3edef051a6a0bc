"""What may be set over HTTP: no path and no command, but for what the run began with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from livestyle.config import live_settings, live_values
from livestyle.control import Controls
from livestyle.errors import ConfigError
from livestyle.values import shown

_REGION = "screen:[0-9]{1,4}(,[0-9]{1,5}){4}"
_SINKS = {"auto", "v4l2", "virtualcam", "web", "null"}


class Policy:
    """Of one run."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls
        self._began = controls.config

    def check(self, values: Mapping[str, Any]) -> None:
        """It may take as long as listing cameras and windows does.

        Raises ConfigError for settings that can't change, a malformed value, or one that may not be
        set from a page.
        """
        if not values:
            raise ConfigError(f"name a setting to change: {', '.join(live_settings())}")
        parsed = live_values(values)
        if "style" in parsed:
            self._check_style(parsed["style"])
        if "source" in parsed:
            self._check_source(parsed["source"])
        for spec in parsed.get("sink", ()):
            self._check_sink(spec)

    def is_named(self, style: str | None) -> bool:
        """Whether a style is known by that name, and no file of the user's."""
        return any(style == choice.name for choice in self._controls.styles())

    def _check_style(self, style: str) -> None:
        """A name, or a blend of pictures that the run began with, in any shares."""
        began = self._began.style or ""
        if not self.is_named(style) and not set(_pictures(style)) <= set(_pictures(began)):
            raise ConfigError(
                f"style {shown(style)} is none of /api/v1/styles; files are named at the start"
            )

    def _check_source(self, source: str) -> None:
        if source == self._began.source or re.fullmatch(_REGION, source):
            return
        if all(source != choice.spec for choice in self._controls.sources()):
            raise ConfigError(
                f"source {shown(source)} is none of /api/v1/sources; files are named at the start"
            )

    def _check_sink(self, sink: str) -> None:
        if sink in _SINKS or sink in self._began.sink:
            return
        if all(sink != choice.spec for choice in self._controls.sinks()):
            raise ConfigError(
                f"sink {shown(sink)} is none of /api/v1/sinks; files are named at the start"
            )


def _pictures(style: str) -> Iterator[str]:
    """The files of FILE[:SHARE],…, without their shares."""
    for part in style.split(","):
        yield re.sub(r":[0-9.]+$", "", part.strip())
