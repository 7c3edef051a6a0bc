"""What `bench` and `build` found, in words; --json has all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Figures = Mapping[str, Any]


def describe_bench(figures: Figures) -> str:
    """The figures of one bench, on which machine, in a few lines."""
    benches = {"lite": _lite, "turbo": _turbo, "floor": _floor, "picture": _picture}
    described = benches[figures["bench"]]
    machine = figures["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores"
    if machine.get("device", "cpu") != "cpu":
        where = f"{machine['device']}; {where}"
    return "\n".join([where, *described(figures)])


def describe_build(folder: str, phases: Figures, order: Iterable[str]) -> str:
    """Where the engine is, and what each phase took and found. order: of the phases."""
    lines = [f"engine {folder}"]
    for name in order:
        found = phases[name]
        rest = {key: value for key, value in found.items() if key != "seconds"}
        words = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in rest.items())
        lines.append(f"  {name:10} {found['seconds']:7.1f} s  {words}")
    return "\n".join(lines)


def _lite(figures: Figures) -> list[str]:
    percent = figures["percent_of_floor"]
    return [
        f"lite {figures['style']}, {_size(figures['network_size'])} inside, "
        f"{_size(figures['output_size'])} out, {figures['pairs']} pairs",
        *(
            f"  {name:8} {_times(figures[f'{name}_ms'])}, {percent[name]:g} % of the floor"
            for name in ("stage", "network")
        ),
        f"  ratio    {figures['ratio']:g}",
    ]


def _floor(figures: Figures) -> list[str]:
    return [
        f"{figures['model']}, {_size(figures['size'])}, steps {figures['steps']}, "
        f"{figures['precision']}",
        f"  floor      {figures['floor_ms']:g} ms, {figures['floor_fps']:g} fps",
        f"  UNet       {figures['unet_arithmetic_ms']:g} ms of arithmetic at "
        f"{figures['measured_tflops']:g} TFLOPS, {figures['unet_reading_ms']:g} ms of reading at "
        f"{figures['measured_gb_s']:g} GB/s",
        f"  autoencoder  {figures['autoencoder_ms']:g} ms",
    ]


def _turbo(figures: Figures) -> list[str]:
    contestants = figures["contestants"]
    width = max(map(len, contestants))
    lines = [
        f"{figures['model']}, {_size(figures['size'])}, steps {figures['steps']}",
        f"  {'':{width}}  ms p50     p95     p99      fps  ratio  of floor  precision",
    ]
    for name, found in contestants.items():
        if "frame_ms" not in found:
            lines.append(f"  {name:{width}}  failed")
            continue
        ms, floor = found["frame_ms"], found["percent_of_floor"]
        part = "–" if floor is None else f"{floor:.0f} %"
        lines.append(
            f"  {name:{width}} {ms['p50']:7.1f} {ms['p95']:7.1f} {ms['p99']:7.1f} "
            f"{found['fps']:8.2f} {found['ratio']:6.2f} {part:>9}  {found['precision']}"
        )
    if stages := contestants["livestyle"].get("stage_ms"):
        parts = ", ".join(f"{name} {ms['p50']:g}" for name, ms in stages.items())
        lines.append(f"  stages, ms: {parts}")
    if loop := figures["open_loop"]:
        lines.append(
            f"  live at {loop['fps']:g} fps: {loop['unique_fps']:g} unique fps, latency "
            f"{_times(loop['latency_ms'])}"
        )
    return lines


# of the table of `bench picture`: two lines of title, the figure's name, and how it is written
_COLUMNS = (
    ("words", "read", "legibility", ".2f"),
    ("", "least", "legibility_least", ".2f"),
    ("still", "flicker", "still_flicker", ".2g"),
    ("", "unheld", "still_flicker_unheld", ".2g"),
    ("noise", "gain", "noise_gain", ".2g"),
    ("", "unheld", "noise_gain_unheld", ".2g"),
    ("moving", "warping", "warping_error", ".1f"),
    ("", "sharp", "sharpness_in_motion", ".2f"),
    ("sharp", "/source", "sharpness", ".2f"),
    ("", "/unfinished", "sharpness_to_unfinished", ".2f"),
    ("colour", "distance", "colour_distance", ".0f"),
    ("style", "distance", "style_distance", ".2f"),
    ("", "source's", "style_distance_of_source", ".2f"),
)


def _picture(figures: Figures) -> list[str]:
    contestants = figures["contestants"]
    columns = [
        column
        for column in _COLUMNS
        if any(found.get(column[2]) is not None for found in contestants.values())
    ]
    finish = ", ".join(
        f"{name} {'of each style' if value is None else format(value, 'g')}"
        for name, value in figures["finish"].items()
    )
    rows = [
        ["", *(above for above, *_ in columns), "ms here", ""],
        ["", *(below for _, below, *_ in columns), "stylize", "finish"],
        *([name, *_judged(found, columns)] for name, found in contestants.items()),
    ]
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(len(rows[0]))]
    return [
        f"{figures['stylizer']}, {_size(figures['output_size'])}, {finish}; on "
        + ", ".join(figures["scenes"]),
        *(f"  {row[0]:{widths[0]}}  {_right(row[1:], widths[1:])}" for row in rows),
    ]


def _judged(found: Figures, columns: Iterable[tuple[str, str, str, str]]) -> list[str]:
    if "error" in found:
        return ["failed"]
    cells = [_cell(found.get(name), form) for _, _, name, form in columns]
    here = found["here"]
    return cells + [_cell(here.get(name), ".1f") for name in ("stylize_ms", "finish_ms")]


def _cell(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _right(cells: list[str], widths: list[int]) -> str:
    return "  ".join(map(str.rjust, cells, widths)).rstrip()


def _times(ms: Figures) -> str:
    known = {name: value for name, value in ms.items() if value is not None}
    return ", ".join(f"{name} {value:g}" for name, value in known.items()) + " ms"


def _size(size: list[int]) -> str:
    return "{}x{}".format(*size)
