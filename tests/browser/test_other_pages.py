"""What pages of other origins get of livestyle in a browser that holds its cookie: nothing."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from page_client import Run, address, figure, preview
from playwright.sync_api import Page

# What a page of another origin tries; each entry ends as "nothing" or tells what it got.
ATTACK = """async ([target, view]) => {
  const caught = (promise) => promise.then((got) => got || "nothing", () => "nothing");
  const fetched = (path, more) => caught(
    fetch(target + path, { credentials: "include", ...more }).then(async (reply) =>
      reply.type === "opaque" ? "" : reply.status + (await reply.text())));
  const element = (tag, path) => new Promise((resolve) => {
    const each = document.createElement(tag);
    each.onload = () => resolve(tag === "iframe" ? frameText(each) : "loaded");
    each.onerror = () => resolve("nothing");
    each.src = target + path;
    document.body.append(each);
  });
  const frameText = (frame) => {
    try { return frame.contentDocument.body.innerText || "nothing" } catch { return "nothing" }
  };
  const socket = (path) => new Promise((resolve) => {
    const each = new WebSocket(target.replace("http", "ws") + path);
    each.onmessage = () => resolve("a message");
    each.onopen = () => resolve("open");
    each.onclose = () => resolve("nothing");
  });
  const form = (path) => new Promise((resolve) => {
    const [frame, each] = [document.createElement("iframe"), document.createElement("form")];
    [frame.name, each.target, each.method, each.action] = ["into", "into", "POST", target + path];
    document.body.append(frame, each);
    frame.onload = () => resolve(frameText(frame));
    each.submit();
  });
  const headers = { "Content-Type": "application/json" };
  return {
    fetch: await fetched("api/v1/status"),
    blind: await fetched("api/v1/frame.jpg", { mode: "no-cors" }),
    post: await fetched("api/v1/session", { method: "POST", headers, body: "{}" }),
    patch: await fetched("api/v1/settings", { method: "PATCH", headers, body: '{"mix": 1}' }),
    record: await fetched("api/v1/recording", { method: "POST", mode: "no-cors" }),
    text: await fetched("api/v1/settings", { method: "POST", mode: "no-cors", body: "{}" }),
    renew: await fetched("api/v1/view", { method: "POST", mode: "no-cors" }),
    revoke: await fetched("api/v1/view", { method: "DELETE" }),
    sent: await form("api/v1/recording"),
    img: await element("img", "api/v1/frame.jpg"),
    script: await element("script", "page.js"),
    iframe: await element("iframe", ""),
    still: await element("iframe", "api/v1/frame.jpg"),
    socket: await socket("api/v1/live"),
    canvas: await socket("api/v1/canvas"),
    viewed: await fetched(view),
    stream: await element("img", view + "/stream.mjpg"),
    framed: await element("iframe", view),
    watched: await socket(view + "/live"),
  };
}"""


MAKE_VIEW = """async () => (await (await fetch("/api/v1/view", { method: "POST",
  headers: { "Content-Type": "application/json" }, body: "{}" })).json()).page"""
SHOW_VIEW = """async () => (await (await fetch("/api/v1/view")).json()).page"""


@contextmanager
def other_site() -> Iterator[int]:
    """A web server on another port of this machine; yields the port."""

    class Blank(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>other</title>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blank) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(5)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])  # the same site, and another one
def test_another_page_gets_nothing(page: Page, name: str) -> None:
    run = Run()
    with preview(run) as web, other_site() as port:
        page.goto(web.name)  # the browser now holds the cookie
        figure(page, "output.fps").to_have_text("30.0")
        made = page.evaluate(MAKE_VIEW)  # an attacker has even learned its address
        page.goto(f"http://{name}:{port}/")
        page.wait_for_timeout(500)
        asked = run.asked
        got = page.evaluate(ATTACK, [address(web), made.removeprefix(address(web))])
        assert set(got.values()) == {"nothing"}, got
        assert run.asked == asked  # no request came through to the figures
        assert run.changes == [] and run.recording() is None
        page.goto(address(web))
        figure(page, "output.fps").to_have_text("30.0")
        assert page.evaluate(SHOW_VIEW) == made  # neither renewed nor taken back
