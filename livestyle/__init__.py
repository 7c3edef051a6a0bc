"""Restyle a running game, or anything on a screen, live, and show the result as a webcam.

    with livestyle.open_stylizer("lite", style="wave") as stylize:
        styled = stylize(picture)  # RGB, uint8, (H, W, 3)

    report = livestyle.run(source="screen", sink=["v4l2"], seconds=60)

What can go wrong is a LivestyleError. Importing this loads nothing; the first use does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from livestyle.version import __version__

if TYPE_CHECKING:
    from livestyle.api import OpenStylizer, open_stylizer, run
    from livestyle.errors import (
        ConfigError,
        EngineError,
        LivestyleError,
        MissingEngine,
        MissingPackage,
        ModelError,
        PictureError,
        SinkError,
        SourceError,
        SourceLost,
        StylizerError,
        TrainingError,
        WorkerError,
    )

__all__ = [
    "ConfigError",
    "EngineError",
    "LivestyleError",
    "MissingEngine",
    "MissingPackage",
    "ModelError",
    "OpenStylizer",
    "PictureError",
    "SinkError",
    "SourceError",
    "SourceLost",
    "StylizerError",
    "TrainingError",
    "WorkerError",
    "__version__",
    "open_stylizer",
    "run",
]


def __getattr__(name: str) -> object:
    """What is asked for first is loaded then (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'livestyle' has no attribute {name!r}")
    import importlib

    of_api = name in ("OpenStylizer", "open_stylizer", "run")
    module = importlib.import_module("livestyle.api" if of_api else "livestyle.errors")
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
