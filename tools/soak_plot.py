"""A plot of a soak: memory, what is held, and when what happened."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure


def plot(figures: dict[str, Any]) -> bytes:
    """As PNG."""
    figure = Figure(figsize=(11, 9), layout="constrained")
    machine = figures["machine"]
    figure.suptitle(
        f"{figures['minutes']:g} minutes with faults, seed {figures['seed']}: "
        f"{machine['cpu']}, {machine['cores']} cores",
        fontsize=11,
    )
    memory, worker, held, happened = figure.subplots(4, sharex=True, height_ratios=(3, 2, 3, 3))
    samples = figures["samples"]
    minutes = [each["at"] / 60 for each in samples]
    memory.plot(minutes, [each["rss_mb"] for each in samples], linewidth=1, label="RSS")
    memory.plot(minutes, [each["anon_mb"] for each in samples], linewidth=1, label="anonymous")
    pss = [(each["at"] / 60, each["pss_mb"]) for each in samples if "pss_mb" in each]
    memory.plot(*zip(*pss, strict=True), linewidth=1, label="PSS")
    memory.set(ylabel="front, MB")
    memory.legend(fontsize=8)
    lives = [(each["at"] / 60, each["worker"]["rss_mb"]) for each in samples if "worker" in each]
    worker.plot(*zip(*lives, strict=True), ".", markersize=2)
    worker.set(ylabel="worker, RSS, MB")
    for name, label in (("fds", "descriptors"), ("threads", "threads"), ("children", "children")):
        held.plot(minutes, [each[name] for each in samples], linewidth=1, label=label)
    held.set(ylabel="front")
    held.legend(fontsize=8)
    _events(happened, figures)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=90)
    return png.getvalue()


def _events(axes: Any, figures: dict[str, Any]) -> None:
    """A row for each kind."""
    rows: dict[str, list[float]] = {"restart": [at / 60 for at, _ in figures["restarts"]]}
    for each in (*figures["faults"], *figures["visits"]):
        rows.setdefault(each["kind"], []).append(each["at"] / 60)
    for number, times in enumerate(rows.values()):
        axes.plot(times, [number] * len(times), "|", markersize=5, color=f"C{number == 0:d}")
    axes.set_yticks(range(len(rows)), list(rows), fontsize=6)
    axes.set(xlabel="minutes")
