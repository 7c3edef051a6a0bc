"""`livestyle run` as a user starts it: real processes, shipped sources and sinks."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest
from display import Display
from waiting import until

from livestyle.config import Config
from livestyle.frame import Size
from livestyle.front import decide, front
from livestyle.sources.testcard import draw

Run = Callable[..., "Running"]


class Running:
    """A livestyle process and what it said."""

    def __init__(
        self, arguments: list[str], folder: Path, environment: dict[str, str] | None
    ) -> None:
        self._stderr = (folder / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "livestyle", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=folder,
            env=environment,
        )

    def said(self) -> str:
        self._stderr.flush()
        return Path(self._stderr.name).read_text()

    def wait(self, timeout: float = 60) -> int:
        return self.process.wait(timeout)

    def worker(self, other_than: int = 0) -> psutil.Process:
        """The worker process, once there is one (other than the pid given)."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children():
                # a zombie's command line cannot be read
                with contextlib.suppress(psutil.Error):
                    if "spawn_main" in " ".join(child.cmdline()) and child.pid != other_than:
                        return child
            time.sleep(0.05)
        raise AssertionError(f"no worker: {self.said()}")

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self._stderr.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with contextlib.ExitStack() as opened:

        def start(*arguments: str, environment: dict[str, str] | None = None) -> Running:
            running = Running(list(arguments), tmp_path, environment)
            opened.callback(running.close)
            return running

        yield start


BASE = ["run", "--source", "testcard", "--stylizer", "passthrough", "--output-size", "320x180"]


def _log(file: Path) -> list[dict[str, str]]:
    with file.open() as opened:
        return list(csv.DictReader(opened))


def _wait_for_styled(folder: Path) -> None:
    log = folder / "f.csv.part"
    until(lambda: log.exists() and "unique" in log.read_text())


def _frozen(lines: list[dict[str, str]]) -> list[float]:
    """How long the picture stood still, in s, each time that it did so for more than one."""
    new = [int(line["written_at_ns"]) for line in lines if line["kind"] == "unique"]
    ends = [*new[1:], int(lines[-1]["written_at_ns"])]
    gaps = [(end - start) / 1e9 for start, end in zip(new, ends, strict=True)]
    return [gap for gap in gaps if gap > 1]


