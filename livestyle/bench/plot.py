"""Plots of what `livestyle bench turbo` measured, as one PNG."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from livestyle.errors import MissingPackage

try:
    from matplotlib.figure import Figure
except ImportError as missing:
    raise MissingPackage(missing.name or "matplotlib", "bench") from missing

_BINS = 40
_WIDE, _WIDE_BINS = 4.0, 160


def sheet(pictures: dict[str, Any]) -> bytes:
    """What each contestant made of the same frame, at full size, named, as PNG.

    pictures: RGB (h, w, 3), all of one size.
    """
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    height, width = next(iter(pictures.values())).shape[:2]
    figure = Figure(figsize=(columns * width / 100, rows * (height + 24) / 100), dpi=100)
    for number, (name, picture) in enumerate(pictures.items()):
        left, top = number % columns * width, number // columns * (height + 24) + 24
        figure.figimage(picture, left, rows * (height + 24) - top - height)
        figure.text(
            (left + 4) / (columns * width), 1 - (top - 18) / (rows * (height + 24)), name,
            fontsize=8, verticalalignment="top",
        )  # fmt: skip
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()


def plot_turbo(figures: dict[str, Any]) -> bytes:
    """Two plots as PNG: how long frames took, as a histogram, and the median of each stage."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    device, size = figures["machine"]["device"], "{}x{}".format(*figures["size"])
    cpu = f"{figures['machine']['cpu']}, {figures['machine']['cores']} cores"
    where = cpu if device == "cpu" else device
    contestants = {
        name: found for name, found in figures["contestants"].items() if "frame_ms" in found
    }
    ours = contestants["livestyle"]
    figure.suptitle(f"{figures['model']}\n{size}, {ours['engine']}, {where}", fontsize=11)
    above, below = figure.subplots(2, height_ratios=(3, 2))
    _latencies(above, contestants)
    _stages(below, ours.get("stage_ms", {}))
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return png.getvalue()


def _latencies(axes: Any, contestants: dict[str, Any]) -> None:
    everything = np.concatenate([found["frame_ms_each"] for found in contestants.values()])
    ends = everything.min() * 0.98, everything.max() * 1.02
    # where one takes many times as long as another, each is still told from the next
    wide = ends[1] > _WIDE * ends[0]
    bins = np.geomspace(*ends, _WIDE_BINS) if wide else np.linspace(*ends, _BINS)
    for number, (name, found) in enumerate(contestants.items()):
        colour, p50, p99 = f"C{number}", found["frame_ms"]["p50"], found["frame_ms"]["p99"]
        label = f"{name}: p50 {_ms(p50)}, p99 {_ms(p99)}"
        axes.hist(found["frame_ms_each"], bins, color=colour, alpha=0.6, label=label)
        axes.axvline(p50, color=colour, linestyle="--", linewidth=1)
    axes.set(xlabel="ms from uint8 to uint8 (dashed: p50)", ylabel="frames")
    if wide:
        axes.set_xscale("log")
        for which in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            which("{x:g}")
    axes.legend(fontsize=9)


def _stages(axes: Any, stages: dict[str, Any]) -> None:
    if "error" in stages or not stages:
        axes.set(xlabel="stages: not measured")
        return
    medians = [stage["p50"] for stage in stages.values()]
    above = [max(0.0, stage["p99"] - stage["p50"]) for stage in stages.values()]
    bars = axes.barh(list(stages), medians, xerr=[[0] * len(above), above], capsize=3)
    axes.bar_label(bars, [_ms(ms) for ms in medians], padding=6, fontsize=9)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set(xlabel="ms, p50 (whisker: p99)")


def _ms(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:.0f} ms" if value >= 1000 else f"{value:.3g} ms"
