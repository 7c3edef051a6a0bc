"""livestyle itself as a contestant of `bench picture`: a stylizer and the finish after it."""

from __future__ import annotations

import dataclasses
import functools
import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from livestyle.bench.picture.contestant import Advance, Contestant, Figures, Judge, Restyle, Task
from livestyle.bench.picture.scene import load_scenes
from livestyle.between.look import Finishing, finishing_of
from livestyle.canvas import Canvas
from livestyle.config import Config
from livestyle.finish.live import LiveFinish
from livestyle.finish.picture import PictureFinish
from livestyle.frame import Frame, Size
from livestyle.sources.testcard import draw
from livestyle.stylizers import Stylizer, open_stylizer

if TYPE_CHECKING:
    from livestyle.bench.picture.style_distance import Painting
    from livestyle.frame import Pixels

_WARM_UP, _TIMED = 3, 30  # frames
_SECONDS = 10  # after which so many need not be


@dataclasses.dataclass(frozen=True)
class Own:
    """config: settled. random_weights: of the recipe's exact architecture, in place of a model.
    painting: whose style is wanted; None: that is not judged.
    """

    config: Config
    random_weights: bool = False
    painting: Painting | None = None


def judge_own(task: Task, own: Own, advance: Advance) -> Figures:
    """Judge a style at its settings; with its times on this machine.

    Raises StylizerError, and LivestyleError where a file can't be read.
    """
    scenes = load_scenes(task.files, task.size)
    judge = Judge(task, None if own.painting is None else own.painting.open())
    finishing = finishing_of(own.config)
    with _open(own, Canvas(task.size, "stretch")) as stylizer:
        figures = judge.judge_all(contestant_of(stylizer, finishing), scenes, advance)
        if stylizer.name == "lite":  # live it makes I420 itself
            stylizer.paint_on(Canvas(task.size, "stretch", i420=True))
        here = time_frames(stylizer, finishing, task.size)
    settings = {"size": list(stylizer.size), "detail": finishing.detail}
    return settings | figures | {"here": here}


def contestant_of(stylizer: Stylizer, finishing: Finishing) -> Contestant:
    """A stylizer with a finish. Its canvas is of the size of the pictures to come."""
    shown, unfinished = _restyle(stylizer, finishing), _restyle(stylizer, Finishing())
    unheld = shown
    if finishing.hold:
        unheld = _restyle(stylizer, dataclasses.replace(finishing, hold=0.0))
    return Contestant(shown, unheld, unfinished)


def _restyle(stylizer: Stylizer, finishing: Finishing) -> Restyle:
    def restyle(clip: Sequence[Pixels]) -> list[Pixels]:
        finish = PictureFinish(clip[0], finishing)
        return [finish(frame, functools.partial(_styled, stylizer, frame)) for frame in clip]

    return restyle


def _styled(stylizer: Stylizer, rgb: Pixels) -> Pixels:
    bgra = cast("Pixels", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA))
    return stylizer.stylize(Frame(bgra, 0, 0)).pixels


def time_frames(stylizer: Stylizer, finishing: Finishing, size: Size) -> Figures:
    """Medians in ms over frames of the testcard, as a live run has them: BGRA to I420."""
    finish = LiveFinish(Canvas(size, "stretch"), finishing)
    shown = np.empty(size[0] * size[1] * 3 // 2, np.uint8)
    stylize_ms, finish_ms, began = [], [], time.perf_counter()
    for number in range(_WARM_UP + _TIMED):
        pixels = draw(number, size)
        started = time.perf_counter()
        finish.look_at(pixels)
        looked = time.perf_counter()
        styled = stylizer.stylize(Frame(pixels, number, 0)).pixels
        ended = time.perf_counter()
        finish.style(styled)
        finish.write(shown.data)
        if number >= _WARM_UP:
            stylize_ms.append((ended - looked) * 1000)
            finish_ms.append((looked - started + time.perf_counter() - ended) * 1000)
        if stylize_ms and time.perf_counter() > began + _SECONDS:
            break
    return {
        "frames": len(stylize_ms),
        "stylize_ms": round(statistics.median(stylize_ms), 2),
        "finish_ms": round(statistics.median(finish_ms), 2),
    }


def _open(own: Own, canvas: Canvas) -> Stylizer:
    if own.random_weights:
        return _random_turbo(own.config, canvas)
    return open_stylizer(own.config, canvas, lambda _: None)


def _random_turbo(config: Config, canvas: Canvas) -> Stylizer:
    from livestyle.bench.own import chosen_model
    from livestyle.between.look import look_of
    from livestyle.models.loadable import random_model
    from livestyle.recipe import DiffusionRecipe, load_recipe
    from livestyle.stylizers.turbo import Turbo

    recipe = load_recipe(config.recipe, DiffusionRecipe)
    size = recipe.size_inside(canvas.size, config.size)
    model, _ = chosen_model(config, random_model(config), size)
    return Turbo(model, canvas, lambda _: size, look_of(config))
