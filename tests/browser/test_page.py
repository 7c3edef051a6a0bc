"""The page in a real browser: what it shows and what it says."""

from __future__ import annotations

import dataclasses
import re
import time

import numpy as np
import pytest
from page_client import (
    LITE,
    QUARTERS,
    TURBO,
    WIDTH,
    Run,
    address,
    colours,
    figure,
    is_live,
    preview,
)
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from livestyle.config import Config


def test_it_shows_the_picture_in_its_colours(page: Page) -> None:
    with preview(Run()) as web:
        page.goto(web.name)
        expect(page.locator("#picture")).to_have_attribute("width", str(WIDTH))
        expect(page.locator("#state")).to_have_text("Running")
        rgb = colours(page)
    np.testing.assert_allclose(rgb[:, ::-1], QUARTERS, atol=8)


def test_it_shows_the_figures_and_they_move(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        figure(page, "output.unique_fps").to_have_text("28.5")
        figure(page, "output.fps").to_have_text("30.0")
        figure(page, "output.latency_ms.p50").to_have_text("41.3 ms")
        figure(page, "output.latency_ms.p95").to_have_text("57.5 ms")
        page.locator("#counts summary").click()
        expect(page.locator("#stylizer")).to_have_text("lite on openvino · comic")
        expect(page.locator("#stylizer")).to_have_attribute("title", "it was asked for")
        figure(page, "output.repeated").to_have_text("1,234")
        figure(page, "output.late").to_have_text("0")
        figure(page, "source.missed").to_have_text("–")  # null
        figure(page, "output.freezes").to_have_class("warn")
        figure(page, "worker_restarts").to_have_text("0")
        figure(page, "seconds").to_have_text("1:02:05")
        before = page.locator('[data-figure="stylizer.superseded"]').inner_text()
        figure(page, "stylizer.superseded").not_to_have_text(before)
        run.state |= {"worker_error": "the worker ended"}
        expect(page.locator("#worker-error")).to_have_text("the worker ended")


def test_it_says_what_is_on_and_what_limits_it(page: Page) -> None:
    run = Run()
    sentence = page.locator("#sentence")
    with preview(run) as web:
        page.goto(web.name)
        told = "comic on screen:1, lite on openvino, 28.5 of 30 fps"
        expect(sentence).to_have_text(told)
        for part, words in (
            (run.state, {"limit": "a frame takes 48 of 33 ms"}),
            (run.stylizer, {"building": "building an engine: compile 40%"}),
            (run.stylizer, {"size_why": "640x360 → 512x288: a frame takes 48 of 33.3 ms"}),
        ):
            part |= words
            told += "; " + "".join(words.values())
            expect(sentence).to_have_text(told)
        run.state |= {"advice": "lite takes 90 ms for a frame"}
        told = told.replace("; a frame takes 48 of 33 ms", "")
        expect(sentence).to_have_text(f"{told}; lite takes 90 ms for a frame")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("starting", "Starting"),
        ("loading", "Loading"),
        ("recovering", "Recovering"),
        ("failed", "Failed"),
    ],
)
def test_it_says_how_the_run_is(page: Page, state: str, word: str) -> None:
    run = Run()
    run.state = {"state": state, "message": "starting the worker again"}
    with preview(run) as web:
        page.goto(web.name)
        expect(page.locator("#state")).to_have_text(word)
        expect(page.locator("#sentence")).to_have_text("starting the worker again")
        run.state = {"state": "running", "message": ""}
        expect(page.locator("#state")).to_have_text("Running")


def test_the_token_leaves_the_address(page: Page) -> None:
    with preview(Run()) as web:
        page.goto(web.name)
        expect(page.locator("body")).to_have_attribute("data-link", "live")
        assert page.url == address(web)
        assert page.evaluate("document.cookie") == ""  # no script can read it
        page.reload()
        expect(page.locator("body")).to_have_attribute("data-link", "live")


@pytest.mark.parametrize("fragment", ["", "#token=wrong"])
def test_without_the_token_it_says_what_to_do(page: Page, fragment: str) -> None:
    with preview(Run()) as web:
        page.goto(address(web) + fragment)
        notice = page.locator("#notice")
        expect(notice).to_contain_text("Open the address that livestyle printed")
        page.goto(web.name)  # in the same tab only the fragment changes
        expect(notice).to_be_hidden()
        figure(page, "output.fps").to_have_text("30.0")


def test_it_connects_again_when_the_connection_breaks(page: Page) -> None:
    sockets: list[WebSocketRoute] = []

    def pass_on(route: WebSocketRoute) -> None:
        route.connect_to_server()
        sockets.append(route)

    page.route_web_socket("**/api/v1/live", pass_on)
    with preview(Run()) as web:
        page.goto(web.name)
        figure(page, "output.fps").to_have_text("30.0")
        sockets[0].close()
        expect(page.locator("#notice-title")).to_have_text("Connection lost")
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator("#toast")).to_have_text("Connected again")
        assert len(sockets) == 2


def test_a_restart_on_the_same_port_is_announced(page: Page) -> None:
    notice, state = page.locator("#notice"), page.locator("#state")
    before = Run()
    with preview(before) as web:
        page.goto(web.name)
        expect(state).to_have_text("Running")
        page.get_by_label("Mix").fill("0.5")
        page.wait_for_timeout(400)
        before.number += 50  # others change much
        page.get_by_label("Mix").fill("0.6")
        page.wait_for_timeout(400)
    expect(notice).to_contain_text("Connection lost")
    expect(state).to_have_text("Not connected")
    port = int(address(web).rstrip("/").rpartition(":")[2])
    with preview(Run(), port) as again:
        expect(notice).to_contain_text("livestyle was started again")
        page.goto(again.name)
        expect(notice).to_be_hidden()
        expect(page.locator("#toast")).to_have_text("Connected again")
        expect(page.get_by_label("Mix")).to_have_value("0")  # as that run has it


def test_what_says_nothing_any_more_is_lost(page: Page) -> None:
    """As a network that is gone, which closes nothing."""
    sockets: list[WebSocketRoute] = []
    is_deaf = False

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: None if is_deaf else socket.send(message))
        sockets.append(socket)

    page.route_web_socket(re.compile("/api/v1/live"), route)
    with preview(Run()) as web:
        page.goto(web.name)
        expect(page.locator("#state")).to_have_text("Running")
        is_deaf = True
        expect(page.locator("#notice")).to_contain_text("Connection lost", timeout=10_000)
        is_deaf = False
        expect(page.locator("#state")).to_have_text("Running", timeout=10_000)
        assert len(sockets) > 1


