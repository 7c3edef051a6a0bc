"""A stream run from the page: `livestyle run` on a real game, till its worker is killed."""

from __future__ import annotations

import contextlib
import csv
import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import waiting
from display import Display
from game import running_game
from page_client import colours
from playwright.sync_api import ConsoleMessage, Page, expect
from test_page_picture import drag, drop

until = functools.partial(waiting.until, every=0.2)

FPS = 15
WIDTH, HEIGHT = 160, 90
PIXELS = f"""(canvas) => {{
  const pen = new OffscreenCanvas({WIDTH}, {HEIGHT}).getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(canvas, 0, 0, {WIDTH}, {HEIGHT});
  return [...pen.getImageData(0, 0, {WIDTH}, {HEIGHT}).data.filter((_, at) => at % 4 === 1)];
}}"""


@pytest.fixture
def stream(make_display: Callable[..., Display], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`livestyle run` on the game, started as a user does."""
    (tmp_path / "home").mkdir()
    with running_game(make_display, tmp_path) as display:
        command = [sys.executable, "-m", "livestyle", "run", "--source", "screen:1"]
        command += ["--stylizer", "lite", "--style", "comic", "--fps", str(FPS), "--port", "0"]
        command += ["--sink", "web", "--sink", "null", "--frame-log", "f.csv"]
        environment = {**os.environ, "DISPLAY": display, "HOME": str(tmp_path / "home")}
        with (tmp_path / "stderr").open("w") as said:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environment, stderr=said, text=True
            )
            try:
                yield process
            finally:
                process.terminate()
                process.wait(30)


@pytest.mark.timeout(420)
def test_a_stream_is_run_from_the_page(
    stream: subprocess.Popen[str], page: Page, tmp_path: Path
) -> None:
    expect.set_options(timeout=30_000)  # of a machine that does all this at once
    said: list[str] = []
    page.on("console", lambda message: message.type == "error" and said.append(_told(message)))
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(_address(tmp_path / "stderr"))
    state = page.locator("#state")
    expect(state).to_have_text("Running", timeout=60_000)
    _wait_until_styled(tmp_path)

    # both pictures move
    page.keyboard.press("w")
    expect(page.locator("#source-picture")).to_be_visible(timeout=20_000)
    for canvas in ("#picture", "#source-picture"):
        first = _pixels(page, canvas)
        until(lambda canvas=canvas, first=first: not np.array_equal(_pixels(page, canvas), first))
    apart = np.abs(_pixels(page, "#picture") - _pixels(page, "#source-picture")).mean()
    assert apart > 4  # one of them is styled

    # three styles, and no tick of the output without its frame
    for style in ("ink", "dusk", "noir"):
        page.get_by_role("button", name=re.compile(style)).click()
        expect(page.locator("#style-name")).to_have_text(style)
        page.wait_for_timeout(1500)
    lines = _log(tmp_path)
    deadlines = [int(line["deadline_ns"]) for line in lines]
    steps = np.diff(deadlines) * FPS / 1e9
    assert np.abs(steps - 1).max() < 0.01
    styled = next(at for at, line in enumerate(lines) if line["kind"] == "unique")
    assert {line["kind"] for line in lines[styled:]} <= {"unique", "repeated"}

    # a snapshot, another look, and the look of the snapshot again
    page.get_by_label("Mix", exact=True).fill("0.2")
    page.wait_for_timeout(1000)
    with page.expect_download() as download:
        page.keyboard.press("s")
    download.value.save_as(tmp_path / "snapshot.png")
    page.get_by_role("button", name=re.compile("comic")).click()
    page.get_by_label("Mix", exact=True).fill("0")
    expect(page.locator("#style-name")).to_have_text("comic")
    drop(page, (tmp_path / "snapshot.png").read_bytes())
    expect(page.locator("#style-name")).to_have_text("noir")
    expect(page.get_by_label("Mix", exact=True)).to_have_value("0.2")

    # what is kept is as the source has it
    page.get_by_label("Mix", exact=True).fill("0")
    page.keyboard.press("k")
    drag(page, page.locator("#kept"), (0.3, 0.2), (0.7, 0.6))
    expect(page.locator("#kept button")).to_have_count(1)
    until(lambda: _differences(page)[0] * 3 < _differences(page)[1])
    page.get_by_role("button", name="Remove all").click()
    page.keyboard.press("Escape")

    # off is the source as it is, and on again
    page.keyboard.press("o")
    expect(page.locator("#badge")).to_be_visible()
    until(lambda: _differences(page)[1] < 3)
    page.keyboard.press("o")
    expect(page.locator("#badge")).to_be_hidden()
    until(lambda: _differences(page)[1] > 3)
    page.keyboard.press("w")

    # a recording
    record = page.locator("#record")
    record.click()
    expect(record).to_have_attribute("aria-pressed", "true", timeout=20_000)
    page.wait_for_timeout(2000)
    record.click()
    expect(page.locator("#recording")).to_contain_text("Saved", timeout=20_000)
    saved = page.locator("#recording").inner_text().removeprefix("Saved ")
    assert Path(saved).is_relative_to(tmp_path) and Path(saved).stat().st_size > 10_000

    # what is drawn is the source
    page.get_by_label("Source", exact=True).select_option("canvas")
    expect(page.locator("#drawing")).to_be_visible(timeout=20_000)
    until(lambda: colours(page).min() > 230)
    page.get_by_label("Size").fill("60")
    drag(page, page.locator("#drawing"), (0.25, 0.25), (0.26, 0.25))
    expect(page.locator("#draw-delay")).to_contain_text("pen to picture")
    until(lambda: colours(page)[0].max() < 100)
    page.get_by_label("Source", exact=True).select_option("screen:1")
    expect(page.locator("#drawing")).to_be_hidden(timeout=20_000)

    # the worker is killed, and comes back
    _worker(stream.pid).kill()
    expect(state).to_have_text("Recovering", timeout=20_000)
    expect(state).to_have_text("Running", timeout=60_000)
    assert said == []


def _told(message: ConsoleMessage) -> str:
    return f"{message.text} {message.location.get('url')}"


def _address(file: Path) -> str:
    def find() -> re.Match[str] | None:
        return re.search(r"http://127\.0\.0\.1:\d+/#token=[\w-]+", file.read_text())

    return until(find).group()


def _wait_until_styled(folder: Path) -> None:
    until(lambda: any(line["kind"] == "unique" for line in _log(folder)))


def _log(folder: Path) -> list[dict[str, str]]:
    """The lines written whole by now."""
    file = folder / "f.csv.part"
    text = file.read_text() if file.exists() else ""
    return list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))


def _pixels(page: Page, canvas: str) -> np.ndarray:
    """Green of the picture, small: (HEIGHT, WIDTH)."""
    return np.array(page.locator(canvas).evaluate(PIXELS), np.float32).reshape(HEIGHT, WIDTH)


def _differences(page: Page) -> tuple[float, float]:
    """How far the output is from the input: within the middle of the kept rectangle, and outside
    of it. The game moves on between the two: what moves counts little in a median.
    """
    output, source = _pixels(page, "#picture"), _pixels(page, "#source-picture")
    apart = np.abs(output - source)
    inside = apart[HEIGHT // 4 : HEIGHT // 2, 2 * WIDTH // 5 : 3 * WIDTH // 5]
    return float(np.median(inside)), float(np.median(apart[7 * HEIGHT // 10 :]))


def _worker(front: int) -> psutil.Process:
    for child in psutil.Process(front).children():
        with contextlib.suppress(psutil.Error):  # a zombie's command line cannot be read
            if "spawn_main" in " ".join(child.cmdline()):
                return child
    raise AssertionError("no worker")
