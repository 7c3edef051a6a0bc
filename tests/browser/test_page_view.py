"""The view in a real browser, as OBS has one: the picture alone, a card, and all by itself."""

from __future__ import annotations

import cv2
import numpy as np
from page_client import HEIGHT, QUARTERS, WIDTH, Run, address, preview
from playwright.sync_api import Page, expect
from web_client import ask, bearer, send

from livestyle.sinks.web import WebPreview


def made(web: WebPreview) -> str:
    return str(send(web, "POST /api/v1/view", {}).json()["page"])


def here(web: WebPreview) -> int:
    return int(address(web).rstrip("/").rpartition(":")[2])


def seen(page: Page) -> np.ndarray:
    """A screenshot as OBS takes it: BGRA, without a ground of the browser's own."""
    png = page.screenshot(omit_background=True)
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert shown is not None
    return shown


def test_it_is_the_picture_alone_on_a_transparent_ground(page: Page) -> None:
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT + 200})
    with preview(Run()) as web:
        page.goto(made(web))
        expect(page.locator("#picture")).to_be_visible()
        expect(page.locator("#picture")).to_have_attribute("width", str(WIDTH))
        expect(page.locator("#card")).to_be_hidden()
        shown = seen(page)
        assert page.context.cookies() == []
    assert shown.shape == (HEIGHT + 200, WIDTH, 4)
    at = [(y, x) for y in (HEIGHT // 4, HEIGHT * 3 // 4) for x in (WIDTH // 4, WIDTH * 3 // 4)]
    found = [shown[y + 100, x] for y, x in at]
    np.testing.assert_allclose(found, [(*each, 255) for each in QUARTERS], atol=8)
    assert shown[:95, :, 3].max() == 0 and shown[-95:, :, 3].max() == 0
    assert told == []


def test_a_card_stands_where_nothing_comes_and_goes_when_it_does(page: Page) -> None:
    card, picture = page.locator("#card"), page.locator("#picture")
    with preview(Run()) as web:
        path, port = made(web), here(web)
        page.goto(path)
        expect(picture).to_be_visible()
    expect(card).to_have_text("one moment")
    expect(picture).to_be_hidden()
    shown = seen(page)
    assert shown[0, 0, 3] == 0 and 0 < (shown[..., 3] > 0).mean() < 0.1
    with preview(Run(), port):  # the next run, at the same port
        expect(picture).to_be_visible()
        expect(card).to_be_hidden()
        page.reload()
        expect(picture).to_be_visible()


def test_it_says_when_it_was_taken_back(page: Page) -> None:
    card, picture = page.locator("#card"), page.locator("#picture")
    with preview(Run()) as web:
        page.goto(made(web))
        expect(picture).to_be_visible()
        assert ask(web, "DELETE /api/v1/view", bearer(web)).status == 200
        expect(picture).to_be_hidden()
        expect(card).to_have_text("this address was taken back")


def test_the_stream_is_a_picture_that_moves(page: Page) -> None:
    with preview(Run()) as web:
        stream = send(web, "POST /api/v1/view", {}).json()["stream"]
        page.goto(stream, wait_until="commit")
        page.wait_for_function("document.images[0]?.naturalWidth > 0")
        size = page.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]")
        assert size == [WIDTH, HEIGHT]
        page.goto("about:blank")
