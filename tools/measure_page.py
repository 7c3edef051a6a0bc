"""What the page costs and how soon it answers, in Chromium: pen, key, style, gallery.

    python tools/measure_page.py docs/benchmarks/NAME.json [--model FOLDER]

Each figure is of a `livestyle run` of its own. Pen: strokes on the canvas, restyled by a network,
from the pen's movement to the picture that shows it, as the page measures it. Style: changes
between networks and a filter, on the testcard at 30 fps, from the request to the first picture;
what the output missed meanwhile. Gallery: the pictures of all styles. Key: letters typed into the
prompt, with --model, a model for turbo, beside the bound: what one may still be typing, two frames
of the stylizer and one encoding. Needs Chromium, and a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from live_page import Live, live_page
from playwright.sync_api import Page, Request
from written import parse

from livestyle.machine import describe_machine
from livestyle.stats import Timings
from livestyle.stylizers.style import list_styles

FPS = 30
TYPING_MS = 150  # the page waits so long for the next letter
SETTLED = 3  # s, after which a page has begun
STYLES = ("wave", "ink", "starry_night", "comic", "wave")  # two networks, a filter, networks
DELAYS = """(element) => {
  window.delays = [];
  new MutationObserver(() => window.delays.push(Number(element.dataset.ms)))
    .observe(element, { attributes: true, attributeFilter: ["data-ms"] });
}"""


def _watched(live: Live, element: str) -> Page:
    """The page, which keeps the delays that this element shows."""
    page = live.open(viewport={"width": 1440, "height": 900})
    page.locator(element).evaluate(DELAYS)
    time.sleep(SETTLED)
    return page


def _delays(page: Page) -> dict[str, Any]:
    """What was kept, in ms."""
    kept = Timings()
    for ms in page.evaluate("window.delays"):
        kept.record(round(ms * 1e6))
    return {"count": kept.count, **kept.milliseconds()}


def _pen(style: str) -> dict[str, Any]:
    """Strokes from side to side for 12 s, the pen moved 50 times a second."""
    with live_page("--source", "canvas", "--stylizer", "lite", "--style", style) as live:
        page = _watched(live, "#draw-delay")
        box = page.locator("#drawing").bounding_box()
        assert box
        for stroke in range(12):
            y = box["y"] + box["height"] * (0.1 + 0.07 * stroke)
            page.mouse.move(box["x"] + 0.1 * box["width"], y)
            page.mouse.down()
            for step in range(50):
                page.mouse.move(box["x"] + box["width"] * (0.1 + 0.016 * step), y)
                time.sleep(1 / 50)
            page.mouse.up()
        found = _delays(page)
        report = live.report()
        return {"style": style, "pen_ms": found, "stylizer": report["stylizer"]["ms"]}


def _style() -> dict[str, Any]:
    """Changes every 8 s."""
    asked: list[tuple[str, int, int]] = []
    with live_page("--source", "testcard", "--stylizer", "lite", "--style", STYLES[-1]) as live:
        time.sleep(8)
        for style in STYLES:
            at = time.monotonic_ns()
            asked.append((style, live.client.set(style=style)["change"], at))
            time.sleep(8)
        report = live.report()
        lines = live.log()
    deadlines = [int(line["deadline_ns"]) for line in lines]
    steps = [later - earlier for earlier, later in zip(deadlines, deadlines[1:], strict=False)]
    changes = []
    for style, number, at in asked:
        shown = next(
            int(line["written_at_ns"])
            for line in lines
            if line["kind"] == "unique" and int(line["change"]) >= number
        )
        changes.append(
            {
                "to": style,
                "shown_after_ms": round((shown - at) / 1e6, 1),
                "unique_fps_before": _unique_fps(lines, at - 2 * 10**9, at),
                "unique_fps_meanwhile": _unique_fps(lines, at, max(shown, at + 10**9)),
            }
        )
    return {
        "changes": changes,
        "ticks_lost": sum(step > 1.5e9 / FPS for step in steps),
        "late": report["output"]["late"],
        "frames": report["output"]["frames"],
        "longest_without_a_new_picture_ms": _longest(lines),
    }


def _unique_fps(lines: list[dict[str, str]], since: int, until: int) -> float:
    count = sum(
        line["kind"] == "unique" and since <= int(line["written_at_ns"]) < until for line in lines
    )
    return round(count / ((until - since) / 1e9), 1)


def _longest(lines: list[dict[str, str]]) -> float:
    unique = [int(line["written_at_ns"]) for line in lines if line["kind"] == "unique"]
    return round(max(b - a for a, b in zip(unique, unique[1:], strict=False)) / 1e6, 1)


def _gallery() -> dict[str, Any]:
    """All pictures asked for anew by the page's button, two times."""
    rounds: list[tuple[int, int]] = []
    with live_page("--source", "testcard", "--stylizer", "lite", "--style", STYLES[0]) as live:
        page = _watched(live, "#draw-delay")
        time.sleep(15)  # the page has asked for the first ones itself
        for _ in range(2):
            began = time.monotonic_ns()
            with page.expect_request_finished(_is_last_card, timeout=60_000):
                page.get_by_role("button", name="New pictures").click()
            rounds.append((began, time.monotonic_ns()))
            time.sleep(5)
        report = live.report()
        lines = live.log()
    return {
        "rounds": [
            {
                "seconds": round((ended - began) / 1e9, 2),
                "unique_fps_before": _unique_fps(lines, began - 3 * 10**9, began),
                "unique_fps_meanwhile": _unique_fps(lines, began, ended),
            }
            for began, ended in rounds
        ],
        "styles": len(list_styles()),
        "late": report["output"]["late"],
    }


def _is_last_card(request: Request) -> bool:
    return request.url.split("?")[0].endswith(f"/styles/{list_styles()[-1].name}.jpg")


def _key(model: str) -> dict[str, Any]:
    """A letter every 0.7 s."""
    flags = ["--source", "testcard", "--stylizer", "turbo", "--model", model]
    with live_page(*flags, "--size", "256x256", "--output-size", "1280x720") as live:
        page = _watched(live, "#prompt-delay")
        prompt = page.locator("#prompt")
        prompt.press("End")
        for letter in " in a glass city":
            prompt.press(letter if letter != " " else "Space")
            time.sleep(0.7)
        found = _delays(page)
        report = live.report()
        frame = report["stylizer"]["ms"]["p50"]
        return {
            "key_ms": found,
            "debounce_ms": TYPING_MS,
            "stylizer_ms": report["stylizer"]["ms"],
            "debounce_and_two_frames_ms": round(TYPING_MS + 2 * frame, 1),
        }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", help="JSON file to write")
    parser.add_argument("--model", help="for turbo; its folder")
    arguments = parse(parser, "output")
    figures: dict[str, Any] = {"machine": describe_machine()}
    figures["pen"] = [_pen(style) for style in ("wave", "ink")]
    figures |= {"style": _style(), "gallery": _gallery()}
    if arguments.model:
        figures["key"] = _key(arguments.model)
    print(json.dumps(figures, indent=2))
    arguments.output.write_json(figures)


if __name__ == "__main__":
    main()
