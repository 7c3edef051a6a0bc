"""Settings over HTTP: what they are, what may be set, and that a change is whole or none."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from web_client import ask, bearer, figures, ignore, send

from livestyle.config import Config, live_settings, plain
from livestyle.errors import ConfigError
from livestyle.sinks.web import WebPreview
from livestyle.stylizers.change import changed
from tests.controls import FakeRun

SIZE = 64, 64
BEGAN = Config(
    source="file:/home/u/film.mp4",
    stylizer="lite",
    style="/home/u/a.jpg:0.5,/home/u/b.png",
    sink=("web", "record:/home/u/r.mp4"),
)
PATCH = "PATCH /api/v1/settings"


class Changing(FakeRun):
    """It checks and takes what is changed as a run does."""

    def change(self, values: dict[str, Any]) -> int:
        if set(values) & {"source", "style", "sink"}:  # of those the policy is what is tested
            self.config = dataclasses.replace(self.config, **values)
        else:
            self.config = changed(self.config, values)
        return super().change(values)


@pytest.fixture
def run() -> Changing:
    return Changing(figures, ignore, config=BEGAN)


@pytest.fixture
def web(run: Changing) -> Iterator[WebPreview]:
    with WebPreview(SIZE, port=0, controls=run) as opened:
        yield opened


def test_settings_tell_what_they_are(web: WebPreview) -> None:
    told = ask(web, "GET /api/v1/settings", bearer(web)).json()["settings"]
    assert list(told) == list(live_settings())
    assert told["hold"] == {
        "value": 0.5,
        "default": 0.5,
        "schema": {"type": "number", "minimum": 0, "maximum": 1},
        "help": live_settings()["hold"][1].help,
        "group": "look",
        "stylizers": ["lite", "turbo"],
        "applies": True,
    }
    assert told["prompt"]["value"] is None and not told["prompt"]["applies"]


def test_a_change_is_numbered_and_told_whole(web: WebPreview, run: Changing) -> None:
    first = send(web, PATCH, {"hold": 0.25, "mix": 1})
    assert first.status == 200
    answer = first.json()
    assert (answer["change"], answer["pending"]) == (1, False)
    assert set(answer["settings"]) == set(live_settings())
    assert (answer["settings"]["hold"], answer["settings"]["mix"]) == (0.25, 1)
    assert send(web, PATCH, {"off": True}).json()["change"] == 2
    assert run.config.off


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "name a setting"),
        ({"model": "/etc"}, "'model' can't change while running"),
        ({"recordings": "/etc"}, "'recordings' can't change while running"),
        ({"\ud800": 1}, "'\\ud800' can't change"),
        ({"hold": 2}, "hold 2: a number from 0 to 1 is expected"),
        ({"mix": 1, "hold": "x"}, "hold 'x'"),
        ({"hold": None}, "hold None"),
        ({"prompt": "a cat"}, "stylizer 'lite' has no prompt"),
        ({"sink": "null"}, "sink 'null': a list of texts is expected"),
        ({"sink": [["null"]]}, "text is expected"),
        ({"style": ["comic"]}, "text is expected"),
        ({"style": "/etc/passwd"}, "none of /api/v1/styles"),
        ({"style": "/home/u/c.jpg"}, "none of /api/v1/styles"),
        ({"style": "/home/u/a.jpg,/home/u/c.jpg:0.5"}, "none of /api/v1/styles"),
        ({"style": "unheard"}, "none of /api/v1/styles"),
        ({"source": "file:/etc/passwd"}, "none of /api/v1/sources"),
        ({"source": "file:~/film.mp4"}, "none of /api/v1/sources"),
        ({"source": "camera:7"}, "none of /api/v1/sources"),
        ({"source": "screen:1,0,0,9,9,--cursor"}, "none of /api/v1/sources"),
        ({"source": "auto"}, "none of /api/v1/sources"),
        ({"sink": ["web", "record:/tmp/x.mp4"]}, "none of /api/v1/sinks"),
        ({"sink": ["raw:-"]}, "none of /api/v1/sinks"),
        ({"sink": ["raw:/dev/sda"]}, "none of /api/v1/sinks"),
        ({"sink": ["v4l2:/dev/sda"]}, "none of /api/v1/sinks"),
        ({"mix": 1, "sink": ["v4l2:/dev/sda"]}, "none of /api/v1/sinks"),
    ],
)
def test_what_may_not_be_set_changes_nothing(
    web: WebPreview, run: Changing, values: dict[str, Any], said: str
) -> None:
    reply = send(web, PATCH, values)
    assert reply.status == 400
    assert said in reply.json()["error"] and "\n" not in reply.json()["error"]
    assert run.config == BEGAN and run.number == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("style", "mosaic"),
        ("style", "/home/u/a.jpg:0.2,/home/u/b.png:0.8"),  # it began with these pictures
        ("source", "testcard"),
        ("source", "screen:1"),
        ("source", "screen:1,10,20,300,200"),
        ("source", BEGAN.source),
        ("sink", ["web", "v4l2", "virtualcam", "null"]),
        ("sink", ["web", "v4l2:/dev/video9"]),
        ("sink", ["web", "record:/home/u/r.mp4"]),
    ],
)
def test_what_the_run_offers_may_be_set(
    web: WebPreview, run: Changing, key: str, value: Any
) -> None:
    assert send(web, PATCH, {key: value}).status == 200
    assert plain(run.config)[key] == value


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"[" * 9000, b"\xff"])
def test_a_change_is_a_json_object(web: WebPreview, run: Changing, body: bytes) -> None:
    headers = {**bearer(web), "Content-Type": "application/json"}
    reply = ask(web, PATCH, {**headers, "Content-Length": str(len(body))}, body)
    assert reply.status == 400 and reply.json()["error"]
    assert run.number == 0


def test_a_change_that_is_refused_later_is_taken_back_whole(web: WebPreview, run: Changing) -> None:
    answers = iter([None, None, "the style can't be opened", ""])
    run.answer = lambda: next(answers)
    reply = send(web, PATCH, {"hold": 0.25, "mix": 1})
    assert (reply.status, reply.json()) == (400, {"error": "the style can't be opened"})
    assert run.config == BEGAN and run.number == 2


def test_a_newer_change_is_not_waited_for(web: WebPreview, run: Changing) -> None:
    known = threading.Event()
    run.answer = lambda: "" if known.is_set() else None
    answers: dict[float, Any] = {}

    def ask_for(mix: float) -> None:
        answers[mix] = send(web, PATCH, {"mix": mix}).json()

    first, second = (threading.Thread(target=ask_for, args=(mix,)) for mix in (0.25, 0.5))
    first.start()
    while run.number < 1:
        time.sleep(0.01)
    assert first.is_alive()
    second.start()
    first.join(3)
    assert answers[0.25]["pending"] and answers[0.25]["change"] == 1
    assert second.is_alive()
    known.set()
    second.join(3)
    assert (answers[0.5]["change"], answers[0.5]["pending"]) == (2, False)


def test_a_change_that_is_never_answered_is_pending(
    web: WebPreview, run: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livestyle.control.api.changes.ANSWER_SECONDS", 0.3)
    run.answer = lambda: None
    reply = send(web, PATCH, {"mix": 1})
    assert reply.status == 200 and reply.json()["pending"]


def test_a_run_that_hangs_blocks_no_other_request(
    web: WebPreview, run: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livestyle.control.api.changes.ANSWER_SECONDS", 0.5)
    hangs = threading.Event()
    run.take = lambda _: (hangs.wait(20), None)[1]  # as a camera that does not open
    for _ in range(12):  # more than there are threads
        reply = send(web, PATCH, {"mix": 1})
        assert reply.status == 503 and "0.5 s" in reply.json()["error"]
    assert ask(web, "GET /api/v1/sources", bearer(web)).status == 200
    hangs.set()
    run.take = ignore
    assert send(web, PATCH, {"mix": 0.5}).json()["settings"]["mix"] == 0.5
    assert run.number == 2, "who was sent away is not served later"


def test_a_refusal_says_no_prompt(web: WebPreview, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_: dict[str, Any]) -> None:
        raise ConfigError("no")

    with WebPreview(SIZE, port=0, controls=FakeRun(figures, refuse)) as opened:
        assert send(opened, PATCH, {"prompt": "a secret"}).json() == {"error": "no"}
    assert "secret" not in caplog.text
