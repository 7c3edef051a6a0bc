"""A process that tries files one after the other: `tried.py stylize|live FOLDER` reads their names
from stdin, and says of each that it begins, and what came of it, as a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # the checkout, were it not installed

from livestyle.between.mailbox import Mailbox
from livestyle.between.messages import Counts
from livestyle.between.slot import Slot
from livestyle.commands import main
from livestyle.errors import SourceError
from livestyle.frame import Frame
from livestyle.sources import open_source
from livestyle.worker.capture import Capture, Forecast

LIVE_FRAMES, LIVE_SECONDS = 4, 8.0
ENDINGS = ".png", ".mp4", ".mkv"
STYLIZERS = (["lite", "--style", "noir"], ["passthrough"])  # with a finish and without


def stylize(file: str, number: int, folder: Path) -> int:
    """As the command does, to a clip or a picture; what is made is removed."""
    made = folder / f"out{ENDINGS[number % len(ENDINGS)]}"
    stylizer = STYLIZERS[number % len(STYLIZERS)]
    code = main(["stylize", file, str(made), "--stylizer", *stylizer])
    if not code:
        assert made.stat().st_size
        made.unlink()
    return code


def live(file: str, number: int, folder: Path) -> int:
    """As the worker captures it: 0 when frames came or the source is told as lost, 1 when it was
    refused.
    """
    counts, stopping, mailbox = Counts(), threading.Event(), Mailbox[Frame]()
    refusals: list[str] = []
    capturing: list[Capture] = []

    def capture() -> None:
        try:
            opened = Capture(lambda: open_source(f"file:{file}"), Slot(64), 30, counts)
            capturing.append(opened)
            opened.run(mailbox, Forecast(), stopping)
            opened.close()
        except SourceError as error:
            refusals.append(str(error))

    thread = threading.Thread(target=capture, daemon=True)
    thread.start()
    ends = time.monotonic() + LIVE_SECONDS
    while time.monotonic() < ends and not refusals and counts.captured < LIVE_FRAMES:
        time.sleep(0.005)
    told = "; ".join(refusals) or (capturing[0].trouble if capturing else "")
    print(told or f"{counts.captured} frames", file=sys.stderr)
    assert refusals or told or counts.captured, "nothing came, and nothing is told"
    stopping.set()
    thread.join(2)  # one that waits for a frame's time is left
    return len(refusals)


HOW: dict[str, Callable[[str, int, Path], int]] = {"stylize": stylize, "live": live}


def _peak() -> int:
    """The most memory since `_forget_peak`, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel tells no VmHWM")


def _try(how: str, file: str, number: int, folder: Path, log: int) -> dict[str, Any]:
    os.ftruncate(log, 0)
    os.lseek(log, 0, os.SEEK_SET)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    began = time.monotonic()
    try:
        code = HOW[how](file, number, folder)
    except BaseException:
        traceback.print_exc()
        code = -1
    sys.stderr.flush()
    left = [path.name for path in folder.iterdir()]
    for name in left:
        (folder / name).unlink()
    told = os.pread(log, 100_000, 0).decode(errors="replace")
    taken = time.monotonic() - began
    return {"code": code, "told": told, "peak": _peak(), "seconds": taken, "left": left}


def run(how: str, folder: Path) -> None:
    """Until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    log = os.open(folder, os.O_TMPFILE | os.O_RDWR)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for line in sys.stdin:
        number, _, file = line.rstrip("\n").partition(" ")
        print(json.dumps("begins"), file=answers)
        print(json.dumps(_try(how, file, int(number), folder, log)), file=answers)
    os._exit(0)  # past threads that wait for a frame's time


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))
