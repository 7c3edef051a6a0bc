"""The view: its address, what is shown there, and how it ends."""

from __future__ import annotations

import http.client
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from web_client import (
    QUARTERS,
    ask,
    bearer,
    clock,
    cookie,
    figures,
    ignore,
    picture,
    port,
    quarters,
    send,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from livestyle.control.feeds.feed import MAX_WATCHERS
from livestyle.control.feeds.view import view_file
from livestyle.frame import Frame
from livestyle.sinks.web import WebPreview
from tests.controls import FakeRun

SIZE = (1280, 720)
NOBODY = {"page": None, "stream": None}


@contextmanager
def page(here: int = 0) -> Iterator[WebPreview]:
    with WebPreview(SIZE, port=here, controls=FakeRun(figures, ignore)) as opened:
        yield opened


@pytest.fixture
def web() -> Iterator[WebPreview]:
    with page() as opened:
        yield opened
        view_file(port(opened)).unlink(missing_ok=True)


def made(web: WebPreview) -> str:
    """The path of a new view."""
    return urlsplit(send(web, "POST /api/v1/view", {}).json()["page"]).path


def shown(web: WebPreview) -> object:
    return ask(web, "GET /api/v1/view", bearer(web)).json()


def watch(web: WebPreview, path: str) -> ClientConnection:
    """As what has the address alone."""
    address = f"ws://127.0.0.1:{port(web)}{path}/live"
    return connect(address, proxy=None, open_timeout=5, close_timeout=1)


@contextmanager
def stream(web: WebPreview, path: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port(web), timeout=10)
    connection.request("GET", f"{path}/stream.mjpg")
    with connection.getresponse() as response:
        yield response
    connection.close()


def test_there_is_none_until_it_is_made_and_it_stays_through_restarts(web: WebPreview) -> None:
    here = port(web)
    assert shown(web) == NOBODY
    path = made(web)
    address = f"http://127.0.0.1:{here}{path}"
    assert shown(web) == {"page": address, "stream": f"{address}/stream.mjpg"}
    web.__exit__()
    with page(here) as again:
        assert shown(again) == {"page": address, "stream": f"{address}/stream.mjpg"}
        assert ask(again, f"GET {path}", {}).status == 200
        assert made(again) != path
        assert ask(again, f"GET {path}", {}).status == 404
        taken_back = ask(again, "DELETE /api/v1/view", bearer(again))
        assert (taken_back.status, taken_back.json()) == (200, NOBODY)
        assert not view_file(here).exists()
    with page(here) as last:
        assert shown(last) == NOBODY


def test_its_key_is_kept_for_its_user_alone(web: WebPreview) -> None:
    path, file = made(web), view_file(port(web))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    key = path.rpartition("/")[2]
    assert file.read_text() == key and len(key) == 43


@pytest.mark.parametrize(
    "flaw", ["open to others", "a link", "short", "long", "no key", "a folder"]
)
def test_what_is_no_secret_key_is_not_taken(flaw: str, tmp_path: Path) -> None:
    with page() as first:
        here, file = port(first), view_file(port(first))
        made(first)
    if flaw == "open to others":
        file.chmod(0o644)
    elif flaw == "a link":
        (tmp_path / "key").write_bytes(file.read_bytes())
        (tmp_path / "key").chmod(0o600)
        file.unlink()
        file.symlink_to(tmp_path / "key")
    elif flaw == "a folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_text({"short": "x", "long": "x" * 44, "no key": "/" * 43}[flaw])
    with page(here) as again:
        assert shown(again) == NOBODY
        assert send(again, "POST /api/v1/view", {}).status == (503 if flaw == "a folder" else 200)
        assert (shown(again) == NOBODY) == (flaw == "a folder")
    if flaw == "a folder":
        file.rmdir()


def test_its_key_opens_nothing_else(web: WebPreview) -> None:
    path = made(web)
    key, name = path.rpartition("/")[2], f"livestyle_{port(web)}"
    own = {"Origin": f"http://127.0.0.1:{port(web)}", "Content-Type": "application/json"}
    for headers in ({"Authorization": f"Bearer {key}"}, {"Cookie": f"{name}={key}"}, {}):
        for request in ("GET /api/v1/status", "GET /api/v1/frame.jpg", "GET /metrics"):
            assert ask(web, f"{request}?key={key}", headers).status == 401
        for request in ("PATCH /api/v1/settings", "POST /api/v1/view", "DELETE /api/v1/view"):
            body = {**own, **headers, "Content-Length": "2"}
            assert ask(web, request, body, b"{}").status == 401, request
    for other in ("/../../api/v1/status", "/../../metrics", "/frame.jpg", "/", "//live"):
        assert ask(web, f"GET {path}{other}", {}).status == 404, other
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert ask(web, f"{method} {path}", {**own, "Content-Length": "2"}, b"{}").status == 405
    # nor does what opens the page open a view that is not there
    for known in (bearer(web), cookie(web)):
        assert ask(web, f"GET {path[:-1]}", known).status == 404


@pytest.mark.parametrize("size", [(320, 240), SIZE, (1920, 1080)])
def test_pictures_are_whole_and_in_their_colours(size: tuple[int, int]) -> None:
    with (
        WebPreview(size, port=0, controls=FakeRun(figures, ignore)) as web,
        clock(web, picture(*size)),
        watch(web, made(web)) as client,
    ):
        jpeg = client.recv(timeout=5)
        assert isinstance(jpeg, bytes)
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape[1::-1] == size
    np.testing.assert_allclose(quarters(jpeg), QUARTERS, atol=6)


def test_all_that_watch_get_the_same_30_a_second(web: WebPreview) -> None:
    path, got = made(web), list[list[bytes | str]]()
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1] * 3 // 2, SIZE[0]), np.uint8)
    with ExitStack() as stack:
        clients = [stack.enter_context(watch(web, path)) for _ in range(3)]
        stack.enter_context(clock(web, noise, fps=60))
        for client in clients:
            client.recv(timeout=5)
        started = time.monotonic()
        for _ in range(20):
            got.append([client.recv(timeout=5) for client in clients])
            noise[:] = np.roll(noise, 7)
        seconds = time.monotonic() - started
    assert seconds > 19 * 0.030  # not 60
    first = [row[0] for row in got]
    assert all(set(first) & {row[each] for row in got} for each in (1, 2))  # encoded once


