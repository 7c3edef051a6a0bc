"""The live feed: what a picture says of itself, the wipe, and a canvas that is drawn on."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import cv2
import numpy as np
import pytest
from web_client import (
    bearer,
    captures,
    clock,
    picture,
    port,
    quarters,
    run_with_slots,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from livestyle.control.drawing import MAX_PAGES
from livestyle.control.feeds.live import MAX_WISH
from livestyle.control.feeds.preview import INTERVAL_SECONDS
from livestyle.frame import Frame
from livestyle.sinks.web import MAX_MESSAGE, WebPreview
from tests.controls import FakeRun

SIZE = 320, 240
HEADER = struct.Struct("<BxxxIQ")
RECTANGLE = struct.Struct("<IHHHH")
RED = bytes((255, 0, 0, 255))


@pytest.fixture
def run() -> FakeRun:
    return run_with_slots(SIZE)


@pytest.fixture
def web(run: FakeRun) -> Iterator[WebPreview]:
    with WebPreview(SIZE, port=0, controls=run) as opened:
        yield opened


def opened(web: WebPreview, path: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port(web)}{path}",
        additional_headers=bearer(web),
        proxy=None,
        open_timeout=5,
        close_timeout=1,
        max_size=None,
    )


def live(web: WebPreview) -> ClientConnection:
    return opened(web, "/api/v1/live")


def pictures(client: ClientConnection, seconds: float) -> list[tuple[int, int, int, bytes]]:
    """Kind, change, seq and JPEG of all that come meanwhile."""
    found = []
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            message = client.recv(timeout=left)
        except TimeoutError:
            break
        if isinstance(message, bytes):
            found.append((*HEADER.unpack_from(message), message[HEADER.size :]))
    return found


def test_a_picture_says_what_it_shows(web: WebPreview) -> None:
    pixels = picture(*SIZE)
    with live(web) as client:
        for change, seq in ((0, -1), (3, 2**40)):
            web_takes = time.monotonic() + 5
            while time.monotonic() < web_takes:
                web.write(Frame(pixels, seq, time.monotonic_ns(), change))
                if found := pictures(client, 0.05):
                    break
            kind, told_change, told_seq, jpeg = found[-1]
            assert (kind, told_change, told_seq) == (0, change, max(0, seq))
            assert len(quarters(jpeg)) == 4
            pictures(client, 0.2)


def test_a_change_is_shown_at_once(web: WebPreview) -> None:
    """And does not wait for the preview's next turn, as others do."""
    pixels = picture(*SIZE)
    with live(web) as client:
        waits = []
        for change in range(1, 21):
            web.write(Frame(pixels, change, 0, change))
            began = time.monotonic()
            while not (found := pictures(client, 0.02)):
                web.write(Frame(pixels, change, 0, change))
            waits.append(time.monotonic() - began)
            assert found[0][1] == change
            time.sleep(0.005)
    assert sorted(waits)[10] < INTERVAL_SECONDS / 2


def test_the_source_is_sent_while_the_wipe_is_open(web: WebPreview, run: FakeRun) -> None:
    pixels = picture(*SIZE)
    with (
        captures(run, pixels[::-1].copy()) as put,
        clock(web, pixels),
        live(web) as client,
        live(web) as other,
    ):
        assert {kind for kind, *_ in pictures(client, 0.6)} == {0}
        assert not put, "the worker makes none"
        client.send('{"wipe": true}')
        found = pictures(client, 1.5)
        sources = [seq for kind, _, seq, _ in found if kind == 1]
        assert len(sources) > 5 and sources == sorted(set(sources)) and set(sources) <= set(put)
        assert sum(kind == 0 for kind, *_ in found) > 5
        assert {kind for kind, *_ in pictures(other, 1)} == {0}
        client.send('{"wipe": false}')
        pictures(client, 0.5)
        ended = len(put)
        assert {kind for kind, *_ in pictures(client, 0.8)} == {0}
        assert len(put) == ended
        client.send('{"wipe": true}')
        first = next(seq for kind, _, seq, _ in pictures(client, 1) if kind == 1)
        assert first > put[ended - 1], "none that was left from before"
    time.sleep(0.7)
    ended = len(put)
    time.sleep(0.3)
    assert len(put) == ended, "who has gone wants nothing"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "true",
        '{"wipe": 1}',
        '{"wipe": true, "more": 1}',
        '{"wish": true}',
        "[" * 900,
        '{"wipe": true}' + " " * MAX_WISH,
        b'{"wipe": true}',
        b"\xff" * 100_000,
    ],
    ids=lambda message: repr(message)[:20],
)
def test_what_is_no_wish_ends_the_feed(web: WebPreview, message: str | bytes) -> None:
    with live(web) as client, live(web) as other, clock(web, picture(*SIZE)):
        client.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            pictures(client, 5)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1007
        assert pictures(other, 0.5)


def canvas(web: WebPreview) -> ClientConnection:
    return opened(web, "/api/v1/canvas")


def greeting(client: ClientConnection) -> np.ndarray:
    """What is drawn so far, BGR; first comes the size."""
    size = json.loads(client.recv(timeout=5))["size"]
    drawn = cv2.imdecode(np.frombuffer(client.recv(timeout=5), np.uint8), cv2.IMREAD_COLOR)  # type: ignore[arg-type]
    assert drawn is not None and [drawn.shape[1], drawn.shape[0]] == size == list(SIZE)
    return drawn


def rectangle(mark: int, box: tuple[int, int, int, int], pixel: bytes = RED) -> bytes:
    return RECTANGLE.pack(mark, *box) + pixel * (box[2] * box[3])


def worker_sees(run: FakeRun, mark: int) -> np.ndarray:
    """The picture of that mark, BGRA."""
    slot = run.slots.canvas
    assert slot is not None
    pixels = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        taken = slot.take(pixels.reshape(-1).data)
        if taken and taken.seq == mark:
            assert abs(time.monotonic_ns() - taken.captured_at) < 5e9
            return pixels
        time.sleep(0.002)
    raise AssertionError(f"mark {mark} never came")


def test_what_is_drawn_comes_to_the_worker(web: WebPreview, run: FakeRun) -> None:
    with canvas(web) as page:
        assert (greeting(page) == 255).all()
        page.send(rectangle(7, (10, 20, 30, 40)))
        page.send(rectangle(2**32 - 1, (0, 0, *SIZE), bytes((1, 2, 3, 0))))
        page.send(rectangle(9, (319, 239, 1, 1)))
        pixels = worker_sees(run, 9)
    assert pixels[0, 0, :3].tolist() == [3, 2, 1]
    assert pixels[239, 319].tolist() == [0, 0, 255, 255]


def test_several_pages_draw_and_a_new_one_gets_what_is_there(web: WebPreview, run: FakeRun) -> None:
    with canvas(web) as one, canvas(web) as other:
        greeting(one), greeting(other)
        one.send(rectangle(1, (0, 0, 10, 10)))
        worker_sees(run, 1)
        other.send(rectangle(2, (20, 0, 10, 10)))
        assert worker_sees(run, 2)[5, 5, :3].tolist() == [0, 0, 255]
    with canvas(web) as third:
        drawn = greeting(third)
    red = (drawn == (0, 0, 255)).all(axis=2)
    assert red[:10, :10].all() and red[:10, 20:30].all() and red.sum() == 200


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("text", 1003),
        (b"", 1007),
        (b"\0" * 11, 1007),
        (rectangle(1, (0, 0, 1, 1))[:-1], 1007),
        (rectangle(1, (0, 0, 1, 1)) + b"\0", 1007),
        (RECTANGLE.pack(1, 0, 0, 0, 0), 1007),
        (RECTANGLE.pack(1, 0, 0, 65535, 65535), 1007),
        (rectangle(1, (311, 0, 10, 1)), 1007),
        (rectangle(1, (0, 65535, 1, 1)), 1007),
        (b"\0" * (MAX_MESSAGE + 1), 1009),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_is_no_rectangle_ends_the_page_and_loses_nothing(
    web: WebPreview, run: FakeRun, message: str | bytes, code: int
) -> None:
    with canvas(web) as page, canvas(web) as other:
        greeting(page), greeting(other)
        page.send(rectangle(1, (0, 0, 10, 10)))
        worker_sees(run, 1)
        with pytest.raises(ConnectionClosed) as closed:
            page.send(message)
            page.recv(timeout=5)
        # one that is still sending may lose what is said to a reset
        assert closed.value.rcvd.code == code if closed.value.rcvd else code == 1009
        other.send(rectangle(2, (20, 0, 10, 10)))
        assert worker_sees(run, 2)[5, 5, :3].tolist() == [0, 0, 255]


def test_a_fast_pen_costs_the_worker_no_more_than_it_can_show(
    web: WebPreview, run: FakeRun
) -> None:
    with canvas(web) as page:
        greeting(page)
        began = time.monotonic()
        for mark in range(1, 2001):
            page.send(rectangle(mark, (mark % 300, 0, 1, 1)))
        worker_sees(run, 2000)
        seconds = time.monotonic() - began
    slot = run.slots.canvas
    assert slot is not None
    slot.take_again()
    taken = slot.take(memoryview(bytearray(SIZE[0] * SIZE[1] * 4)))
    assert taken is not None and taken.superseded < seconds * 120 + 2


def test_as_many_draw_as_there_is_room_for(web: WebPreview) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_PAGES):
            greeting(stack.enter_context(canvas(web)))
        with pytest.raises(InvalidStatus) as refused, canvas(web):
            pass
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body or b"")["error"]


def test_while_somebody_draws_every_picture_is_shown(web: WebPreview) -> None:
    with live(web) as viewer, canvas(web) as page, clock(web, picture(*SIZE), fps=30):
        greeting(page)
        pictures(viewer, 0.5)
        calm = len(pictures(viewer, 2))
        page.send(rectangle(1, (0, 0, 10, 10)))
        hurried = len(pictures(viewer, 0.9))
    assert hurried / 0.9 > 1.3 * calm / 2


def test_where_nothing_can_be_drawn_there_is_no_canvas() -> None:
    run = FakeRun(dict, lambda _: None)
    with (
        WebPreview(SIZE, port=0, controls=run) as web,
        pytest.raises(InvalidStatus) as refused,
        canvas(web),
    ):
        pass
    assert refused.value.response.status_code == 403
