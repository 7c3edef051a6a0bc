"""The page in a real browser: what it shows and what it says."""

from __future__ import annotations

import numpy as np
import pytest
from page_client import QUARTERS, WIDTH, Run, address, figure, preview
from playwright.sync_api import Page, WebSocketRoute, expect

SAMPLE = """() => {
  const canvas = document.querySelector("#picture");
  const pen = canvas.getContext("2d");
  const at = (x, y) => [...pen.getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
  return [[.25, .25], [.75, .25], [.25, .75], [.75, .75]].map(([x, y]) => at(x, y).slice(0, 3));
}"""


def test_it_shows_the_picture_in_its_colours(page: Page) -> None:
    with preview(Run()) as web:
        page.goto(web.name)
        expect(page.locator("#picture")).to_have_attribute("width", str(WIDTH))
        rgb = np.array(page.evaluate(SAMPLE))
    np.testing.assert_allclose(rgb[:, ::-1], QUARTERS, atol=8)


def test_it_shows_the_figures_and_they_move(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        expect(page.locator("#state")).to_have_text("Running")
        expect(page.locator("#sentence")).to_have_text("lite on openvino restyles screen:1")
        expect(page.locator("#stylizer")).to_have_text("lite on openvino · wave")
        figure(page, "output.unique_fps").to_have_text("28.5")
        figure(page, "output.fps").to_have_text("30.0")
        figure(page, "output.latency_ms.p50").to_have_text("41.3 ms")
        figure(page, "output.latency_ms.p95").to_have_text("57.5 ms")
        figure(page, "output.repeated").to_have_text("1,234")
        figure(page, "output.late").to_have_text("0")
        figure(page, "source.missed").to_have_text("–")  # null
        figure(page, "output.freezes").to_have_class("warn")
        figure(page, "worker_restarts").to_have_text("0")
        figure(page, "seconds").to_have_text("1:02:05")
        expect(page.locator("#sinks")).to_contain_text("record:<b>x</b>.mp4")
        expect(page.locator("#sinks .note")).to_have_text("12 frames dropped: slow disk")
        before = page.locator('[data-figure="stylizer.superseded"]').inner_text()
        figure(page, "stylizer.superseded").not_to_have_text(before)
        expect(page.locator("#stylizer")).to_have_attribute("title", "it was asked for")
        run.building = "building an engine: compile 40%"
        told = "lite on openvino restyles screen:1; building an engine: compile 40%"
        expect(page.locator("#sentence")).to_have_text(told)
        run.building, run.size_why = "", "640x360 → 512x288: a frame takes 48 of 33.3 ms"
        told = f"lite on openvino restyles screen:1; {run.size_why}"
        expect(page.locator("#sentence")).to_have_text(told)
        run.size_why = ""
        run.state |= {"advice": "lite takes 90 ms for a frame"}
        told = "lite on openvino restyles screen:1; lite takes 90 ms for a frame"
        expect(page.locator("#sentence")).to_have_text(told)
        run.state = {"state": "recovering", "message": "starting the worker again"}
        expect(page.locator("#state")).to_have_text("Recovering")
        expect(page.locator("#sentence")).to_have_text("starting the worker again")
        run.state = {"state": "running", "message": "", "worker_error": "the worker ended"}
        expect(page.locator("#state")).to_have_text("Running")
        expect(page.locator("#worker-error")).to_have_text("the worker ended")


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
    with preview(Run()) as web:
        page.goto(web.name)
        expect(state).to_have_text("Running")
    expect(notice).to_contain_text("Connection lost")
    expect(state).to_have_text("Not connected")
    port = int(address(web).rstrip("/").rpartition(":")[2])
    with preview(Run(), port) as again:
        expect(notice).to_contain_text("livestyle was started again")
        page.goto(again.name)
        expect(notice).to_be_hidden()
        expect(page.locator("#toast")).to_have_text("Connected again")


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


@pytest.mark.parametrize("width", [320, 390, 820, 1920])
def test_it_fits_any_width_with_both_rates_side_by_side(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    with preview(Run()) as web:
        page.goto(web.name)
        figure(page, "output.fps").to_have_text("30.0")
        rates = page.locator("#rates output")
        boxes = [each.bounding_box() for each in rates.all()]
        assert rates.evaluate_all("each => each.every(one => one.scrollWidth <= one.clientWidth)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    unique, output = (box or {} for box in boxes)
    assert unique["y"] == output["y"]
    assert unique["x"] + unique["width"] < output["x"] < output["x"] + output["width"] <= width


def test_a_look_is_changed_as_one_writes(page: Page) -> None:
    run = Run()
    look = {"stylizer": "turbo", "prompt": "oil painting", "strength": 0.5, "seed": 7}
    run.state["config"] = look
    with preview(run) as web:
        page.goto(web.name)
        expect(page.locator("#prompt")).to_have_value("oil painting")
        expect(page.locator("#strength-value")).to_have_text("0.50")
        page.locator("#prompt").press_sequentially(" of a cat", delay=20)
        page.locator("#strength").fill("0.8")
        page.locator("#seed").fill("12")
        expect(page.locator("#strength-value")).to_have_text("0.80")
        page.wait_for_timeout(500)
        shown = {}
        for change in run.changes:
            shown |= change
        assert shown == {"prompt": "oil painting of a cat", "strength": 0.8, "seed": 12}
        assert len(run.changes) > 5, "the prompt acts while it is written"
        run.refusal = "prompt: text of at most 1000 characters is expected"
        page.locator("#prompt").press_sequentially("s")
        expect(page.locator("#look-error")).to_have_text(run.refusal)


def test_the_finish_is_changed_by_its_sliders(page: Page) -> None:
    run = Run()
    finish = {"detail": 0.8, "hold": 0.5, "colour": 0, "mix": 0}
    run.state["config"] = {"stylizer": "lite", **finish}
    with preview(run) as web:
        page.goto(web.name)
        expect(page.locator("#detail-value")).to_have_text("0.80")
        expect(page.locator("#look")).to_be_hidden()
        for name, value in (("detail", "0.3"), ("hold", "0"), ("colour", "1"), ("mix", "0.25")):
            page.locator(f"#{name}").fill(value)
            expect(page.locator(f"#{name}-value")).to_have_text(f"{float(value):.2f}")
        page.wait_for_timeout(500)
        sent = {name: value for change in run.changes for name, value in change.items()}
        assert sent == {"detail": 0.3, "hold": 0, "colour": 1, "mix": 0.25}
        run.state["config"] = {"stylizer": "passthrough", **finish}
        expect(page.locator("#finish")).to_be_hidden()


def test_there_is_no_look_without_turbo(page: Page) -> None:
    run = Run()
    run.state["config"] = {"stylizer": "lite"}
    with preview(run) as web:
        page.goto(web.name)
        figure(page, "output.fps").to_have_text("30.0")
        expect(page.locator("#look")).to_be_hidden()
