"""What is done on the picture: before and after, what is kept, snapshots, the keys."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_client import HEIGHT, LITE, QUARTERS, TURBO, WIDTH, Run, colours, is_live, preview
from playwright.sync_api import Locator, Page, expect


def drag(page: Page, area: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From and to shares of the width and the height of the area."""
    box = area.bounding_box()
    assert box
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=5)
    page.mouse.up()


def test_the_wipe_shows_the_input_and_asks_for_it_while_it_is_open(page: Page) -> None:
    run = Run()
    assert run.slots.source
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        page.wait_for_timeout(700)
        assert not run.slots.source.is_wanted
        source, handle = page.locator("#source-picture"), page.get_by_role("slider", name="Before")
        expect(source).to_be_hidden()
        page.get_by_role("button", name="Wipe").click()
        expect(source).to_be_visible()
        assert run.slots.source.is_wanted
        rgb = colours(page, "#source-picture")
        np.testing.assert_allclose(255 - rgb[:, ::-1], QUARTERS, atol=8)
        expect(handle).to_have_attribute("aria-valuenow", "50")
        drag(page, page.locator("#frame"), (0.5, 0.5), (0.2, 0.4))
        expect(handle).to_have_attribute("aria-valuenow", "20")
        handle.press("ArrowRight")
        expect(handle).to_have_attribute("aria-valuenow", "25")
        handle.press("End")
        expect(handle).to_have_attribute("aria-valuenow", "100")
        page.get_by_role("button", name="Wipe").click()
        expect(source).to_be_hidden()
        page.wait_for_timeout(1200)
        assert not run.slots.source.is_wanted


