"""Lookless: what stylizers have in common of which nothing changes while they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from livestyle.between.look import Look
from livestyle.errors import ConfigError, StylizerError
from livestyle.frame import Frame


class Lookless:
    """A part of a Stylizer."""

    name: str
    why = note = ""
    look = refusal = None
    finish = None
    is_settled = True
    prepares_beside = True

    def change(self, look: Look, *, wait: bool = False) -> None:
        """Raises ConfigError: there is no look."""
        raise ConfigError(f"stylizer {self.name!r} has no prompt to change; use --stylizer turbo")

    def glimpse(self, look: Look) -> Callable[[Frame], Frame]:
        """Raises StylizerError: there is no look."""
        raise StylizerError(f"stylizer {self.name!r} has no other look")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass
