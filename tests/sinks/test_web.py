"""The web preview as a Sink: what it costs the clock, what a client gets, how it ends."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from web_client import (
    QUARTERS,
    ask,
    bearer,
    clock,
    figures,
    ignore,
    picture,
    port,
    quarters,
    token,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from livestyle.control.feeds.feed import MAX_WATCHERS
from livestyle.errors import SinkError
from livestyle.frame import Frame
from livestyle.sinks.web import (
    IDLE_SECONDS,
    MAX_CONNECTIONS,
    REQUEST_SECONDS,
    STOP_SECONDS,
    USUAL_PORTS,
    WebPreview,
)
from tests.controls import FakeRun

SIZE = (1280, 720)


@pytest.fixture
def web() -> Iterator[WebPreview]:
    with WebPreview(SIZE, port=0, controls=FakeRun(figures, ignore)) as opened:
        yield opened


def watch(web: WebPreview) -> ClientConnection:
    """A client as a script would be one: with the token, without an Origin."""
    return connect(
        f"ws://127.0.0.1:{port(web)}/api/v1/live",
        additional_headers=bearer(web),
        proxy=None,
        open_timeout=5,
        close_timeout=1,
    )


def next_jpeg(client: ClientConnection) -> bytes:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        message = client.recv(timeout=5)
        if isinstance(message, bytes):
            return message[16:]
    raise AssertionError("only figures came")


class CountedPixels(np.ndarray):
    """Pixels that count how often they are copied."""

    copies = 0

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        self.copies += func is np.copyto
        plain = [each.view(np.ndarray) if each is self else each for each in args]
        return func(*plain, **kwargs)


def counted(size: tuple[int, int] = SIZE) -> CountedPixels:
    return picture(*size).view(CountedPixels)


def stuck_client(web: WebPreview) -> socket.socket:
    """A client that asks for the live feed and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(5)
    client.connect(("127.0.0.1", port(web)))
    client.sendall(
        f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port(web)}\r\n"
        f"Authorization: Bearer {token(web)}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    return client