def test_rectangles_are_drawn_and_removed_on_the_picture(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        boxes = page.locator("#kept button")
        page.get_by_role("button", name="Keep").click()
        drag(page, page.locator("#kept"), (0.1, 0.2), (0.4, 0.5))
        expect(boxes).to_have_count(1)
        page.wait_for_timeout(400)
        (kept,) = run.config.kept
        wanted = (0.1 * WIDTH, 0.2 * HEIGHT, 0.3 * WIDTH, 0.3 * HEIGHT, 0)
        assert kept == pytest.approx(wanted, abs=2)
        drag(page, page.locator("#kept"), (0.6, 0.6), (0.8, 0.9))
        expect(boxes).to_have_count(2)
        boxes.first.click()
        expect(boxes).to_have_count(1)
        page.wait_for_timeout(400)
        assert len(run.config.keep) == 1


def test_rectangles_are_kept_by_keyboard_alone(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        page.keyboard.press("k")
        page.get_by_role("button", name="Add one").press("Enter")
        page.wait_for_timeout(400)
        (before,) = run.config.kept
        for key in ("ArrowLeft", "ArrowDown", "Shift+ArrowRight"):
            page.keyboard.press(key)
            page.wait_for_timeout(200)
        (after,) = run.config.kept
        assert after[0] < before[0] and after[1] > before[1] and after[2] > before[2]
        page.keyboard.press("Delete")
        page.wait_for_timeout(400)
        assert run.config.keep == ()
        page.keyboard.press("Escape")
        expect(page.locator("#keep-bar")).to_be_hidden()


def test_a_snapshot_dropped_back_brings_its_look_back(page: Page, tmp_path: Path) -> None:
    run = Run(TURBO)
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        with page.expect_download() as download:
            page.get_by_role("button", name="Snapshot").click()
        assert download.value.suggested_filename.startswith("livestyle-20")
        file = tmp_path / "snapshot.png"
        download.value.save_as(file)
        assert b"iTXt" in file.read_bytes()
        page.locator("#prompt").fill("a dog")
        page.get_by_label("Strength").fill("0.9")
        page.wait_for_timeout(600)
        assert (run.config.prompt, run.config.strength) == ("a dog", 0.9)
        drop(page, file.read_bytes())
        expect(page.locator("#toast")).to_contain_text("The snapshot's look again")
        expect(page.get_by_label("Strength")).to_have_value("0.5")
        assert (run.config.prompt, run.config.strength) == ("oil painting", 0.5)
        expect(page.locator("#prompt")).to_have_value("oil painting")


def test_of_a_snapshot_only_what_has_a_use_is_taken(page: Page) -> None:
    run = Run(LITE)
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        drop(page, png_with({"prompt": "a cat", "mix": 0.4, "steps": None}, packed=True))
        expect(page.locator("#toast")).to_have_text("The snapshot's look again, without prompt")
        page.wait_for_timeout(400)
        assert run.sent == {"mix": 0.4}
        others = {"source": "camera:0", "sink": ["null"], "fps": 5, "cursor": True, "off": True}
        drop(page, png_with(others | {"aspect": "fill", "colour": 0.5}))
        told = "The snapshot's look again, without source, sink, fps, cursor, off"
        expect(page.locator("#toast")).to_have_text(told)
        page.wait_for_timeout(400)
        assert run.sent == {"mix": 0.4, "aspect": "fill", "colour": 0.5}
        drop(page, png_with(None))
        expect(page.locator("#toast")).to_contain_text("holds no settings")
        drop(page, b"no picture at all")
        expect(page.locator("#toast")).to_contain_text("holds no settings")


def test_of_a_damaged_snapshot_nothing_is_taken_that_is_none(page: Page) -> None:
    """A hundred, and others that hold what are no settings; a whole one is taken after them."""
    run, dice = Run(LITE), random.Random(20261128)
    whole = {"mix": 0.4, "style": "ink", "keep": ["0,0,9,9"], "prompt": "a cat", "seed": 3}
    spoilt = [
        png_with(held)  # type: ignore[arg-type]
        for held in ([1], "mix", 5, True, {}, {"mix": {"a": 1}}, {"keep": 7}, {"__proto__": {}})
    ]
    for number in range(100):
        file = bytearray(png_with(whole, packed=bool(number % 2)))
        for _ in range(dice.choice([1, 1, 3, 20])):
            file[dice.randrange(33, len(file))] = dice.randrange(256)
        spoilt.append(bytes(file[: dice.choice([len(file), dice.randrange(len(file))])]))
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        drop(page, png_with("mix"))  # type: ignore[arg-type]
        expect(page.locator("#toast")).to_contain_text("holds no settings")
        for file in spoilt:
            drop(page, file)
            page.wait_for_timeout(10)
        drop(page, png_with({"mix": 0.7, "aspect": "fill"}))
        expect(page.locator("#toast")).to_have_text("The snapshot's look again")
        page.wait_for_timeout(600)
        assert (run.sent["mix"], run.sent["aspect"]) == (0.7, "fill")
        assert set(run.sent) <= {"mix", "aspect", "style", "keep"}


def png_with(settings: dict[str, Any] | None, *, packed: bool = False) -> bytes:
    """A PNG of one pixel that carries them."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    text = json.dumps(settings).encode()
    body = bytes([packed, 0]) + b"\0\0" + (zlib.compress(text) if packed else text)
    held = chunk(b"iTXt", b"livestyle\0" + body) if settings is not None else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0\0\0"))
    return b"\x89PNG\r\n\x1a\n" + header + held + pixels + chunk(b"IEND", b"")


DROP = """(content) => {
  const held = new DataTransfer();
  held.items.add(new File([new Uint8Array(content)], "dropped.png", { type: "image/png" }));
  const how = { dataTransfer: held, bubbles: true, cancelable: true };
  for (const kind of ["dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, how));
}"""


def drop(page: Page, content: bytes) -> None:
    """Drop a file on the page."""
    page.evaluate(DROP, list(content))


def test_keys_act_and_are_listed(page: Page) -> None:
    run = Run(TURBO)
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        page.keyboard.press("o")
        expect(page.locator("#badge")).to_be_visible()
        page.keyboard.press("o")
        expect(page.locator("#badge")).to_be_hidden()
        page.keyboard.press("w")
        expect(page.locator("#wipe")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#wipe")).to_be_hidden()
        page.keyboard.press("2")
        expect(page.locator("#style-name")).to_have_text("pencil")
        page.keyboard.press("r")
        expect(page.locator("#record")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("r")
        expect(page.locator("#record")).to_have_attribute("aria-pressed", "false")
        with page.expect_download():
            page.keyboard.press("s")
        page.keyboard.press("b")
        expect(page.locator("#right")).to_be_hidden()
        page.keyboard.press("b")
        expect(page.locator("#right")).to_be_visible()
        page.keyboard.press("f")
        page.wait_for_function("document.fullscreenElement !== null")
        page.keyboard.press("f")
        page.wait_for_function("document.fullscreenElement === null")
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        listed = page.locator("#help-keys").inner_text()
        assert all(key in listed for key in "OSRWKBF/?")
        page.keyboard.press("Escape")
        expect(page.locator("#help")).to_be_hidden()


def test_keys_rest_while_one_types(page: Page) -> None:
    run = Run(TURBO)
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        page.keyboard.press("/")
        expect(page.locator("#prompt")).to_be_focused()
        page.keyboard.press("End")
        page.keyboard.type(" of 2 swords?")
        page.wait_for_timeout(600)
        assert run.sent == {"prompt": "oil painting of 2 swords?"}
        assert run.recorded is None and not run.config.off
        expect(page.locator("#help")).to_be_hidden()
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        page.get_by_label("single keys act").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("o")
        page.wait_for_timeout(300)
        assert not run.config.off
