"""What changes while a run goes on, by real processes: the frame log is the judge."""

from __future__ import annotations

import contextlib
import csv
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import psutil
import pytest
from display import Display
from waiting import until

from livestyle.config import Config
from livestyle.errors import ConfigError
from livestyle.front.front import Front

SECOND = 1_000_000_000


class Tick:
    """A line of the frame log."""

    def __init__(self, line: dict[str, str]) -> None:
        self.kind = line["kind"]
        self.deadline = int(line["deadline_ns"])
        self.written_at = int(line["written_at_ns"])
        self.change = int(line["change"])


class Live:
    """A run, what is asked of it, and what the frame log says in the end."""

    def __init__(self, front: Front, running: threading.Thread, log: Path) -> None:
        self.front = front
        self._running = running
        self.report: dict[str, Any] = {}
        self._log = log

    def change(self, **values: Any) -> int:
        """All of them at once; waits until it is taken. Returns its number."""
        number = self.front.change({key.replace("_", "-"): to for key, to in values.items()})
        assert until(lambda: self.front.answer() is not None)
        assert self.front.answer() == "", self.front.answer()
        return number

    def refused(self, **values: Any) -> str:
        self.front.change({key.replace("_", "-"): to for key, to in values.items()})
        until(lambda: self.front.answer() is not None)
        return self.front.answer() or ""

    def shows(self, number: int) -> None:
        """Waits until a change is in what is shown."""
        until(lambda: self.front._clock._frame.change >= number)

    def worker(self) -> psutil.Process:
        (worker,) = [
            child
            for child in psutil.Process().children()
            if "spawn_main" in " ".join(child.cmdline())
        ]
        return worker

    def stop(self) -> None:
        """As the end of its time does."""
        self.front._clock.stop()
        self._running.join(30)

    def end(self) -> list[Tick]:
        self.stop()
        self.report = self.front.finish()
        with self._log.open() as opened:
            return [Tick(line) for line in csv.DictReader(opened)]


@contextlib.contextmanager
def _live(folder: Path, **settings: Any) -> Iterator[Live]:
    given = {"source": "testcard", "stylizer": "lite", "sink": ("null",), "fps": 30.0} | settings
    log = folder / "f.csv"
    config = Config(**given, frame_log=str(log), recordings=str(folder / "recordings"), port=0)
    failures: list[BaseException] = []

    def run(front: Front) -> None:
        try:
            front.run(lambda _: None)
        except BaseException as error:  # shown by the test
            failures.append(error)

    with Front(config, lambda _: None) as front:
        running = threading.Thread(target=run, args=(front,), daemon=True)
        running.start()
        live = Live(front, running, log)
        try:
            until(lambda: front._clock.counts.first_at or failures)
            yield live
        finally:
            live.stop()
    assert not failures


def _steady(ticks: list[Tick], fps: float) -> None:
    """Every tick of the rate is there, at its time."""
    steps = [after.deadline - tick.deadline for tick, after in zip(ticks, ticks[1:], strict=False)]
    assert steps and max(abs(step - SECOND / fps) for step in steps) <= 2


def test_styles_change_and_no_tick_is_lost(tmp_path: Path) -> None:
    with _live(tmp_path, style="comic", output_size=(1280, 720)) as live:
        for style in ("wave", "udnie", "comic"):
            live.shows(live.change(style=style))
            time.sleep(1)
            assert live.front.status()["stylizer"]["style"] == style
        ticks = live.end()
    _steady(ticks, 30)
    assert live.report["output"]["frames"] == len(ticks)
    assert (live.report["output"]["lost"], live.report["worker_restarts"]) == (0, 0)
    styled = [tick for tick in ticks if tick.kind == "unique"]
    assert [tick.change for tick in styled] == sorted(tick.change for tick in styled)
    assert {tick.change for tick in styled} == {0, 1, 2, 3}
    first = ticks.index(styled[0])
    assert "card" not in {tick.kind for tick in ticks[first:]}  # the picture stays up


