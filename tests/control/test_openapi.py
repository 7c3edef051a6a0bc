"""The API's description: it stands by what the server does, operation by operation."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from web_client import (
    UPGRADE,
    ask,
    bearer,
    figures,
    port,
    run_with_slots,
    send,
    serving,
)

from livestyle.config import live_settings
from livestyle.control.feeds.preview import Preview
from livestyle.control.feeds.view import View
from livestyle.control.guard import Key
from livestyle.control.server import control_app
from livestyle.sinks.web import WebPreview

SIZE = 64, 64
METHODS = ("get", "post", "put", "patch", "delete")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


def _served() -> list[str]:
    run = run_with_slots(SIZE)
    view = View(Path("nowhere"))
    app: Any = control_app(Preview(SIZE, run.slots.source), SIZE, run, Key(1), view).app
    served = {
        f"{method.lower()} {route.path}"
        for route in app.routes
        if route.path.startswith("/api/v1/")
        for method in getattr(route, "methods", ["GET"])
        if method != "HEAD"
    }
    return sorted(served)


OPERATIONS = _served()


@pytest.fixture(scope="module")
def web() -> Iterator[WebPreview]:
    with serving(SIZE) as opened:
        yield opened


@pytest.fixture(scope="module")
def document(web: WebPreview) -> dict[str, Any]:
    """What anybody may read."""
    reply = ask(web, "GET /api/openapi.json", {})
    assert reply.headers["content-type"] == "application/json"
    found: dict[str, Any] = reply.json()
    return found


def _address(path: str) -> str:
    return path.replace("{name}", "comic")


def test_every_route_is_described_and_nothing_else(document: dict[str, Any]) -> None:
    told = {
        f"{method} {path}"
        for path, operations in document["paths"].items()
        for method in operations
        if method in METHODS
    }
    assert told == set(OPERATIONS)


def test_what_is_described_is_served_and_other_methods_are_not(
    web: WebPreview, document: dict[str, Any]
) -> None:
    for path, operations in document["paths"].items():
        for method in METHODS:
            reply = send(web, f"{method.upper()} {_address(path)}", {})
            if method in operations:
                assert reply.status not in (404, 405), (method, path)
                assert str(reply.status) in operations[method]["responses"], (method, path)
            else:
                assert reply.status == 405 and "it takes" in reply.json()["error"]
                allowed = {each.lower() for each in reply.headers["allow"].split(", ")}
                assert allowed - {"head"} == set(operations)


def test_what_is_nowhere_is_said(web: WebPreview) -> None:
    for path in ("/api/status", "/api/look", "/api/frame.png", "/api/v1/", "/api/v1/status/"):
        reply = ask(web, f"GET {path}", bearer(web))
        assert reply.status == 404 and "/api/openapi.json" in reply.json()["error"]


def test_a_websocket_is_described_with_what_it_says(
    web: WebPreview, document: dict[str, Any]
) -> None:
    for path in ("/api/v1/live", "/api/v1/canvas"):
        told = document["paths"][path]["get"]
        assert "little endian" in told["description"]
        assert ask(web, f"GET {path}", {**bearer(web), **UPGRADE}).status == 101
        plain = ask(web, f"GET {path}", bearer(web))
        assert plain.status == 426 and plain.headers["upgrade"] == "websocket"
        assert {"101", "426", "503"} <= set(told["responses"])


def test_a_change_is_described_as_the_settings_are(document: dict[str, Any]) -> None:
    told = document["paths"]["/api/v1/settings"]["patch"]["requestBody"]["content"]
    properties = told["application/json"]["schema"]["properties"]
    assert list(properties) == list(live_settings())
    for key, (_, setting) in live_settings().items():
        assert properties[key] == {**setting.parse.schema, "description": setting.help}


def test_it_says_nothing_of_the_run(web: WebPreview, document: dict[str, Any]) -> None:
    assert str(port(web)) not in str(document)
    assert document["security"] == [{"token": []}, {"session": []}]
    public = [
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if operation.get("security") == []
    ]
    assert public == ["/api/v1/session"]
    assert "401" in document["paths"]["/api/v1/frame.jpg"]["get"]["responses"]


def test_the_status_is_as_described(document: dict[str, Any]) -> None:
    content = document["paths"]["/api/v1/status"]["get"]["responses"]["200"]["content"]
    schema = content["application/json"]["schema"]
    told = {**figures(), "recording": None, "canvas": {"size": [64, 64]}, "change": 3}
    jsonschema_rs.validate(schema, told)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(schema, {**told, "canvas": {"size": [64]}})


def test_no_answer_is_unforeseen(web: WebPreview, tmp_path: Path) -> None:
    """Whatever is sent, fitting or not."""
    command = [Path(sys.executable).with_name("schemathesis"), "run", "--no-color"]
    command += [f"http://127.0.0.1:{port(web)}/api/openapi.json", "--checks", ",".join(CHECKS)]
    command += ["--header", f"Authorization: {bearer(web)['Authorization']}", "--max-examples=10"]
    command += ["--phases=examples,coverage,fuzzing", "--continue-on-failure"]
    command += ["--generation-deterministic"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout[-4000:]
    found = re.search(r"Tested: (\d+)", done.stdout)
    assert found and int(found[1]) == len(OPERATIONS), done.stdout[-4000:]
