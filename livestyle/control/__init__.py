"""The control page: what it shows and does, its server and its guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from livestyle.config import Config

if TYPE_CHECKING:
    from livestyle.between.slot import Slots


class Controls(Protocol):
    """The run, as the page and its API have it. All may be called on any thread."""

    @property
    def config(self) -> Config:
        """The settings that are asked for now."""
        ...

    @property
    def slots(self) -> Slots:
        """`source`: pictures of the source while they are wanted; `canvas`: takes what is drawn."""
        ...

    def status(self) -> dict[str, Any]:
        """The live form of the run report."""
        ...

    def change(self, values: dict[str, Any]) -> int:
        """Have live settings other values, by the keys that flags have: all of them, or none.
        It may take as long as opening a sink does. Returns the change's number.

        Raises LivestyleError where one can't be.
        """
        ...

    def answer(self) -> str | None:
        """Why the last change can't be, "" where it is done, or None while that is not known."""
        ...