def _report(file: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(file.read_text())
    return report


@pytest.mark.parametrize("supervise", ["--supervise", "--no-supervise"])
def test_report_and_frame_log_agree(run: Run, tmp_path: Path, supervise: str) -> None:
    running = run(
        *BASE, "--sink", "null", "--fps", "30", "--seconds", "6", supervise,
        "--report", "r.json", "--frame-log", "f.csv",
    )  # fmt: skip
    assert running.wait() == 0, running.said()
    report = _report(tmp_path / "r.json")
    lines = _log(tmp_path / "f.csv")
    output = report["output"]
    assert report["schema_version"] == 1
    assert output["frames"] == len(lines) == 180
    kinds = [line["kind"] for line in lines]
    assert output["unique"] == kinds.count("unique") > 0
    assert output["repeated"] == kinds.count("repeated")
    assert output["cards"] == kinds.count("card") > 0
    assert output["unique"] + output["repeated"] + output["cards"] == 180
    # every frame the worker put is accounted for: shown, or replaced before its tick
    stylizer, source = report["stylizer"], report["source"]
    assert stylizer["frames"] <= source["frames"]
    shown_or_dropped = output["unique"] + stylizer["superseded"]
    assert 0 <= source["frames"] - shown_or_dropped <= 15  # on their way, and while it ended
    deadlines = [int(line["deadline_ns"]) for line in lines]
    steps = [b - a for a, b in zip(deadlines, deadlines[1:], strict=False)]
    assert max(steps) - min(steps) <= 2  # the grid, to the ns
    seqs = [int(line["seq"]) for line in lines if line["kind"] == "unique"]
    assert seqs == sorted(set(seqs))
    latencies = [
        int(line["written_at_ns"]) - int(line["captured_at_ns"])
        for line in lines
        if line["kind"] == "unique"
    ]
    assert output["latency_ms"]["max"] == pytest.approx(max(latencies) / 1e6, abs=0.01)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.csv", "r.json", "stderr"]


def test_killed_worker_costs_frames_but_not_the_output(run: Run, tmp_path: Path) -> None:
    running = run(
        *BASE, "--sink", "null", "--fps", "20", "--seconds", "12",
        "--report", "r.json", "--frame-log", "f.csv",
    )  # fmt: skip
    worker = running.worker()
    _wait_for_styled(tmp_path)
    time.sleep(1)
    worker.kill()
    running.worker(other_than=worker.pid)
    assert running.wait() == 0, running.said()
    report = _report(tmp_path / "r.json")
    assert report["worker_restarts"] == 1
    assert report["output"]["frames"] == 240
    lines = _log(tmp_path / "f.csv")
    frozen = _frozen(lines)
    assert report["output"]["freezes"] == len(frozen)
    assert report["output"]["frozen_s"] == pytest.approx(sum(frozen), abs=0.01)
    kinds = [line["kind"] for line in lines]
    gap = kinds.index("repeated", kinds.index("unique") + 1)
    assert "unique" in kinds[gap:]  # it came back
    # the last frame stayed up meanwhile: the card comes only after two seconds
    assert "card" not in kinds[kinds.index("unique") :][:40]
    # the killed worker's frames are still counted, but for its last quarter of a second
    counted = report["output"]["unique"] + report["stylizer"]["superseded"]
    assert report["source"]["frames"] >= counted - 6


def test_freezes_are_what_a_viewer_saw(run: Run, tmp_path: Path) -> None:
    """Halts of the worker too short for a restart; the last goes on as the run ends."""
    running = run(
        *BASE, "--sink", "null", "--report", "r.json", "--frame-log", "f.csv",
    )  # fmt: skip
    worker = running.worker()
    _wait_for_styled(tmp_path)
    time.sleep(1)
    for halt in (0.4, 1.8):
        worker.send_signal(signal.SIGSTOP)
        time.sleep(halt)
        worker.send_signal(signal.SIGCONT)
        time.sleep(1)
    worker.send_signal(signal.SIGSTOP)
    time.sleep(2)
    running.process.send_signal(signal.SIGTERM)
    assert running.wait() == 130, running.said()
    report = _report(tmp_path / "r.json")
    output, frozen = report["output"], _frozen(_log(tmp_path / "f.csv"))
    assert report["worker_restarts"] == 0
    assert output["freezes"] == len(frozen) >= 2
    assert output["frozen_s"] == pytest.approx(sum(frozen), abs=0.01)
    assert f"{len(frozen)} freezes ({sum(frozen):.1f} s)" in running.said()


def test_a_still_source_that_is_held_is_no_freeze(run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "still.png"), draw(3, (320, 180))[:, :, :3])
    running = run(
        "run", "--source", "file:still.png", "--stylizer", "lite", "--sink", "null", "--fps", "10",
        "--seconds", "8", "--report", "r.json", "--frame-log", "f.csv",
    )  # fmt: skip
    assert running.wait() == 0, running.said()
    report = _report(tmp_path / "r.json")
    assert report["stylizer"]["held"] > 10
    assert report["output"]["freezes"] == len(_frozen(_log(tmp_path / "f.csv"))) == 0


def test_hung_worker_is_replaced_and_the_card_shown(run: Run, tmp_path: Path) -> None:
    running = run(
        *BASE, "--sink", "null", "--fps", "20", "--report", "r.json", "--frame-log", "f.csv",
    )  # fmt: skip
    worker = running.worker()
    _wait_for_styled(tmp_path)
    time.sleep(1)
    worker.send_signal(signal.SIGSTOP)
    running.worker(other_than=worker.pid)
    until(lambda: "unique" in _kinds_after_gap(tmp_path / "f.csv.part"))
    running.process.send_signal(signal.SIGTERM)
    assert running.wait() == 130
    assert _report(tmp_path / "r.json")["worker_restarts"] == 1
    assert "card" in _kinds_after_gap(tmp_path / "f.csv")
    assert "said nothing for" in running.said()
    assert not worker.is_running()


def test_a_worker_that_is_stopped_while_it_loads_is_replaced(run: Run, tmp_path: Path) -> None:
    running = run(*BASE, "--sink", "null", "--frame-log", "f.csv", "--report", "r.json")
    worker = running.worker()
    worker.send_signal(signal.SIGSTOP)
    running.worker(other_than=worker.pid)
    _wait_for_styled(tmp_path)
    running.process.send_signal(signal.SIGTERM)
    assert running.wait() == 130
    assert _report(tmp_path / "r.json")["worker_restarts"] == 1
    assert "said nothing for" in running.said() and not worker.is_running()


def _kinds_after_gap(file: Path) -> list[str]:
    """The kinds of frames after the first second in which none was new."""
    kinds = [line["kind"] for line in _log(file)] if file.exists() else []
    first = kinds.index("unique") if "unique" in kinds else len(kinds)
    for start in range(first, len(kinds) - 20):
        if "unique" not in kinds[start : start + 20]:
            return kinds[start:]
    return []


def test_first_frame_is_the_card_and_then_a_styled_one(run: Run, tmp_path: Path) -> None:
    running = run(
        "run", "--source", "testcard", "--stylizer", "lite", "--sink", "null",
        "--frame-log", "f.csv",
    )  # fmt: skip
    _wait_for_styled(tmp_path)
    running.process.send_signal(signal.SIGTERM)
    assert running.wait() == 130, running.said()
    lines = _log(tmp_path / "f.csv")
    assert lines[0]["kind"] == "card"
    first_styled = next(line for line in lines if line["kind"] == "unique")
    assert {line["kind"] for line in lines[: lines.index(first_styled)]} == {"card"}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_ends_with_a_summary_and_leaves_nothing(
    run: Run, tmp_path: Path, stop: signal.Signals
) -> None:
    before = set(os.listdir("/dev/shm"))
    running = run(*BASE, "--sink", "record:o.mp4", "--report", "r.json")
    worker = running.worker()
    time.sleep(2)
    running.process.send_signal(stop)
    assert running.wait(30) == 130
    assert "unique fps" in running.said() and "Traceback" not in running.said()
    assert not worker.is_running()
    assert set(os.listdir("/dev/shm")) <= before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.mp4", "r.json", "stderr"]


def test_killed_front_takes_the_worker_and_the_memory_with_it(run: Run) -> None:
    before = set(os.listdir("/dev/shm"))
    running = run(*BASE, "--sink", "null")
    worker = running.worker()
    time.sleep(2)
    running.process.kill()
    running.process.wait(10)
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    until(lambda: set(os.listdir("/dev/shm")) <= before)


def test_raw_on_stdout_is_pictures_alone(run: Run) -> None:
    running = run(*BASE, "--sink", "raw:-", "--fps", "10", "--seconds", "4")
    out, _ = running.process.communicate(timeout=60)
    assert running.process.returncode == 0, running.said()
    assert len(out) == 40 * 320 * 180 * 3 // 2


def test_one_sink_failing_leaves_the_others(run: Run, tmp_path: Path) -> None:
    running = run(
        *BASE, "--sink", "raw:/dev/full", "--sink", "null", "--seconds", "2", "--report", "r.json"
    )
    assert running.wait() == 1, "a reported problem"
    report = _report(tmp_path / "r.json")
    assert report["output"]["frames"] == 60
    note = "raw video to '/dev/full' stopped: No space left on device; free some space"
    assert note in report["ended"][0]
    assert running.said().count(f"livestyle: {note}") == 2  # at once, and below the summary


def test_the_only_sink_failing_ends_the_run(run: Run) -> None:
    running = run(*BASE, "--sink", "raw:/dev/full", "--seconds", "5")
    assert running.wait() == 1
    assert "livestyle: raw video to '/dev/full' stopped" in running.said()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--source", "foo"], 2, "unknown source 'foo'; choose from: auto, screen"),
        (["--source", "testcard:1"], 2, "unknown source 'testcard:1'"),
        (["--source", "file:no.mp4"], 1, "no.mp4"),
        (["--source", "camera:x"], 2, "camera:0"),
        (["--source", "screen:x"], 2, "screen:x"),
        (["--sink", "foo"], 2, "unknown sink 'foo'; choose from: auto, v4l2"),
        (["--sink", "record:o.avi"], 2, "o.avi"),
        (["--sink", "record:no/o.mp4"], 2, "no/o.mp4"),
        (["--stylizer", "lite", "--style", "foo"], 2, "unknown style 'foo'; choose from:"),
        (["--stylizer", "foo"], 2, "choose from: auto, lite, turbo, passthrough"),
        (["--output-size", "321x180"], 2, "'321x180'"),
        (["--hold-fps", "60"], 2, "--hold-fps 60 is more than --fps 30; lower it, or raise --fps"),
        (["--hold-fps", "0"], 2, "--hold-fps '0': a number from 1 to 240"),
        (["--report", "no/r.json"], 2, "'no/r.json': its folder does not exist"),
        (["--frame-log", "no/f.csv"], 2, "'no/f.csv': its folder does not exist"),
        (["--config", "no.toml"], 2, "cannot read config 'no.toml'"),
    ],
)
def test_bad_input_is_one_line(
    run: Run, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    running = run(*BASE, "--sink", "null", "--seconds", "2", *arguments)
    assert running.wait() == code, running.said()
    lines = [line for line in running.said().splitlines() if line.startswith("livestyle: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in running.said()
    assert [p.name for p in tmp_path.iterdir()] == ["stderr"]


def test_screen_that_dies_and_returns_at_another_size(
    run: Run, tmp_path: Path, make_display: Callable[[int, int], Display]
) -> None:
    display = make_display(640, 360)
    running = run(
        "run", "--source", "screen", "--stylizer", "passthrough", "--sink", "null", "--fps", "20",
        "--report", "r.json", "--frame-log", "f.csv",
        environment=display.environment,
    )  # fmt: skip
    part = tmp_path / "f.csv.part"
    _wait_for_styled(tmp_path)
    display.kill()
    until(lambda: "card" in _kinds_after_gap(part))
    display.start((800, 600))
    until(lambda: "unique" in _kinds_after_gap(part))
    running.process.send_signal(signal.SIGTERM)
    assert running.wait() == 130
    report = _report(tmp_path / "r.json")
    assert report["output"]["size"] == [640, 360]
    assert report["source"]["size"] == [800, 600]
    assert report["source"]["reconnects"] == 1
    assert report["worker_restarts"] == 0


@pytest.mark.parametrize(
    ("seen", "named", "size"),
    [
        ((5120, 2880), None, (3840, 2160)),
        ((2880, 5121), None, (1214, 2160)),
        ((3840, 2160), None, (3840, 2160)),
        ((5120, 2880), (5120, 2880), (5120, 2880)),
    ],
)
def test_no_larger_than_4k_unless_named(
    monkeypatch: pytest.MonkeyPatch, seen: Size, named: Size | None, size: Size
) -> None:
    monkeypatch.setattr(decide, "source_size", lambda *_, **__: seen)
    told: list[str] = []
    config = Config(stylizer="passthrough", sink=("null",), source="testcard", output_size=named)
    with front.Front(config, told.append) as opened:
        assert opened._size == size
    capped = "the source is {}x{}, the output {}x{}; --output-size names another"
    assert told == ([] if size in (seen, named) else [capped.format(*seen, *size)])
