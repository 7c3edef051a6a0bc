"""Who is answered: every operation of the API, and every WebSocket, under every Host, Origin, key
and content type.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from web_client import (
    UPGRADE,
    ask,
    bearer,
    cookie,
    figures,
    ignore,
    port,
    run_with_slots,
    send,
    serving,
    token,
)

import livestyle.control
from livestyle.control.feeds.preview import Preview
from livestyle.control.feeds.view import View
from livestyle.control.guard import Guard, Key
from livestyle.control.server import control_app
from livestyle.sinks.web import WebPreview
from tests.controls import FakeRun

SIZE = 320, 240
OPERATIONS = {  # what is asked for, and whether it needs no token
    "GET /": True,
    "GET /api/openapi.json": True,
    "POST /api/v1/session": True,
    "GET /api/v1/status": False,
    "GET /api/v1/settings": False,
    "PATCH /api/v1/settings": False,
    "GET /api/v1/styles": False,
    "GET /api/v1/styles/comic.jpg": False,
    "GET /api/v1/sources": False,
    "GET /api/v1/sinks": False,
    "GET /api/v1/frame.jpg": False,
    "GET /api/v1/source.jpg": False,
    "GET /api/v1/snapshot.png": False,
    "GET /api/v1/recording": False,
    "POST /api/v1/recording": False,
    "DELETE /api/v1/recording": False,
    "GET /api/v1/view": False,
    "POST /api/v1/view": False,
    "DELETE /api/v1/view": False,
    "GET /metrics": False,
}
# Whoever knows the key in the address may see it, and nothing else.
VIEWS = ("GET /view/KEY", "GET /view/KEY/stream.mjpg", "GET /view/KEY/live")
SOCKETS = ("GET /api/v1/live", "GET /api/v1/canvas")
PAGE = Path(livestyle.control.__file__).parent / "page"
ORIGINS = ("absent", "own", "null", "other port", "other name")
KEYS = ("none", "wrong", "other cookie", "cookie", "bearer", "wrong beside the cookie")
FITTING = ("cookie", "bearer")
KINDS = ("application/json", "text/plain", "application/x-www-form-urlencoded", None)


@pytest.fixture(scope="module")
def web() -> Iterator[WebPreview]:
    with serving(SIZE) as opened:
        yield opened


def _headers(web: WebPreview, host: str, origin: str, key: str) -> dict[str, str | None]:
    name, _, secret = cookie(web)["Cookie"].partition("=")
    origins = {
        "absent": None,
        "own": f"http://{host}",  # what a rebound name sends: equal to Host, and still not ours
        "null": "null",
        "other port": "http://127.0.0.1:1",
        "other name": "https://game.example",
    }
    keys: dict[str, dict[str, str]] = {
        "none": {},
        "wrong": {"Authorization": "Bearer wrong"},
        "other cookie": {"Cookie": f"{name}={token(web)}; livestyle_1={secret}"},
        "cookie": cookie(web),
        "bearer": bearer(web),
        "wrong beside the cookie": {**cookie(web), "Authorization": "Bearer wrong"},
    }
    return {"Host": host, "Origin": origins[origin], **keys[key]}


def _body(web: WebPreview, operation: str) -> bytes:
    if operation == "POST /api/v1/session":
        return f'{{"token": "{token(web)}"}}'.encode()
    return b'{"mix": 0.5}' if operation.startswith("PATCH") else b"{}"


def _expected(
    operation: str, host: bool, origin: str, key: str, kind: str | None = None
) -> int | None:
    """The status of a refusal, or None where it is let through."""
    writes = not operation.startswith("GET") or operation in SOCKETS
    if not host:
        return 421
    if origin not in ("absent", "own") or (writes and origin == "absent" and key != "bearer"):
        return 403
    if not operation.startswith("GET") and kind != "application/json":
        return 415
    if key not in FITTING and not OPERATIONS.get(operation):
        return 401
    return None


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("own_host", [True, False])
def test_who_is_answered(web: WebPreview, own_host: bool, operation: str) -> None:
    host = f"127.0.0.1:{port(web)}" if own_host else f"game.example:{port(web)}"
    body = b"" if operation.startswith("GET") else _body(web, operation)
    for origin, key, kind in product(ORIGINS, KEYS, KINDS if body else (None,)):
        headers = {**_headers(web, host, origin, key), "Content-Type": kind}
        headers |= {"Content-Length": str(len(body))} if body else {}
        reply = ask(web, operation, headers, body)
        expected = _expected(operation, own_host, origin, key, kind)
        case = origin, key, kind, reply.status, reply.body[:200]
        if expected is None:
            # nothing to stop, or one goes on already, is an answer
            assert reply.status < 300 or (reply.status == 409 and "recording" in operation), case
        else:
            assert reply.status == expected, case
            assert "set-cookie" not in reply.headers
            if "/api/" in operation:
                assert list(reply.json()) == ["error"], case


@pytest.mark.parametrize("operation", SOCKETS)
@pytest.mark.parametrize("own_host", [True, False])
def test_who_opens_a_websocket(web: WebPreview, own_host: bool, operation: str) -> None:
    host = f"127.0.0.1:{port(web)}" if own_host else f"game.example:{port(web)}"
    for origin, key in product(ORIGINS, KEYS):
        headers = {**_headers(web, host, origin, key), **UPGRADE}
        status = ask(web, operation, headers).status
        assert status == (_expected(operation, own_host, origin, key) or 101), (origin, key)


@pytest.mark.parametrize("operation", VIEWS)
@pytest.mark.parametrize("fits", [True, False])
def test_who_sees_the_view(web: WebPreview, fits: bool, operation: str) -> None:
    made = send(web, "POST /api/v1/view", {}).json()["page"].rpartition("/")[2]
    request = operation.replace("KEY", made if fits else "x" * len(made))
    method = "HEAD" if operation.endswith("mjpg") else "GET"  # it would never end
    upgrade = UPGRADE if operation.endswith("live") else {}
    for own_host, origin, key in product((True, False), ORIGINS, KEYS):
        host = f"{'127.0.0.1' if own_host else 'game.example'}:{port(web)}"
        headers = {**_headers(web, host, origin, key), **upgrade}
        status = ask(web, request.replace("GET", method), headers).status
        expected = 421 if not own_host else 403 if origin not in ("absent", "own") else None
        if not fits and upgrade and origin == "absent" and key != "bearer":
            expected = expected or 403
        expected = expected or (404 if not fits else 101 if upgrade else 200)
        assert status == expected, (own_host, origin, key)


@pytest.mark.parametrize("kind", [*KINDS, "application/json; charset=utf-8"])
def test_a_write_without_a_body_is_no_form(web: WebPreview, kind: str | None) -> None:
    headers = {**bearer(web), "Content-Type": kind}
    answered = kind is None or kind.startswith("application/json")
    for operation in ("DELETE /api/v1/recording", "POST /api/v1/recording"):
        assert ask(web, operation, headers).status in ((200, 409) if answered else (415,))


def test_every_route_stands_in_the_table() -> None:
    run = run_with_slots(SIZE)
    view = View(Path("nowhere"))
    guard = control_app(Preview(SIZE, run.slots.source), SIZE, run, Key(1), view)
    assert isinstance(guard, Guard)
    app: Any = guard.app
    named = {*OPERATIONS, *SOCKETS, *VIEWS}
    found = {
        f"{method} {route.path}".replace("{name}", "comic").replace("{key}", "KEY")
        for route in app.routes
        for method in getattr(route, "methods", ["GET"])
        if method != "HEAD"
    }
    static = {f"GET /{file.name}" for file in PAGE.iterdir() if file.suffix != ".html"}
    assert found - static == named


def test_no_figure_is_read_for_who_has_no_token() -> None:
    asked = []

    def status() -> dict[str, Any]:
        asked.append(1)
        return figures()

    with WebPreview(SIZE, port=0, controls=FakeRun(status, ignore)) as web:
        for path in ("/api/v1/status", "/metrics", "/api/v1/live"):
            assert ask(web, f"GET {path}", {}).status == 401
            assert ask(web, f"GET {path}?token={token(web)}", {}).status == 401
    assert not asked
