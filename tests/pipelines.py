"""A pipeline as tests want one: with settings of which few matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livestyle.between.look import Finishing
from livestyle.between.messages import Change
from livestyle.between.slot import Slot, Slots
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.finish.live import LiveFinish
from livestyle.frame import Size
from livestyle.sources import Source
from livestyle.worker.pipeline import Pipeline


def pipeline_of(
    open_source: Callable[[], Source],
    stylizer: Any,
    slot: Slot,
    size: Size,
    finishing: Finishing | None = None,
    **settings: Any,
) -> Pipeline:
    """Not started; size: of the output. settings: those of its Config."""
    finish = LiveFinish(Canvas(size, "fit"), finishing or Finishing())
    config = Config(stylizer="lite", **settings)
    return Pipeline(open_source, stylizer, Slots(slot), Change(0, config), finish)
