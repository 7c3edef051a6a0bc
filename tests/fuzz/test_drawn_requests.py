"""Requests, messages and datagrams to a server that runs, drawn by hypothesis: each is answered or
refused, and the server goes on.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from drawing import counts, examples, texts, values
from hypothesis import given
from hypothesis import strategies as st
from waiting import until
from web_client import (
    ask,
    bearer,
    figures,
    port,
    serving,
    token,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from livestyle.config import live_settings
from livestyle.control.osc import Osc
from livestyle.sinks.web import WebPreview
from livestyle.values import endpoint
from tests.controls import FakeRun

SIZE = 64, 64
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X-Y")


@pytest.fixture(scope="module")
def web() -> Iterator[WebPreview]:
    with serving(SIZE) as opened:
        yield opened


def _goes_on(web: WebPreview) -> bool:
    return ask(web, "GET /api/v1/status", bearer(web)).status == 200


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
of_header = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
bodies = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda value: json.dumps(value).encode(), values),
    st.builds(
        lambda held: json.dumps(held).encode(),
        st.dictionaries(st.sampled_from([*live_settings(), "token"]) | texts, values, max_size=3),
    ),
)
HEADERS = (
    "Host", "Origin", "Cookie", "Authorization", "Content-Type", "Content-Length", "Accept",
    "Range", "Transfer-Encoding", "Upgrade", "Connection", "Sec-WebSocket-Key",
    "Sec-WebSocket-Version", "Sec-Fetch-Site", "Expect", "If-None-Match", "X",
)  # fmt: skip
LIKELY = (
    "websocket", "Upgrade", "13", "chunked", "gzip", "application/json", "text/plain", "0", "-1",
    "100-continue", "bytes=0-", "same-origin", "null", "9" * 30, "Bearer ", "*",
)  # fmt: skip


@counts
def test_any_request_is_answered(web: WebPreview, count: int) -> None:
    """On every route there is, each also as nobody would ask it."""
    document = ask(web, "GET /api/openapi.json", {}).json()
    paths = [*document["paths"], "/", "/page.js", "/metrics", "/view", "/api/v1", "/nowhere"]
    statuses = []

    @examples(count)
    @given(st.data())
    def holds(how: Any) -> None:
        path = how.draw(st.sampled_from(paths))
        path = path.replace("{name}", how.draw(st.sampled_from(["comic", "%00", "..%2f", "%ff"])))
        path += how.draw(st.sampled_from(["", "", "", "/", "?token=x", "//", "%20"]) | printable)
        method = how.draw(st.sampled_from(METHODS))
        body = how.draw(bodies)
        headers: dict[str, str | None] = {"Content-Length": str(len(body))}
        if how.draw(st.integers(0, 3)):
            headers |= bearer(web) | {"Content-Type": "application/json"}
        drawn = st.dictionaries(
            st.sampled_from(HEADERS), of_header | st.sampled_from(LIKELY) | st.none(), max_size=2
        )
        headers |= how.draw(drawn)
        statuses.append(status := _asked(web, f"{method} {path.replace(' ', '')}", headers, body))
        assert status is None or 100 <= status < 500 or status == 503, (method, path, headers, body)

    holds()
    assert _goes_on(web)
    assert {200, 400, 401, 404, 405} <= set(statuses) or count < 100, set(statuses)
    assert statuses.count(None) < count // 4


def _asked(web: WebPreview, line: str, headers: dict[str, str | None], body: bytes) -> int | None:
    """The status; None where the server waits for more of the body than there is, or hangs up."""
    method, path = line.split(" ")
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", port(web), timeout=4)
    ) as asking:
        asking.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": f"127.0.0.1:{port(web)}", **headers}.items():
            if value is not None:
                asking._buffer.append(f"{name}: {value}".encode("latin-1"))  # type: ignore[attr-defined]
        try:
            asking.endheaders(body)
            reply = asking.getresponse()
            if reply.status != 101:
                reply.read()
            return reply.status
        except (TimeoutError, http.client.HTTPException, ConnectionError):
            return None


@counts
def test_any_bytes_are_answered_or_end_the_connection(web: WebPreview, count: int) -> None:
    whole = (
        f"PATCH /api/v1/settings HTTP/1.1\r\nHost: 127.0.0.1:{port(web)}\r\nAuthorization: Bearer "
        f"{token(web)}\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
        '{"mix": 0.5}'
    ).encode()

    @examples(count)
    @given(st.data())
    def holds(how: Any) -> None:
        sent = bytearray(whole)
        for _ in range(how.draw(st.integers(0, 4))):
            at = how.draw(st.integers(0, len(sent)))
            sent[at : at + how.draw(st.integers(0, 9))] = how.draw(st.binary(max_size=9))
        with socket.create_connection(("127.0.0.1", port(web)), timeout=5) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                said = connection.recv(65536)
                assert not said.startswith(b"HTTP/1.1 50"), said

    holds()
    assert _goes_on(web)


def _opened(web: WebPreview, path: str) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{port(web)}{path}", additional_headers=bearer(web), proxy=None)


rectangles = st.builds(
    lambda numbers, pixels: struct.pack("<IHHHH", *numbers) + pixels,
    st.tuples(st.integers(0, 2**32 - 1), *[st.integers(0, 70) | st.integers(0, 65535)] * 4),
    st.binary(max_size=80),
)
wishes = st.builds(json.dumps, st.dictionaries(st.just("wipe") | texts, values, max_size=2))


@counts
@pytest.mark.parametrize("path", ["/api/v1/live", "/api/v1/canvas"])
def test_any_message_is_taken_or_ends_its_connection(
    web: WebPreview, path: str, count: int
) -> None:
    messages = st.binary(max_size=40) | rectangles | wishes | st.text(max_size=20)
    ends = []

    @examples(count // 3)
    @given(st.lists(messages, min_size=1, max_size=4))
    def holds(said: list[str | bytes]) -> None:
        with _opened(web, path) as client:
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                for each in said:
                    client.send(each)
                for _ in range(4):
                    client.recv(timeout=0.05)
            client.close()
            ends.append(client.close_code)

    holds()
    assert {1007} <= set(ends) <= {1000, 1003, 1006, 1007}
    assert _goes_on(web)
    with _opened(web, path) as client:
        assert client.recv(timeout=5)


@counts
def test_any_datagram_is_taken_or_counted(count: int) -> None:
    changes: list[dict[str, Any]] = []
    run = FakeRun(figures, changes.append)
    addresses = st.sampled_from([f"/livestyle/{key}" for key in live_settings()]) | texts
    kinds = {
        "i": st.integers(-(2**31), 2**31 - 1).map(lambda value: struct.pack(">i", value)),
        "f": st.floats(width=32).map(lambda value: struct.pack(">f", value)),
        "s": st.text(st.characters(max_codepoint=255), max_size=9).map(_padded),
        "b": st.binary(max_size=9).map(lambda held: struct.pack(">I", len(held)) + held),
        "T": st.just(b""), "N": st.just(b""), "[": st.just(b""), "]": st.just(b""),
        "h": st.binary(min_size=8, max_size=8), "d": st.binary(min_size=8, max_size=8),
    }  # fmt: skip
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            there = free.getsockname()

        with Osc(endpoint(there[1]), run) as osc:
            sent = []

            @examples(count)
            @given(st.data())
            def holds(how: Any) -> None:
                tags = how.draw(st.lists(st.sampled_from(list(kinds)), max_size=5))
                held = b"".join(how.draw(kinds[tag]) for tag in tags)
                packet = _padded(how.draw(addresses)) + _padded("," + "".join(tags)) + held
                if how.draw(st.booleans()):
                    size = how.draw(st.sampled_from([len(packet), 0, 2**32 - 1]))
                    packet = b"#bundle\0" + bytes(8) + struct.pack(">I", size) + packet
                sender.sendto(packet[:60_000], there)
                sent.append(packet)
                until(lambda: osc.messages + 20 > len(sent), limit=20, every=0.001)

            holds()
            before = len(changes)
            packet = _padded("/livestyle/mix") + _padded(",f") + struct.pack(">f", 0.25)
            sender.sendto(packet, there)
            until(lambda: any(change == {"mix": 0.25} for change in changes[before:]), limit=20)
            assert 0 < osc.refused <= osc.messages
            assert all(len(note) < 1500 and "\n" not in note for note in osc.notes)


def _padded(text: str) -> bytes:
    """As OSC has strings: with zeros to a multiple of four."""
    content = text.encode("utf-8", "surrogatepass") + b"\0"
    return content + bytes(-len(content) % 4)