def test_a_source_follows_another(
    tmp_path: Path, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "recordings"
    monkeypatch.setenv("DISPLAY", display.environment["DISPLAY"])
    with _live(
        tmp_path, source="screen", sink=("web",), style="ink", output_size=(640, 400)
    ) as live:
        live.front.start_recording()
        time.sleep(1)
        made = live.front.stop_recording()
        for source in ("testcard", "canvas", f"file:{made.file}", "screen:1", "screen"):
            live.shows(live.change(source=source))
            chosen = [one.spec for one in live.front.sources() if one.chosen]
            assert chosen == ["screen:1" if source == "screen" else source]
        assert "there is no monitor 7" in live.refused(source="screen:7", aspect="fill")
        assert live.front.config.source == "screen"
        assert live.front.config.aspect == "fit"
        with pytest.raises(ConfigError, match="is named where the run is started"):
            live.front.change({"source": f"file:{folder}/../f.csv.part"})
        ticks = live.end()
    _steady(ticks, 30)
    assert live.report["worker_restarts"] == live.report["source"]["reconnects"] == 0


def test_a_display_that_hangs_is_left_for_another_source(
    tmp_path: Path, display: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display.environment["DISPLAY"])
    with _live(tmp_path, source="screen", stylizer="passthrough") as live:
        display.pause()
        until(lambda: "has given nothing" in live.front.status()["message"])
        live.shows(live.change(source="testcard"))
        assert live.front.status()["worker_restarts"] == 0
        display.resume()
        ticks = live.end()
    _steady(ticks, 30)


def test_the_rate_changes_at_a_tick(tmp_path: Path) -> None:
    with _live(tmp_path, stylizer="passthrough", output_size=(320, 180)) as live:
        for fps in (25, 60, 30):
            live.shows(live.change(fps=fps))
            time.sleep(1)
        ticks = live.end()
    steps = [after.deadline - tick.deadline for tick, after in zip(ticks, ticks[1:], strict=False)]
    rates = {round(SECOND / step) for step in steps}
    assert rates == {30, 25, 60}
    assert live.report["output"]["lost"] == 0


def test_an_aspect_changes(tmp_path: Path) -> None:
    with _live(tmp_path, style="ink", output_size=(320, 320)) as live:
        for aspect in ("fill", "stretch", "fit"):
            live.shows(live.change(aspect=aspect))
        _steady(live.end(), 30)


def test_off_costs_no_styling_and_on_is_on_again(tmp_path: Path) -> None:
    with _live(tmp_path, style="wave", output_size=(640, 360), fps=10.0) as live:
        worker = live.worker()

        def cpu() -> float:
            before = worker.cpu_times()
            frames = live.front._clock.counts.unique
            time.sleep(3)
            after = worker.cpu_times()
            made = live.front._clock.counts.unique - frames
            return (after.user + after.system - before.user - before.system) / max(1, made)

        on = cpu()
        live.shows(live.change(off=True))
        assert cpu() < on / 2  # of a frame; also on a machine that is busy
        assert live.front.status()["stylizer"]["off"]
        plain = live.front.status()["stylizer"]["plain"]
        assert plain > 0
        live.shows(live.change(off=False))
        _steady(live.end(), 10)


def test_sinks_are_opened_and_closed(tmp_path: Path) -> None:
    raw = tmp_path / "pipe"
    os.mkfifo(raw)
    reader = os.open(raw, os.O_RDONLY | os.O_NONBLOCK)
    taken = bytearray()
    ending = threading.Event()

    def read() -> None:
        while not ending.wait(0.005):
            with contextlib.suppress(BlockingIOError):
                taken.extend(os.read(reader, 2**20))

    reading = threading.Thread(target=read)
    reading.start()
    try:
        settings = {"stylizer": "passthrough", "output_size": (320, 180)}
        with _live(tmp_path, sink=("null", f"raw:{raw}"), **settings) as live:
            until(lambda: taken)
            with pytest.raises(ConfigError, match="fps can't change while a recording goes on"):
                live.front.change({"fps": 20})
            with pytest.raises(ConfigError, match="sink changes alone"):
                live.front.change({"sink": ["null"], "aspect": "fill"})
            live.change(sink=["null"])
            live.change(fps=20)
            size = len(taken)
            live.change(sink=["null", f"raw:{raw}"])
            until(lambda: len(taken) > size + 320 * 180 * 3)
            with pytest.raises(ConfigError, match="is named where the run is started"):
                live.front.change({"sink": ["null", f"record:{tmp_path}/o.mp4"]})
            states = {one.spec: one.state for one in live.front.sinks()}
            assert (states["null"], states[f"raw:{raw}"]) == ("open", "open")
            live.end()
    finally:
        ending.set()
        reading.join()
        os.close(reader)
    assert live.report["ended"] == []


def test_a_recording_holds_nothing_up(tmp_path: Path) -> None:
    with _live(tmp_path, style="ink", output_size=(640, 360)) as live:
        begun = live.front.start_recording()
        with pytest.raises(ConfigError, match="fps can't change while a recording goes on"):
            live.front.change({"fps": 20})
        time.sleep(1)
        live.shows(live.change(style="neon"))
        assert [f"recording {begun.file}"] == [
            sink["name"] for sink in live.front._notes()["sinks"] if "recording" in sink["name"]
        ]
        ticks = live.end()  # which ends it, too
    _steady(ticks, 30)
    with av.open(begun.file) as opened:
        assert sum(1 for _ in opened.decode(video=0)) > 25
    assert live.report["ended"] == []


def test_a_gallery_is_of_the_source_and_holds_nothing_up(tmp_path: Path) -> None:
    with _live(tmp_path, sink=("web",), style="ink", output_size=(640, 360), fps=10.0) as live:
        styles = live.front.styles()
        pictures = {live.front.style_picture(one.name) for one in styles}
        assert len(pictures) == len(styles)
        ticks = live.end()
    _steady(ticks, 10)
