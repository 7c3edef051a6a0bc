"""Draw and see, type and see: the canvas, the blank source, and how long a picture takes."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from page_client import HEIGHT, LITE, TURBO, WIDTH, Run, is_live, preview
from playwright.sync_api import Page, expect
from test_page_picture import drag, drop

CANVAS = dataclasses.replace(LITE, source="canvas")


def at(page: Page, x: float, y: float, canvas: str = "#picture") -> list[int]:
    """RGB at a share of the width and the height of a canvas."""
    return page.locator(canvas).evaluate(
        "(canvas, [x, y]) => [...canvas.getContext('2d')"
        ".getImageData(x * canvas.width, y * canvas.height, 1, 1).data].slice(0, 3)",
        [x, y],
    )


def test_what_is_drawn_is_the_picture_while_the_pen_moves(page: Page) -> None:
    with preview(Run(CANVAS)) as web:
        page.goto(web.name)
        is_live(page)
        drawing, delay = page.locator("#drawing"), page.locator("#draw-delay")
        expect(drawing).to_have_attribute("width", str(WIDTH))
        page.get_by_role("button", name="red", exact=True).click()
        page.get_by_label("Size").fill("30")
        box = drawing.bounding_box()
        assert box
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"], steps=10)
        expect(delay).to_contain_text("pen to picture")  # the pen is still down
        page.wait_for_timeout(400)
        np.testing.assert_allclose(at(page, 0.4, 0.5), (0xD6, 0x3B, 0x3B), atol=16)
        np.testing.assert_allclose(at(page, 0.7, 0.5), (255, 255, 255), atol=8)
        page.mouse.up()
        assert 0 < int(delay.get_attribute("data-median") or 0) < 1000


def test_undo_redo_erase_fill_and_clear(page: Page) -> None:
    with preview(Run(CANVAS)) as web:
        page.goto(web.name)
        is_live(page)
        drawing = page.locator("#drawing")

        def shows(x: float, y: float, colour: tuple[int, int, int]) -> None:
            page.wait_for_timeout(400)
            for canvas in ("#drawing", "#picture"):
                np.testing.assert_allclose(at(page, x, y, canvas), colour, atol=16)

        blue, white = (0x2F, 0x6F, 0xD0), (255, 255, 255)
        page.get_by_role("button", name="blue").click()
        page.keyboard.press("g")
        drawing.click(position={"x": 20, "y": 20})
        shows(0.5, 0.5, blue)
        page.keyboard.press("e")
        page.get_by_label("Size").fill("40")
        drag(page, drawing, (0.3, 0.5), (0.7, 0.5))
        shows(0.5, 0.5, white)
        page.get_by_label("Size").blur()
        page.keyboard.press("Control+z")
        shows(0.5, 0.5, blue)
        page.keyboard.press("Control+y")
        shows(0.5, 0.5, white)
        page.get_by_role("button", name="Clear").click()
        shows(0.1, 0.1, white)
        page.get_by_role("button", name="Undo").click()
        shows(0.1, 0.1, blue)


def test_a_picture_dropped_is_drawn_and_the_next_page_has_it(page: Page) -> None:
    green = np.full((90, 160, 3), (60, 180, 60), np.uint8)
    with preview(Run(CANVAS)) as web:
        page.goto(web.name)
        is_live(page)
        expect(page.locator("#drawing")).to_have_attribute("width", str(WIDTH))
        drop(page, cv2.imencode(".png", green)[1].tobytes())
        page.wait_for_timeout(500)
        np.testing.assert_allclose(at(page, 0.5, 0.5), (60, 180, 60), atol=8)
        page.reload()
        is_live(page)
        page.wait_for_timeout(500)
        np.testing.assert_allclose(at(page, 0.5, 0.5, "#drawing"), (60, 180, 60), atol=8)


def test_it_is_drawn_by_keyboard_alone(page: Page) -> None:
    with preview(Run(CANVAS)) as web:
        page.goto(web.name)
        is_live(page)
        page.wait_for_timeout(300)
        page.get_by_label("Size").fill("20")
        page.locator("#drawing").focus()
        page.keyboard.press(" ")
        for _ in range(8):
            page.keyboard.press("ArrowRight")
        page.keyboard.press(" ")
        page.wait_for_timeout(400)
        x = 0.5 + 4 * 8 / WIDTH
        assert max(at(page, x, 0.5)) < 80
        assert min(at(page, x, 0.5 + 40 / HEIGHT)) > 240


def test_words_alone_leave_a_history(page: Page) -> None:
    run = Run(dataclasses.replace(TURBO, source="blank"))
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        past = page.locator("#past-list button")
        expect(past).to_have_count(1)
        for prompt in ("a fox", "a lighthouse"):
            page.wait_for_timeout(800)
            page.locator("#prompt").fill(prompt)
            expect(past.first).to_contain_text(prompt)
        expect(past).to_have_count(3)
        expect(past.first.locator("img")).to_have_js_property("naturalWidth", 240)
        page.wait_for_timeout(800)
        page.get_by_label("Seed", exact=True).fill("12")
        expect(past).to_have_count(4)
        page.wait_for_timeout(800)
        past.nth(2).click()
        expect(page.locator("#prompt")).to_have_value("a fox")
        page.wait_for_timeout(500)
        assert (run.config.prompt, run.config.seed) == ("a fox", 7)


@pytest.mark.slow
def test_the_history_is_of_32(page: Page) -> None:
    run = Run(dataclasses.replace(TURBO, source="blank"))
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        for seed in range(34):
            page.wait_for_timeout(720)
            run.config = dataclasses.replace(run.config, seed=100 + seed)
            run.number += 1
            page.wait_for_timeout(300)
        expect(page.locator("#past-list button")).to_have_count(32)
