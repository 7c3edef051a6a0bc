"""What a run's page may choose, and that it can name nothing else."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import waiting
from display import Display

from livestyle.config import Config
from livestyle.errors import ConfigError, SourceError
from livestyle.front.known import Known
from livestyle.front.offer import Offer
from livestyle.front.output import OutputClock
from livestyle.front.recordings import Recordings
from livestyle.sinks.null import Null

until = functools.partial(waiting.until, limit=10)

BEGAN = Config(
    source="file:mine.mp4", stylizer="lite", style="comic", sink=("web", "raw:pipe"), port=0
)


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    monkeypatch.delenv("DISPLAY", raising=False)
    return _offer(tmp_path)


def _offer(folder: Path) -> Offer:
    slot: Any = None
    size = 64, 36
    return Offer(BEGAN, Recordings(str(folder), OutputClock(slot, size, 30), size))


def test_sources_are_what_is_here(offer: Offer, tmp_path: Path) -> None:
    made = tmp_path / "livestyle-2026-01-02-030405.mp4"
    made.write_bytes(b"")
    (tmp_path / "livestyle-2026-01-02-030406.mp4.part").write_bytes(b"")
    (tmp_path / "other.mp4").write_bytes(b"")
    found = [one for one in offer.sources(BEGAN) if one.kind not in ("monitor", "camera")]
    assert [one.spec for one in found] == ["testcard", "canvas", "file:mine.mp4", f"file:{made}"]
    assert [one.spec for one in found if one.chosen] == ["file:mine.mp4"]
    assert found[-1].label == made.name and found[-1].kind == "file"
    turbo = dataclasses.replace(BEGAN, stylizer="turbo", source="blank", sink=("null",))
    specs = [one.spec for one in offer.sources(turbo) if one.chosen or one.kind == "canvas"]
    assert specs == ["blank"]


@pytest.mark.parametrize(("source", "spec"), [("screen", "screen:1"), ("screen:1,0,0,64,36",) * 2])
def test_monitors_are_offered(
    tmp_path: Path, display: Display, monkeypatch: pytest.MonkeyPatch, source: str, spec: str
) -> None:
    monkeypatch.setenv("DISPLAY", display.environment["DISPLAY"])
    found = _offer(tmp_path).sources(dataclasses.replace(BEGAN, source=source))
    (monitor,) = (one for one in found if one.spec == "screen:1")
    assert monitor.kind == "monitor" and monitor.label.startswith("640x400 at 0,0")
    assert [one.spec for one in found if one.chosen] == [spec]


def test_a_display_that_hangs_makes_nobody_wait(
    tmp_path: Path, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display.environment["DISPLAY"])
    offer = _offer(tmp_path)
    display.pause()
    began = time.monotonic()
    for _ in range(20):
        assert "testcard" in [one.spec for one in offer.sources(BEGAN)]
    assert time.monotonic() - began < 5  # 1 s, once
    display.resume()


def test_sinks_say_how_they_are(offer: Offer) -> None:
    found = {one.spec: one for one in offer.sinks(BEGAN, {"web": Null()})}
    assert (found["web"].state, found["web"].chosen, found["web"].label) == (
        "open",
        True,
        "this page",
    )
    assert (found["null"].state, found["null"].chosen) == ("free", False)
    assert (found["raw:pipe"].state, found["raw:pipe"].chosen) == ("free", True)


@pytest.mark.parametrize(
    "values",
    [
        {"source": "file:/etc/passwd"},
        {"source": "file:other.mp4"},
        {"sink": ("web", "record:/tmp/o.mp4")},
        {"sink": ("web", "raw:/tmp/o")},
        {"sink": ("web", "raw:-")},
        {"sink": ("web", "v4l2:/dev/null")},
    ],
    ids=str,
)
def test_no_other_file_can_be_named(offer: Offer, values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is named where the run is started"):
        offer.check(BEGAN, dataclasses.replace(BEGAN, **values))


def test_no_other_picture_can_be_a_style(offer: Offer, tmp_path: Path) -> None:
    picture = tmp_path / "mine.jpg"
    picture.write_bytes(b"")
    with pytest.raises(ConfigError, match="a picture is named where the run is started"):
        offer.check(BEGAN, dataclasses.replace(BEGAN, style=str(picture)))


def test_what_is_offered_may_be_chosen(offer: Offer, tmp_path: Path) -> None:
    made = tmp_path / "livestyle-2026-01-02-030405.mp4"
    made.write_bytes(b"")
    for values in (
        {"source": f"file:{made}"},
        {"source": "screen:1,0,0,640,360"},
        {"sink": ("web", "null", "v4l2")},
        {"style": "wave"},
    ):
        offer.check(BEGAN, dataclasses.replace(BEGAN, **values))
    elsewhere = dataclasses.replace(BEGAN, source="testcard", sink=("web",))
    offer.check(elsewhere, BEGAN)  # as it began


def test_what_is_known_is_fresh_but_not_looked_for_at_every_turn() -> None:
    looks = []
    known = Known(lambda: looks.append(1) or len(looks), 0)  # type: ignore[func-returns-value]
    assert [known.now() for _ in range(5)] == [1] * 5
    time.sleep(2.1)
    assert known.now() == 2


def test_what_fails_is_nothing() -> None:
    def look() -> int:
        raise SourceError("none")

    assert Known(look, 7).now() == 7


def test_a_look_that_hangs_is_looked_for_once(tmp_path: Path) -> None:
    let_go, looks = threading.Event(), []

    def look() -> int:
        looks.append(1)
        let_go.wait(30)
        return 1

    known = Known(look, 0)
    assert [known.now() for _ in range(3)] == [0] * 3
    let_go.set()
    until(lambda: known.now() == 1)
    assert len(looks) == 1