def noise() -> np.ndarray:
    """A picture whose JPEG is as large as they get."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 255, (SIZE[1] * 3 // 2, SIZE[0]), dtype=np.uint8)


def test_nobody_watching_costs_no_copy(web: WebPreview) -> None:
    pixels = counted()
    for seq in range(100):
        web.write(Frame(pixels, seq, 0))
    assert ask(web, "GET /api/v1/status", bearer(web)).status == 200
    for seq in range(100):
        web.write(Frame(pixels, seq, 0))
    assert pixels.copies == 0


def test_a_watcher_costs_one_copy_for_each_picture_sent(web: WebPreview) -> None:
    pixels = counted()
    with clock(web, pixels, fps=120), watch(web) as client:
        started = time.monotonic()
        for _ in range(20):
            next_jpeg(client)
        seconds = time.monotonic() - started
        assert 20 <= pixels.copies <= 23
    assert seconds > 19 * 0.06  # about 15 a second, not 120
    ended = pixels.copies
    for seq in range(50):
        web.write(Frame(pixels, seq, 0))
        time.sleep(0.005)
    assert pixels.copies <= ended + 2  # what was wanted as the watcher left


@pytest.mark.parametrize(
    ("size", "shown"), [(SIZE, (960, 540)), ((320, 240), (320, 240)), ((1920, 1080), (960, 540))]
)
def test_pictures_have_the_right_colours(size: tuple[int, int], shown: tuple[int, int]) -> None:
    opened = WebPreview(size, port=0, controls=FakeRun(figures, ignore))
    with opened as web, clock(web, picture(*size)), watch(web) as client:
        jpeg = next_jpeg(client)
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (shown[1], shown[0], 3)
    np.testing.assert_allclose(quarters(jpeg), QUARTERS, atol=6)


def test_a_new_watcher_sees_no_old_picture(web: WebPreview) -> None:
    with clock(web, picture(*SIZE)), watch(web) as client:
        next_jpeg(client)
    white = np.full((SIZE[1] * 3 // 2, SIZE[0]), 128, np.uint8)
    white[: SIZE[1]] = 235
    time.sleep(0.2)
    for seq in range(5):  # the clock goes on with nobody there
        web.write(Frame(white, seq, 0))
        time.sleep(0.1)
    with clock(web, white), watch(web) as client:
        assert quarters(next_jpeg(client)).min() > 245


def test_figures_come_without_pictures(web: WebPreview) -> None:
    with watch(web) as client:
        started = time.monotonic()
        texts = [client.recv(timeout=5) for _ in range(4)]
        seconds = time.monotonic() - started
    assert json.loads(texts[-1])["output"]["fps"] == 30.0
    assert seconds >= 0.7  # 4 a second


def test_a_stuck_client_delays_nothing(web: WebPreview) -> None:
    with stuck_client(web), watch(web) as client, clock(web, noise()) as written:
        for _ in range(15):
            next_jpeg(client)  # enough to fill what lies between us and the stuck one
        before = len(written)
        time.sleep(1)
        assert len(written) - before > 15  # of 30
        next_jpeg(client)


def test_there_is_room_for_so_many(web: WebPreview) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_WATCHERS):
            stack.enter_context(watch(web)).recv(timeout=5)
        with pytest.raises(InvalidStatus) as refused, watch(web):
            pass
        assert refused.value.response.status_code == 503
        assert ask(web, "GET /api/v1/frame.jpg", bearer(web)).status == 503
        assert ask(web, "GET /api/v1/status", bearer(web)).status == 200
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with watch(web):
                return
        except InvalidStatus:
            time.sleep(0.1)
    raise AssertionError("no room though all have left")


def test_who_asks_for_nothing_is_dropped(web: WebPreview) -> None:
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port(web)), timeout=10))
            for _ in range(MAX_CONNECTIONS + 4)
        ]
        for client in clients[:4]:  # for newer ones
            assert ends(client)
        started = time.monotonic()
        assert all(ends(client) for client in clients)
        assert time.monotonic() - started < REQUEST_SECONDS + 3


POST = "POST /api/v1/session HTTP/1.1\r\nContent-Type: application/json\r\nHost: {host}\r\n"
HELD = {  # what a client without a token sends first, and then bit by bit
    "half a request": ("GET / HTTP/1.1\r\nX: ", "x"),
    "a request and half of another": ("GET / HTTP/1.1\r\nHost: {host}\r\n\r\nGET", "x"),
    "a refusal and half of another": ("GET /api/v1/status HTTP/1.1\r\nHost: a\r\n\r\nGET", "x"),
    "a refused body": (POST + "Content-Length: 8000\r\n\r\n", "x"),
    "a body too large": (POST + "Content-Length: 99999\r\n\r\n", "x"),
    "a body in chunks": (POST + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    "a body for a page": ("GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9000\r\n\r\n", "x"),
}


def test_who_holds_connections_shuts_nobody_out(web: WebPreview) -> None:
    host = f"127.0.0.1:{port(web)}"
    with ExitStack() as stack:
        held = {}
        for number in range(MAX_CONNECTIONS):
            kind = list(HELD)[number % len(HELD)]
            client = socket.create_connection(("127.0.0.1", port(web)), timeout=10)
            held[stack.enter_context(client)] = kind
            client.sendall(HELD[kind][0].format(host=host).encode())
        for _ in range(3):
            assert ask(web, "GET /api/v1/status", bearer(web)).status == 200
        started = time.monotonic()
        while held and time.monotonic() - started < REQUEST_SECONDS + IDLE_SECONDS + 5:
            for client, kind in list(held.items()):
                try:
                    client.sendall(HELD[kind][1].encode())
                except ConnectionError:
                    del held[client]
            time.sleep(0.25)
        assert not held
        assert ask(web, "GET /api/v1/status", bearer(web)).status == 200


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (POST + "Transfer-Encoding: chunked\r\n\r\n", "zz\r\n"),
        ("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n", "\0\0\r\n\r\n"),
        ("GET / HTTP/1.1\r\nHost: {host}\r\n\r\nGET\r\n\r\n", "\xff"),
        (POST + "Content-Length: 5\r\n\r\n", "12345\x16\x03\x01\r\n\r\n"),
    ],
)
def test_nonsense_after_an_answer_is_no_traceback(
    web: WebPreview, caplog: pytest.LogCaptureFixture, first: str, then: str
) -> None:
    with socket.create_connection(("127.0.0.1", port(web)), timeout=IDLE_SECONDS + 5) as client:
        client.sendall(first.format(host=f"127.0.0.1:{port(web)}").encode("latin-1"))
        assert client.recv(100).startswith(b"HTTP/1.1 ")
        time.sleep(0.2)
        with suppress(ConnectionError):
            client.sendall(then.encode("latin-1"))
        assert ends(client)
    assert ask(web, "GET /api/v1/status", bearer(web)).status == 200
    assert not caplog.records


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\nAuthorization: Bearer x\r\n",
        "Content-Length: 100000000000\r\n",
    ],
)
def test_memory_stays_whatever_is_sent(web: WebPreview, framing: str) -> None:
    head = POST.format(host=f"127.0.0.1:{port(web)}") + framing
    head += f"Origin: http://127.0.0.1:{port(web)}\r\n\r\n"
    content = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    until = time.monotonic() + 4

    def send() -> None:
        while time.monotonic() < until:
            with (
                suppress(OSError),
                socket.create_connection(("127.0.0.1", port(web)), timeout=1) as client,
            ):
                client.sendall(head.encode())
                while time.monotonic() < until:
                    client.sendall(content)

    process = psutil.Process()
    before = process.memory_info().rss
    senders = [threading.Thread(target=send) for _ in range(24)]
    for sender in senders:
        sender.start()
    most = before
    while any(sender.is_alive() for sender in senders):
        most = max(most, process.memory_info().rss)
        time.sleep(0.1)
    assert most - before < 100e6
    assert ask(web, "GET /api/v1/status", bearer(web)).status == 200


def ends(client: socket.socket) -> bool:
    """Whether the server ends the connection before the client's timeout."""
    try:
        while client.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def test_a_busy_port_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(SinkError, match=rf"port {taken} .*--port N") as error:
            WebPreview(SIZE, port=taken, controls=FakeRun(figures, ignore))
    assert "\n" not in str(error.value)