def test_what_has_ended_is_said_and_stays(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        expect(page.locator("#ended")).to_be_empty()
        run.state |= {"ended": ["recording stopped: no space"], "notes": ["osc: not one of ours"]}
        expect(page.locator("#ended")).to_have_text(
            "recording stopped: no space osc: not one of ours"
        )


def test_outputs_are_as_anybody_chose_them(page: Page) -> None:
    run = Run(dataclasses.replace(LITE, sink=("web",)))
    with preview(run) as web:
        page.goto(web.name)
        nothing, camera = page.get_by_label("Nothing"), page.get_by_label("Camera")
        expect(nothing).not_to_be_checked()
        nothing.check()
        camera.check()  # at once: both are wanted
        page.wait_for_timeout(900)
        assert set(run.config.sink) == {"web", "null", "v4l2:/dev/video9"}
        run.config = dataclasses.replace(run.config, sink=("web",))  # on another page
        expect(camera).not_to_be_checked()
        due = time.monotonic() + 1
        run.answer = lambda: "" if time.monotonic() > due else None  # what comes next takes long
        page.get_by_label("Mix").fill("0.5")
        page.wait_for_timeout(100)
        camera.check()
        page.wait_for_timeout(3000)
        assert (run.config.mix, set(run.config.sink)) == (0.5, {"web", "v4l2:/dev/video9"})
        assert all(len(change) == 1 for change in run.changes if "sink" in change)


def test_a_page_that_nobody_sees_watches_nothing(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        figure(page, "output.fps").to_have_text("30.0")
        page.evaluate(
            "Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        page.wait_for_timeout(1000)
        asked = run.asked
        page.wait_for_timeout(1500)
        assert run.asked == asked
        page.evaluate(
            "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"
        )
        page.wait_for_timeout(1500)
        assert run.asked > asked


def test_a_run_that_runs_says_what_there_is_to_it(page: Page) -> None:
    run = Run()
    state = page.locator("#state")
    with preview(run) as web:
        page.goto(web.name)
        expect(state).to_have_text("Running")
        for word in ("degraded", "standby"):
            run.state |= {"state": word, "message": "the source is slow"}
            expect(state).to_have_text(word.capitalize())
            expect(page.locator("#sentence")).to_have_text("the source is slow")
        run.state |= {"state": "running", "message": ""}
        run.config = dataclasses.replace(run.config, off=True)
        expect(state).to_have_text("Off")


@pytest.mark.parametrize("width", [320, 360, 820, 1440, 3840])
@pytest.mark.parametrize("source", ["screen:1", "canvas"])
def test_it_fits_any_width(page: Page, width: int, source: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    with preview(Run(dataclasses.replace(TURBO, source=source))) as web:
        page.goto(web.name)
        is_live(page)
        if source == "canvas":
            expect(page.locator("#draw-bar")).to_be_visible()
        page.locator("#advanced summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        rates = page.locator("#rates output")
        boxes = [each.bounding_box() for each in rates.all()]
    unique, output = (box or {} for box in boxes)
    assert unique["y"] == output["y"]
    assert unique["x"] + unique["width"] < output["x"] < output["x"] + output["width"] <= width


@pytest.mark.parametrize("config", [LITE, TURBO], ids=["lite", "turbo"])
def test_nothing_important_is_below_the_fold(page: Page, config: Config) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    with preview(Run(config)) as web:
        page.goto(web.name)
        is_live(page)
        assert page.evaluate("document.documentElement.scrollHeight") <= 900
        for each in ("#on", "#actions", "#cards button", "#latency", "#look", "#source-pick"):
            box = page.locator(each).first.bounding_box()
            assert box and box["y"] + box["height"] <= 900, each
        box = page.locator("#outputs").bounding_box()
        assert box and box["y"] + box["height"] <= 900
        picture = page.locator("#frame").bounding_box()
        assert picture and picture["width"] > 900


def test_at_4k_the_picture_has_the_height(page: Page) -> None:
    page.set_viewport_size({"width": 3840, "height": 2160})
    with preview(Run()) as web:
        page.goto(web.name)
        is_live(page)
        picture = page.locator("#frame").bounding_box()
        assert picture and picture["height"] > 0.8 * 2160
        assert picture["width"] / picture["height"] == pytest.approx(16 / 9, rel=0.01)
        page.keyboard.press("b")
        picture = page.locator("#frame").bounding_box()
        assert picture and picture["height"] > 0.9 * 2160
        assert page.evaluate("document.documentElement.scrollHeight") <= 2160


@pytest.mark.parametrize("source", ["screen:1", "canvas"])
def test_by_thumb_everything_is_large_enough(browser: Browser, source: str) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    with preview(Run(dataclasses.replace(TURBO, source=source))) as web:
        page.goto(web.name)
        is_live(page)
        page.locator("#advanced summary").click()
        small = page.evaluate(SMALL)
        assert small == []
        assert page.evaluate("innerWidth") == 360
        expect(page.locator("#full")).to_be_visible()
        expect(page.locator("#big")).to_be_hidden()  # there are no panels beside the picture
    context.close()


SMALL = """() => [...document.querySelectorAll("button, select, textarea, summary, input")]
  .filter((each) => each.checkVisibility())
  .map((each) => [each, each.type === "checkbox" ? each.closest("label, .field") : each])
  .map(([each, area]) => [each.id || each.textContent, area.getBoundingClientRect()])
  .filter(([, box]) => box.width < 38 || box.height < 38)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
