"""A contestant of `livestyle bench picture`, and how it is judged on a scene.

Blur must not win: beside how calm something is stands how sharp it is.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from livestyle.bench.picture.measures import (
    Step,
    distance,
    flicker,
    noise,
    sharpness,
    warping_error,
)
from livestyle.bench.picture.scene import Scene, moved, noisy, still_part
from livestyle.bench.picture.words import read_words, write_words

if TYPE_CHECKING:
    from livestyle.frame import Pixels, Size

Figures = dict[str, Any]
Restyle = Callable[[Sequence["Pixels"]], list["Pixels"]]
Advance = Callable[[None], None]  # another scene is done

SIGMA = 2.0  # of the noise, of 255
STEPS: tuple[Step, ...] = ((2, 0), (0, 3), (5, 0), (0, 8))  # odd ones fall between a network's px
_MOVING = 3  # frames of each


@dataclass(frozen=True)
class Contestant:
    """The ways in which it restyles a clip: RGB (H, W, 3) in and out, frame after frame, nothing
    carried over from one clip to the next.

    shown: as it is set. unheld: without what is carried over from frame to frame. unfinished: what
    the stylizer alone makes of it. Where two are the same function, it is judged once.
    """

    shown: Restyle
    unheld: Restyle
    unfinished: Restyle


@dataclass(frozen=True)
class Task:
    """What all contestants are judged on.

    files: see `load_scenes`. size: (width, height) of every picture. readable: the words that are
    read of each scene itself, by its name; where there are none, legibility is left out. sheet:
    whether the pictures are wanted.
    """

    files: tuple[str, ...]
    size: Size
    readable: Mapping[str, Counter[str]]
    sheet: bool = False


@dataclass(frozen=True)
class Judge:
    """style_distance: of a picture to the painting whose style is wanted; None: that is left
    out.
    """

    task: Task
    style_distance: Callable[[Pixels], float] | None = None

    def judge_all(
        self, contestant: Contestant, scenes: Sequence[Scene], advance: Advance
    ) -> Figures:
        """The means over all scenes, geometric ones of sharpness, the least legibility of any, and
        the figures of each by its name; with "pictures", RGB, in the scenes' order, where they are
        wanted.
        """
        by_scene, pictures = {}, []
        for scene in scenes:
            picture = contestant.shown([scene.picture])[0]
            by_scene[scene.name] = self.judge(contestant, scene, picture)
            pictures.append(picture)
            advance(None)
        found = _means(list(by_scene.values()))
        if (legible := _known(by_scene.values(), "legibility")) != []:
            found["legibility_least"] = min(legible)
        found["scenes"] = by_scene
        return found | ({"pictures": pictures} if self.task.sheet else {})

    def judge(self, contestant: Contestant, scene: Scene, picture: Pixels) -> Figures:
        """The figures of one scene. picture: what is shown of its own."""
        source = scene.picture
        energy, plain = sharpness(source), contestant.unfinished([source])[0]
        return {
            **self._legibility(contestant, scene),
            **_calm(contestant, "still_flicker", lambda restyle: _still_flicker(restyle, scene)),
            **_calm(contestant, "noise_gain", lambda restyle: _noise_gain(restyle, source)),
            **_motion(contestant.shown, source, energy),
            "sharpness": _ratio(sharpness(picture), energy),
            "sharpness_to_unfinished": _ratio(sharpness(picture), sharpness(plain)),
            "colour_distance": _rounded(distance(picture, source)),
            **self._style_distance(picture, source),
        }

    def _legibility(self, contestant: Contestant, scene: Scene) -> Figures:
        if not (readable := self.task.readable.get(scene.name)):
            return {}
        (page,) = contestant.shown([write_words(scene.picture)[0]])
        read = read_words(page, readable)
        return {"legibility": _rounded(read.total() / readable.total())}

    def _style_distance(self, picture: Pixels, source: Pixels) -> Figures:
        if self.style_distance is None:
            return {}
        return {
            "style_distance": _rounded(self.style_distance(picture)),
            "style_distance_of_source": _rounded(self.style_distance(source)),
        }


def _calm(contestant: Contestant, name: str, measure: Callable[[Restyle], float]) -> Figures:
    """What is measured as it is set, and unheld."""
    shown = measure(contestant.shown)
    same = contestant.unheld is contestant.shown
    unheld = shown if same else measure(contestant.unheld)
    return {name: _rounded(shown), f"{name}_unheld": _rounded(unheld)}


def _still_flicker(restyle: Restyle, scene: Scene) -> float:
    return flicker(still_part(restyle(scene.half_still())))


def _noise_gain(restyle: Restyle, source: Pixels) -> float:
    clip = noisy(source, SIGMA)
    return noise(restyle(clip)) / noise(clip)


def _motion(restyle: Restyle, source: Pixels, energy: float) -> Figures:
    """energy: sharpness of the source. The first frame of a clip has none before it to be blurred
    by, and does not count as moving.
    """
    errors: list[float] = []
    sharp: list[float] = []
    for step in STEPS:
        clip = restyle(moved(source, step, _MOVING))
        errors.append(warping_error(clip, step))
        sharp += map(sharpness, clip[1:])
    return {
        "warping_error": _rounded(statistics.fmean(errors)),
        "sharpness_in_motion": _ratio(statistics.fmean(sharp), energy),
    }


def _means(figures: Sequence[Figures]) -> Figures:
    """Of each figure over those scenes that have it."""
    names = dict.fromkeys(name for found in figures for name in found)
    known = {name: _known(figures, name) for name in names}
    return {name: _mean(name, values) for name, values in known.items()}


def _mean(name: str, values: list[float]) -> float | None:
    if not values:
        return None
    # of ratios a half and a double come to one
    geometric = name.startswith("sharpness") and min(values) > 0
    return _rounded(statistics.geometric_mean(values) if geometric else statistics.fmean(values))


def _known(figures: Iterable[Figures], name: str) -> list[float]:
    return [found[name] for found in figures if found.get(name) is not None]


def _ratio(value: float, to: float) -> float | None:
    """None where there is nothing to compare with."""
    return _rounded(value / to) if to else None


def _rounded(value: float) -> float:
    """Four digits; what is not 0 stays so."""
    return float(f"{value:.4g}")