def test_a_second_one_takes_the_next_port() -> None:
    with ExitStack() as opened:
        pages = [
            opened.enter_context(WebPreview(SIZE, port=None, controls=FakeRun(figures, ignore)))
            for _ in range(3)
        ]
        ports = [port(page) for page in pages]
        assert len(set(ports)) == 3 and set(ports) <= set(USUAL_PORTS)
        assert all(ask(page, "GET /", {}).status == 200 for page in pages)
        with pytest.raises(SinkError, match=rf"port {ports[0]} "):
            WebPreview(SIZE, port=ports[0], controls=FakeRun(figures, ignore))


@pytest.mark.parametrize("count", [1, 3])
def test_usual_ports_that_are_all_taken_are_named_as_that(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as opened:
        others = [
            opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        taken = [other.getsockname()[1] for other in others]
        monkeypatch.setattr("livestyle.sinks.web.USUAL_PORTS", taken)
        with pytest.raises(SinkError) as error:
            WebPreview(SIZE, port=None, controls=FakeRun(figures, ignore))
    assert str(error.value) == (
        f"the web preview's ports {taken[0]} to {taken[-1]} are taken; "
        "name another with --port N (0: any free one)"
    )


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOBUFS])
def test_where_no_port_can_be_had_none_is_called_taken(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("livestyle.sinks.web.socket.create_server", refuse)
    with pytest.raises(SinkError, match=f"can't be served: {os.strerror(number)}"):
        WebPreview(SIZE, port=None, controls=FakeRun(figures, ignore))


@pytest.mark.parametrize("chosen", [None, 0])
def test_an_address_that_is_not_here_is_named(chosen: int | None) -> None:
    with pytest.raises(SinkError, match=r"192\.0\.2\.1 is no address of this machine.*--listen"):
        WebPreview(SIZE, port=chosen, controls=FakeRun(figures, ignore), listen="192.0.2.1")


def test_it_stops_in_time_and_frees_its_port() -> None:
    with ExitStack() as stack:
        with WebPreview(SIZE, port=0, controls=FakeRun(figures, ignore)) as web:
            taken = port(web)
            stack.enter_context(socket.create_connection(("127.0.0.1", taken), timeout=5))
            stuck = stack.enter_context(stuck_client(web))
            client = stack.enter_context(watch(web))
            with clock(web, noise()):
                for _ in range(15):
                    next_jpeg(client)
            started = time.monotonic()
        assert time.monotonic() - started < STOP_SECONDS
        assert "web preview" not in [thread.name for thread in threading.enumerate()]
        with pytest.raises(ConnectionClosed):
            for _ in range(100):
                client.recv(timeout=5)
        assert ends(stuck)
        web.write(Frame(picture(*SIZE), 0, 0))  # harmless
    with WebPreview(SIZE, port=taken, controls=FakeRun(figures, ignore)) as again:
        assert ask(again, "GET /", {}).status == 200
        assert token(again) != token(web)  # a new one at every start


def test_it_stops_at_once_when_just_started() -> None:
    for _ in range(3):
        with WebPreview(SIZE, port=0, controls=FakeRun(figures, ignore)):
            pass
    assert "web preview" not in [thread.name for thread in threading.enumerate()]