def test_a_picture_that_stays_is_sent_about_once_a_second(web: WebPreview) -> None:
    path, frame = made(web), Frame(picture(*SIZE), 7, 0)
    with watch(web, path) as client:
        ends, count = time.monotonic() + 3.5, 0
        while time.monotonic() < ends:
            web.write(frame)
            try:
                client.recv(timeout=0.03)
                count += 1
            except TimeoutError:
                continue
    assert 2 <= count <= 5


def test_a_late_watcher_sees_a_picture_that_stays(web: WebPreview) -> None:
    path, frame = made(web), Frame(picture(*SIZE), 7, 0)
    with watch(web, path) as first, watch(web, path) as second:
        seen = set()
        ends = time.monotonic() + 10
        while len(seen) < 2 and time.monotonic() < ends:
            web.write(frame)
            for number, client in enumerate((first, second)):
                try:
                    client.recv(timeout=0.02)
                    seen.add(number)
                except TimeoutError:
                    continue
    assert len(seen) == 2


def test_ffmpeg_plays_the_stream(web: WebPreview) -> None:
    address = f"http://127.0.0.1:{port(web)}{made(web)}/stream.mjpg"
    command = ["ffmpeg", "-v", "error", "-i", address, "-frames:v", "8", "-pix_fmt", "bgr24"]
    with clock(web, picture(*SIZE)):
        played = subprocess.run(
            [*command, "-f", "rawvideo", "-"], capture_output=True, timeout=60, check=True
        )
    assert not played.stderr
    frames = np.frombuffer(played.stdout, np.uint8).reshape(8, SIZE[1], SIZE[0], 3)
    y, x = SIZE[1] // 4, SIZE[0] // 4
    found = [frames[-1][row, column] for row in (y, 3 * y) for column in (x, 3 * x)]
    np.testing.assert_allclose(found, QUARTERS, atol=8)


def test_the_head_of_the_stream_ends(web: WebPreview) -> None:
    reply = ask(web, f"HEAD {made(web)}/stream.mjpg", {})
    assert reply.status == 200 and "x-mixed-replace" in reply.headers["content-type"]


@pytest.mark.parametrize("how", ["POST", "DELETE"])
def test_who_watches_sees_no_more_once_it_is_taken_back(web: WebPreview, how: str) -> None:
    path = made(web)
    with clock(web, picture(*SIZE)), watch(web, path) as client, stream(web, path) as streamed:
        client.recv(timeout=5)
        assert len(streamed.read(1000)) == 1000
        started = time.monotonic()
        assert send(web, f"{how} /api/v1/view", {}).status == 200
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(100):
                client.recv(timeout=5)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
        while streamed.read(1 << 16):
            pass
        assert time.monotonic() - started < 2
        with pytest.raises(InvalidStatus, match="403"):  # for it knows no key, and has no Origin
            watch(web, path)


def test_who_never_reads_is_ended_too(web: WebPreview) -> None:
    path = made(web)
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1] * 3 // 2, SIZE[0]), np.uint8)
    with socket.socket() as stuck, clock(web, noise):
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.settimeout(20)
        stuck.connect(("127.0.0.1", port(web)))
        stuck.sendall(
            f"GET {path}/stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:{port(web)}\r\n\r\n".encode()
        )
        time.sleep(13)  # it takes nothing for longer than one may
        try:
            while stuck.recv(1 << 20):
                pass
        except ConnectionResetError:
            pass
    assert ask(web, "GET /api/v1/status", bearer(web)).status == 200


def test_there_is_room_for_so_many(web: WebPreview) -> None:
    path = made(web)
    with ExitStack() as stack:
        stack.enter_context(clock(web, picture(*SIZE)))
        for _ in range(MAX_WATCHERS):
            stack.enter_context(watch(web, path)).recv(timeout=5)
        with pytest.raises(InvalidStatus, match="503"):
            watch(web, path)
        assert ask(web, f"GET {path}/stream.mjpg", {}).status == 503
