"""Remotes: what else than the page steers a run, where the settings ask for it."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from typing import Any

from livestyle.config import Config
from livestyle.control import Controls
from livestyle.control.hotkeys import Hotkeys
from livestyle.control.osc import Osc


class Remotes:
    """OSC and hotkeys, from `with` to its end."""

    def __init__(
        self,
        config: Config,
        controls: Controls,
        snapshot: Callable[[], object],
        announce: Callable[[str], None],
    ) -> None:
        """snapshot: writes one. announce: told in one line who may steer the run.

        Raises MissingPackage, ConfigError or LivestyleError where one of them can't be.
        """
        self._osc = None if config.osc is None else Osc(config.osc, controls)
        self._hotkeys = Hotkeys(config.hotkeys, controls, snapshot) if config.hotkeys else None
        self._announce = announce
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> Remotes:
        with self._opened:
            if self._osc:
                self._opened.enter_context(self._osc)
                self._announce(_who_may(self._osc.endpoint))
            if self._hotkeys:
                self._opened.enter_context(self._hotkeys)
            self._opened = self._opened.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._opened.close()

    def figures(self) -> dict[str, Any]:
        """Their part of the live report: what is counted, and lines to be told once."""
        osc = self._osc and {
            "endpoint": self._osc.endpoint,
            "messages": self._osc.messages,
            "refused": self._osc.refused,
        }
        notes = [note for each in (self._osc, self._hotkeys) if each for note in each.notes]
        return {"osc": osc, "notes": notes}


def _who_may(endpoint: str) -> str:
    address = endpoint.rpartition(":")[0].strip("[]")
    if ipaddress.ip_address(address).is_loopback:
        return f"osc {endpoint}: programs of this machine can change settings"
    return f"osc {endpoint}: whoever reaches that address can change settings, without a password"
