"""Restyle a running game, or anything on a screen, live, and show the result as a webcam.

    with livestyle.open_stylizer("lite", style="wave") as stylize:
        styled = stylize(picture)  # RGB, uint8, (H, W, 3)

    report = livestyle.run(source="screen", sink=["v4l2"], seconds=60)

A run that goes on in another process is asked by `livestyle.client`.

What can go wrong is a LivestyleError. Importing this loads nothing; the first use does. Libraries
that report to their makers what they are used for do not where it is imported before them.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from livestyle.version import __version__

# Before any of them is imported: ONNX Runtime and huggingface_hub heed these, OpenVINO does without
# what it cannot import.
os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

if TYPE_CHECKING:
    from livestyle.api import OpenStylizer, open_stylizer, run
    from livestyle.errors import (
        ConfigError,
        EngineError,
        FrameRefused,
        GpuError,
        GpuLost,
        GpuMemory,
        LivestyleError,
        MissingEngine,
        MissingPackage,
        ModelError,
        NotNow,
        NotRunning,
        PictureError,
        RunError,
        SinkError,
        SinkLost,
        SourceError,
        SourceLost,
        SpoiltFrame,
        StylizerError,
        TrainingError,
        WorkerError,
    )

__all__ = [
    "ConfigError",
    "EngineError",
    "FrameRefused",
    "GpuError",
    "GpuLost",
    "GpuMemory",
    "LivestyleError",
    "MissingEngine",
    "MissingPackage",
    "ModelError",
    "NotNow",
    "NotRunning",
    "OpenStylizer",
    "PictureError",
    "RunError",
    "SinkError",
    "SinkLost",
    "SourceError",
    "SourceLost",
    "SpoiltFrame",
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
