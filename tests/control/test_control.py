"""The page's API: who may ask for what, and what the answers say."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from web_client import JSON, UPGRADE, ask, bearer, cookie, figures, ignore, port, token

from livestyle.control import Recording
from livestyle.sinks.web import WebPreview
from tests.controls import FakeRun


@pytest.fixture(scope="module")
def web() -> Iterator[WebPreview]:
    with WebPreview((320, 240), port=0, controls=FakeRun(figures, ignore)) as opened:
        yield opened


def session(web: WebPreview, sent: str | None = None) -> bytes:
    return json.dumps({"token": token(web) if sent is None else sent}).encode()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:{port}", 200),
        ("[::1]:{port}", 200),
        ("127.0.0.1", 421),
        ("127.0.0.1:1", 421),
        ("127.0.0.1.game.example:{port}", 421),
        ("game.example", 421),
        ("", 421),
        (None, 400),  # HTTP/1.1 without a Host
    ],
)
def test_only_our_names_are_answered(web: WebPreview, host: str | None, status: int) -> None:
    host = host.format(port=port(web)) if host else host
    for path in ("/", "/api/v1/status"):
        assert ask(web, f"GET {path}", {"Host": host, **cookie(web)}).status == status


@pytest.mark.parametrize("host", ["127.0.0.1:9991", "localhost:8080", "gaming-pc.lan:{port}"])
def test_who_comes_through_a_tunnel_learns_the_way(web: WebPreview, host: str) -> None:
    reply = ask(web, "GET /", {"Host": host.format(port=port(web))})
    said, here = reply.body.decode(), port(web)
    assert reply.status == 421 and said.count("\n") == 1
    assert f"http://127.0.0.1:{here}/ alone" in said
    assert f"ssh -L {here}:127.0.0.1:{here} HOST" in said and "--port" in said
    assert token(web) not in said


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)],
)
def test_other_pages_are_refused_even_with_the_cookie(
    web: WebPreview, site: str, status: int
) -> None:
    for path in ("/", "/api/v1/status", "/metrics"):
        headers = {"Sec-Fetch-Site": site, **cookie(web)}
        assert ask(web, f"GET {path}", headers).status == status


@pytest.mark.parametrize(
    "path",
    ["/api/v1/status", "/api/v1/frame.jpg", "/api/v1/snapshot.png", "/metrics", "/api/elsewhere"],
)
def test_pixels_and_figures_need_the_token(web: WebPreview, path: str) -> None:
    assert ask(web, f"GET {path}", {}).status == 401
    assert ask(web, f"GET {path}?token={token(web)}", {}).status == 401
    both = {**cookie(web), "Authorization": "Bearer wrong"}
    assert ask(web, f"GET {path}", both).status == 401


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b'{"token": "x"}', 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"token=x", 415),
        ({}, b'{"token": "x"}', 415),
        ({"Content-Type": "text/plain"}, b"", 415),
        ({"Content-Length": None}, b"", 401),
        ({**JSON, "Content-Length": None, "Transfer-Encoding": "chunked"}, b"0\r\n\r\n", 411),
        ({**JSON, "Transfer-Encoding": "chunked"}, b"2\r\n{}\r\n0\r\n\r\n", 411),
        (JSON, b'{"token": "' + b"x" * 20000 + b'"}', 413),
        (JSON, b"{", 400),
        (JSON, b"[" * 500, 400),
        (JSON, b'["x"]', 400),
        (JSON, b'{"token": 7}', 401),
        (JSON, b'{"token": "\\ud800"}', 401),
        (JSON, b'{"token": "w\xc3\xb6rong"}', 401),
    ],
)
def test_a_session_takes_small_json_with_the_token(
    web: WebPreview, headers: dict[str, str | None], body: bytes, status: int
) -> None:
    own = {"Origin": f"http://127.0.0.1:{port(web)}", "Content-Length": str(len(body))}
    reply = ask(web, "POST /api/v1/session", {**own, **headers}, body)
    assert reply.status == status
    assert "set-cookie" not in reply.headers


def test_the_cookie_is_for_this_page_alone(web: WebPreview) -> None:
    body = session(web)
    own = {"Origin": f"http://127.0.0.1:{port(web)}", "Content-Length": str(len(body))}
    reply = ask(web, "POST /api/v1/session", {**own, **JSON}, body)
    assert reply.status == 204
    cookie, *attributes = reply.headers["set-cookie"].split("; ")
    assert sorted(each.lower() for each in attributes) == ["httponly", "path=/", "samesite=strict"]
    assert cookie.startswith(f"livestyle_{port(web)}=")
    assert ask(web, "GET /api/v1/status", {"Cookie": cookie}).status == 200


def test_the_cookie_is_not_the_token(web: WebPreview) -> None:
    name, secret = cookie(web)["Cookie"].split("=")
    assert token(web) not in secret and cookie(web)["Cookie"] != f"{name}={secret}"
    for headers, status in (
        ({"Cookie": f"{name}={secret}"}, 200),  # the first of two sessions
        ({"Cookie": f"{name}={token(web)}"}, 401),
        ({"Cookie": f"livestyle_1={secret}"}, 401),
        ({"Cookie": f"{name}="}, 401),
        ({"Authorization": f"Bearer {secret}"}, 401),
    ):
        assert ask(web, "GET /api/v1/status", headers).status == status, headers
    stolen = json.dumps({"token": secret}).encode()
    own = {"Origin": f"http://127.0.0.1:{port(web)}", "Content-Length": str(len(stolen)), **JSON}
    assert ask(web, "POST /api/v1/session", own, stolen).status == 401
    # the next run on the same port takes none of this one's
    with WebPreview((320, 240), port=0, controls=FakeRun(figures, ignore)) as first:
        taken, before = port(first), cookie(first)
        assert ask(first, "GET /api/v1/status", before).status == 200
    with WebPreview((320, 240), port=taken, controls=FakeRun(figures, ignore)) as second:
        assert ask(second, "GET /api/v1/status", before).status == 401


EXPECTED = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@pytest.mark.parametrize(
    ("request_line", "headers"),
    [
        ("GET /", {}),
        ("GET /page.js", {}),
        ("GET /api/v1/status", {}),
        ("GET /api/v1/status", {"Host": "game.example"}),
        ("GET /api/v1/status", {"Origin": "null"}),
        ("OPTIONS /api/v1/session", {"Origin": "null", "Access-Control-Request-Method": "POST"}),
        ("POST /api/v1/session", {"Authorization": "token"}),
        ("POST /api/v1/status", {"Authorization": "token", **JSON, "Content-Length": "0"}),
        ("GET /api/elsewhere", {"Authorization": "token"}),
        ("GET /api/v1/live", {**UPGRADE, "Origin": "null"}),
        ("GET /api/v1/live", {**UPGRADE, "Authorization": "token"}),
    ],
)
def test_every_response_has_the_headers(
    web: WebPreview, request_line: str, headers: dict[str, str]
) -> None:
    if "Authorization" in headers:
        headers = {**headers, **bearer(web)}
    reply = ask(web, request_line, headers)
    for name, value in EXPECTED.items():
        assert reply.headers.get_all(name) == [value]
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]


def test_the_status_keeps_the_token(web: WebPreview) -> None:
    def with_address() -> dict[str, object]:
        return {**figures(), "sinks": [{"name": opened.name, "note": ""}]}

    with WebPreview((320, 240), port=0, controls=FakeRun(with_address, ignore)) as opened:
        reply = ask(opened, "GET /api/v1/status", bearer(opened))
        assert json.loads(reply.body)["output"]["unique_fps"] == 28.5
        assert f"http://127.0.0.1:{port(opened)}/" in reply.body.decode()
        assert token(opened) not in reply.body.decode()


def test_metrics(web: WebPreview) -> None:
    text = ask(web, "GET /metrics", bearer(web)).body.decode()
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["livestyle_frames_total", "output"] == 375
    assert samples["livestyle_frames_dropped_total", "model", "superseded"] == 10
    assert samples["livestyle_output_duplicates_total",] == 25
    assert samples["livestyle_source_reconnects_total",] == 1
    assert samples["livestyle_sink_reconnects_total",] == 3
    assert samples["livestyle_sink_write_errors_total",] == 6
    assert samples["livestyle_sinks_away",] == 1
    assert samples["livestyle_resizes_total",] == 3
    assert samples["livestyle_freezes_total",] == 2
    assert samples["livestyle_frozen_seconds_total",] == 3.5
    assert samples["livestyle_worker_restarts_total",] == 2
    assert samples["livestyle_state", "running"] == 1
    assert samples["livestyle_state", "failed"] == 0
    assert samples["livestyle_frame_latency_seconds", "0.95"] == 0.052
    assert samples["livestyle_stage_duration_seconds", "0.5", "model"] == 0.02
    assert ("livestyle_stage_duration_seconds", "0.99", "model") not in samples  # null
    assert samples["livestyle_recording",] == 0
    assert ("livestyle_off",) not in samples  # the status tells nothing of it


def test_metrics_agree_with_the_status() -> None:
    """What came to the report later: off, changes, the recording."""

    def changing() -> dict[str, object]:
        told = figures()
        told["stylizer"]["off"] = True
        return {**told, "change": 7, "changed": {"number": 7, "pending": True, "refused": ""}}

    run = FakeRun(changing, ignore)
    run.recorded = Recording("livestyle.mp4", 2.5, 81920)
    with WebPreview((320, 240), port=0, controls=run) as web:
        text = ask(web, "GET /metrics", bearer(web)).body.decode().splitlines()
        status = json.loads(ask(web, "GET /api/v1/status", bearer(web)).body)
    assert status["recording"]["bytes"] == 81920
    for line in (
        "livestyle_off 1.0",
        "livestyle_changes_total 7.0",
        "livestyle_change_pending 1.0",
        "livestyle_recording 1.0",
        "livestyle_recording_bytes 81920.0",
    ):
        assert line in text


def test_metrics_before_the_first_frame() -> None:
    def starting() -> dict[str, object]:
        return {"schema_version": 1, "state": "starting", "source": None, "output": {"fps": None}}

    with WebPreview((320, 240), port=0, controls=FakeRun(starting, ignore)) as web:
        text = ask(web, "GET /metrics", bearer(web)).body.decode()
    assert 'livestyle_state{state="starting"} 1.0' in text
    assert "livestyle_frames_total{" not in text
