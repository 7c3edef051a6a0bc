"""What the tests of the web preview share: a clock that writes, a client that asks."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livestyle.between.slot import Slot, Slots
from livestyle.frame import Frame, canvas_size
from livestyle.sinks.web import WebPreview
from tests.controls import FakeRun

if TYPE_CHECKING:
    from livestyle.frame import Pixels

JSON = {"Content-Type": "application/json"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
# BGR of the quarters of `picture`, row by row.
QUARTERS = ((40, 40, 200), (60, 180, 60), (200, 90, 40), (210, 210, 210))


def ignore(values: dict[str, Any]) -> None:
    """Changes nothing."""


def figures() -> dict[str, Any]:
    """A live status; what a test doesn't look at is null or not there."""
    return {
        "schema_version": 1,
        "seconds": 12.5,
        "state": "running",
        "message": "",
        "source": {"name": "screen:1", "size": [1280, 720], "frames": 360, "reconnects": 1},
        "stylizer": {
            "name": "lite",
            "engine": "openvino",
            "frames": 350,
            "superseded": 10,
            "resizes": 3,
            "ms": {"p50": 20.0, "p95": 25.0, "p99": None, "max": 40.0},
        },
        "output": {
            "size": [1280, 720],
            "frames": 375,
            "fps": 30.0,
            "unique_fps": 28.5,
            "repeated": 25,
            "late": 1,
            "freezes": 2,
            "frozen_s": 3.5,
            "latency_ms": {"p50": 41.0, "p95": 52.0, "p99": 60.0, "max": 90.0},
        },
        "sinks": [
            {"name": "null", "note": "", "away": False, "reconnects": 2, "write_errors": 5},
            {"name": "v4l2", "note": "away", "away": True, "reconnects": 1, "write_errors": 1},
        ],
        "worker_restarts": 2,
    }


def picture(width: int, height: int) -> Pixels:
    """Four quarters of one colour each, as I420."""
    quarters = np.array(QUARTERS, np.uint8).reshape(2, 2, 3)
    pixels = cv2.resize(quarters, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_I420), np.uint8)


def quarters(jpeg: bytes) -> np.ndarray:
    """The colours in the middle of a JPEG's quarters: (4, 3), BGR."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    height, width = pixels.shape[:2]
    return np.array(
        [pixels[y, x] for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    )


@contextmanager
def clock(web: WebPreview, pixels: Pixels, fps: float = 30) -> Iterator[list[Frame]]:
    """Write `pixels` again and again, like the output clock; yields what has been written."""
    written: list[Frame] = []

    def write() -> None:
        frame = Frame(pixels, len(written), time.monotonic_ns())
        web.write(frame)
        written.append(frame)

    with ticking(write, fps):
        yield written


@contextmanager
def ticking(tick: Callable[[], None], fps: float) -> Iterator[None]:
    """Within, it is called so many times a second, on a thread."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(1 / fps):
            tick()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


def run_with_slots(size: tuple[int, int], **more: Any) -> FakeRun:
    """A run that has pictures of its source, and takes what is drawn."""
    width, height = canvas_size(size)
    source, canvas = Slot(size[0] * size[1] * 3 // 2), Slot(width * height * 4)
    given = {"figures": figures, "take": ignore, **more}
    return FakeRun(**given, slots=Slots(Slot(64), source, canvas))


@contextmanager
def captures(run: FakeRun, pixels: Pixels) -> Iterator[list[int]]:
    """Put a picture of the source, I420, into its slot 30 times a second while it is wanted, like
    the worker; yields the numbers of those that were.
    """
    put: list[int] = []
    numbers = itertools.count(1)
    slot = run.slots.source
    assert slot is not None

    def capture() -> None:
        seq = next(numbers)
        if slot.is_wanted:
            slot.put(seq, time.monotonic_ns(), lambda into: _copy(pixels, into))
            put.append(seq)

    with ticking(capture, 30):
        yield put


@contextmanager
def serving(size: tuple[int, int]) -> Iterator[WebPreview]:
    """A page with pictures of both kinds, as of a run that goes on."""
    run, pixels = run_with_slots(size), picture(*size)
    with (
        WebPreview(size, port=0, controls=run) as opened,
        clock(opened, pixels),
        captures(run, pixels),
    ):
        yield opened


def _copy(pixels: Pixels, into: memoryview) -> None:
    into[:] = pixels.reshape(-1).data


def port(web: WebPreview) -> int:
    return int(web.name.split(":")[2].split("/")[0])


def token(web: WebPreview) -> str:
    return web.name.split("#token=")[1]


def bearer(web: WebPreview) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(web)}"}


def cookie(web: WebPreview) -> dict[str, str]:
    """What our page holds once it has exchanged the token."""
    body = json.dumps({"token": token(web)}).encode()
    own = {"Origin": f"http://127.0.0.1:{port(web)}", "Content-Type": "application/json"}
    reply = ask(web, "POST /api/v1/session", {**own, "Content-Length": str(len(body))}, body)
    return {"Cookie": reply.headers["set-cookie"].partition(";")[0]}


class Reply:
    """A response, read to its end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = b"" if response.status == 101 else response.read()

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def send(web: WebPreview, request: str, values: Any, **more: str | None) -> Reply:
    """Ask as a script does, with the token and JSON; more: headers."""
    body = json.dumps(values).encode()
    headers = {**bearer(web), **JSON, "Content-Length": str(len(body)), **more}
    return ask(web, request, headers, body)


def ask(
    web: WebPreview,
    request: str,
    headers: Mapping[str, str | None],
    body: bytes = b"",
) -> Reply:
    """Send `request`, like "GET /path", with exactly these headers: Host too, ours by default."""
    method, path = request.split()
    connection = http.client.HTTPConnection("127.0.0.1", port(web), timeout=5)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": f"127.0.0.1:{port(web)}", **headers}.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        return Reply(connection.getresponse())
    finally:
        connection.close()
