"""A run with its page in Chromium, for the tools that measure the page and take its pictures."""

from __future__ import annotations

import contextlib
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from livestyle.client import Client
from livestyle.runs import Run, list_runs

_CHROMIUM = "/usr/bin/chromium"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_SETTLED = 3  # s, after which a run has begun


@dataclass
class Live:
    """A `livestyle run` that goes on, styled; its page's address with the token; a browser."""

    process: psutil.Process
    client: Client
    address: str
    browser: Browser
    folder: Path

    def open(self, **browser: Any) -> Page:
        """The page, connected. browser: of its context, such as viewport."""
        page = self.browser.new_context(**browser).new_page()
        page.goto(self.address)
        page.wait_for_selector('body[data-link="live"]')
        return page

    def report(self) -> dict[str, Any]:
        """End the run. Returns its report."""
        self.process.terminate()
        self.process.wait(30)
        report: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    def log(self) -> list[dict[str, str]]:
        """What was written, a line of `--frame-log` for each tick; of a run that has ended."""
        with (self.folder / "frames.csv").open() as opened:
            return list(csv.DictReader(opened))


@contextlib.contextmanager
def live_page(*flags: str) -> Iterator[Live]:
    """flags: of `livestyle run`. Nothing of it is left at the end."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        command = [sys.executable, "-m", "livestyle", "run", *flags, "--sink", "web", "--port", "0"]
        command += ["--report", "report.json", "--frame-log", "frames.csv"]
        with (folder / "said").open("wb") as said:
            started = subprocess.Popen(command, cwd=folder, stderr=said)
        process = psutil.Process(started.pid)
        try:
            run = _run_of(started, folder / "said")
            browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
            client = Client(run)
            while client.status().get("output", {}).get("unique_fps", 0) < 1:  # it may just begin
                time.sleep(0.5)
            time.sleep(_SETTLED)
            yield Live(process, client, f"{run.address}#token={run.token}", browser, folder)
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended, and its workers with it
                for each in (*process.children(recursive=True), process):
                    each.kill()
            started.wait()


def _run_of(started: subprocess.Popen[bytes], said: Path) -> Run:
    while True:
        for run in list_runs():
            if run.pid == started.pid:
                return run
        if started.poll() is not None:
            raise SystemExit(said.read_text())
        time.sleep(0.1)
