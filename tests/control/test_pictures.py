"""Pictures, lists and the recording over HTTP."""

from __future__ import annotations

import io
import json
import struct
import time
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from PIL import Image
from web_client import ask, bearer, captures, clock, picture, quarters, run_with_slots, send

from livestyle.config import Config
from livestyle.errors import LivestyleError
from livestyle.sinks.web import WebPreview
from tests.controls import JPEG, FakeRun

SIZE = 320, 240
CONFIG = Config(
    source="testcard",
    stylizer="turbo",
    style="comic",
    prompt="a cat",
    strength=0.4,
    seed=7,
    steps=1,
    detail=0.5,
    keep=((0, 0, 10, 10, 0), "hud"),
    keep_sets={"hud": ((5, 5, 20, 20, 2),)},
)
LOOK = {
    "style": "comic",
    "prompt": "a cat",
    "prompt-fade": 0.0,
    "strength": 0.4,
    "seed": 7,
    "steps": 1,
    "detail": 0.5,
    "hold": 0.5,
    "colour": 0.0,
    "mix": 0.0,
    "keep": ["0,0,10,10,0", "5,5,20,20,2"],
    "aspect": "fit",
}


@pytest.fixture
def run() -> FakeRun:
    return run_with_slots(SIZE, config=CONFIG)


@pytest.fixture
def web(run: FakeRun) -> Iterator[WebPreview]:
    with WebPreview(SIZE, port=0, controls=run) as opened:
        yield opened


@pytest.mark.parametrize("name", ["frame.jpg", "snapshot.png", "source.jpg"])
def test_nothing_comes_before_the_first_picture(web: WebPreview, name: str) -> None:
    reply = ask(web, f"GET /api/v1/{name}", bearer(web))
    assert (reply.status, reply.json()) == (503, {"error": "there is no picture yet"})


def test_a_still_picture(web: WebPreview) -> None:
    with clock(web, picture(*SIZE)):
        reply = ask(web, "GET /api/v1/frame.jpg", bearer(web))
    assert reply.headers["content-type"] == "image/jpeg"
    assert len(quarters(reply.body)) == 4


def test_a_picture_of_the_source_is_made_for_who_asks(web: WebPreview, run: FakeRun) -> None:
    white = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
    white[: SIZE[1]] = 235
    with captures(run, white) as put:
        time.sleep(0.3)
        assert not put
        reply = ask(web, "GET /api/v1/source.jpg", bearer(web))
        assert reply.headers["content-type"] == "image/jpeg"
        assert quarters(reply.body).min() > 245
        time.sleep(0.2)
        ended = len(put)
        time.sleep(0.5)
        assert len(put) == ended


def test_a_run_without_a_page_at_first_has_no_pictures_of_its_source() -> None:
    with WebPreview(SIZE, port=0, controls=FakeRun(dict, lambda _: None)) as web:
        reply = ask(web, "GET /api/v1/source.jpg", bearer(web))
    assert reply.status == 503 and "began without a page" in reply.json()["error"]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        content = png[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", png, at + 8 + length)
        assert check == zlib.crc32(kind + content)
        yield kind, content
        at += 12 + length


def test_a_snapshot_is_whole_and_has_its_settings(web: WebPreview) -> None:
    pixels = picture(*SIZE)
    with clock(web, pixels):
        reply = ask(web, "GET /api/v1/snapshot.png", bearer(web))
    assert reply.headers["content-type"] == "image/png"
    shown = cv2.imdecode(np.frombuffer(reply.body, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(shown, cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR_I420))
    kinds = [kind for kind, _ in _chunks(reply.body)]
    assert kinds[:2] == [b"IHDR", b"iTXt"] and kinds[-1] == b"IEND"
    shown_by_others = Image.open(io.BytesIO(reply.body))
    shown_by_others.load()
    assert json.loads(shown_by_others.text["livestyle"]) == LOOK  # type: ignore[attr-defined]


def test_a_snapshot_tells_no_file(run: FakeRun, web: WebPreview) -> None:
    run.config = Config(source="testcard", stylizer="lite", style="/home/u/a.jpg", detail=0.5)
    with clock(web, picture(*SIZE)):
        png = ask(web, "GET /api/v1/snapshot.png", bearer(web)).body
    assert b"/home" not in png and b'"detail": 0.5' in png and b"prompt" not in png


def test_what_a_snapshot_says_can_be_set_again(run: FakeRun, web: WebPreview) -> None:
    reply = send(web, "PATCH /api/v1/settings", LOOK)
    assert reply.status == 200, reply.body


def test_styles_and_their_pictures(web: WebPreview) -> None:
    styles = ask(web, "GET /api/v1/styles", bearer(web)).json()["styles"]
    assert styles[0] == {
        "name": "comic",
        "stylizer": "lite",
        "description": "as comic",
        "picture": "/api/v1/styles/comic.jpg",
        "chosen": True,
    }
    reply = ask(web, f"GET {styles[1]['picture']}", bearer(web))
    assert (reply.headers["content-type"], reply.body) == ("image/jpeg", JPEG)
    for name in ("unheard", "..%2f..%2fetc%2fpasswd", "%00", "."):
        reply = ask(web, f"GET /api/v1/styles/{name}.jpg", bearer(web))
        assert reply.status == 404 and list(reply.json()) == ["error"]


def test_a_style_of_a_strange_name_has_an_address(
    run: FakeRun, web: WebPreview, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.controls.STYLES", ("é a?b#c.jpg",))
    (style,) = ask(web, "GET /api/v1/styles", bearer(web)).json()["styles"]
    assert ask(web, f"GET {style['picture']}", bearer(web)).body == JPEG


def test_no_picture_of_a_style_is_said(
    run: FakeRun, web: WebPreview, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> bytes:
        raise LivestyleError("the source gives no picture now")

    monkeypatch.setattr(run, "style_picture", fail)
    reply = ask(web, "GET /api/v1/styles/comic.jpg", bearer(web))
    assert (reply.status, reply.json()) == (503, {"error": "the source gives no picture now"})


def test_sources_and_sinks_are_listed(web: WebPreview) -> None:
    sources = ask(web, "GET /api/v1/sources", bearer(web)).json()["sources"]
    assert sources[1] == {
        "spec": "testcard",
        "label": "Test card",
        "kind": "testcard",
        "chosen": True,
    }
    sinks = ask(web, "GET /api/v1/sinks", bearer(web)).json()["sinks"]
    assert [sink["spec"] for sink in sinks if sink["chosen"]] == ["web"]
    assert set(sinks[0]) == {"spec", "label", "state", "note", "chosen"}


def test_a_recording_begins_and_ends(web: WebPreview) -> None:
    path = "/api/v1/recording"

    def now() -> tuple[object, object]:
        told = ask(web, f"GET {path}", bearer(web)).json()
        return told, ask(web, "GET /api/v1/status", bearer(web)).json()["recording"]

    assert now() == (None, None)
    assert ask(web, f"DELETE {path}", bearer(web)).status == 409
    begun = send(web, f"POST {path}", {})
    going = {"file": "livestyle.mp4", "seconds": 0.0, "bytes": 0}
    assert (begun.status, begun.json()) == (200, going)
    assert now() == (going, going)
    again = send(web, f"POST {path}", {})
    assert again.status == 409 and "goes on already" in again.json()["error"]
    ended = ask(web, f"DELETE {path}", bearer(web))
    assert (ended.status, ended.json()) == (200, going)
    assert now() == (None, None)


@pytest.mark.parametrize(("source", "told"), [("canvas", {"size": [320, 240]}), ("testcard", None)])
def test_the_status_tells_the_canvas_where_it_is_the_source(
    run: FakeRun, web: WebPreview, source: str, told: object
) -> None:
    run.config = Config(source=source, stylizer="lite")
    assert ask(web, "GET /api/v1/status", bearer(web)).json()["canvas"] == told
