"""What visits a run in a soak: its page and API, by one and by many, and its OSC port."""

from __future__ import annotations

import itertools
import json
import random
import socket
import time
from collections.abc import Callable, Iterable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder
from soak_faults import Actor
from soak_plan import Planned
from soak_run import SoakRun
from websockets.sync.client import connect

from livestyle.client import Client
from livestyle.runs import Run

_WATCHERS = 6
_SWAPS = 100
_MESSAGES = 3000
BASE = {
    "style": "comic",
    "mix": 0,
    "hold": 0.5,
    "colour": 0,
    "detail": 0,
    "off": False,
    "aspect": "fit",
}


class Visits(Actor):
    """To the page, its API and the OSC port."""

    def __init__(self, planned: Iterable[Planned], began: float, run: SoakRun, seed: int) -> None:
        super().__init__(planned, began)
        self._run = run
        self._chance = random.Random(seed)
        self._names = itertools.count()
        self._kinds: dict[str, Callable[[Client, float], str]] = {
            "look": self._look,
            "watch": self._watch,
            "gallery": self._gallery,
            "settings": self._settings,
            "style": self._style,
            "swaps": self._swaps,
            "sinks": self._sinks,
            "record": self._record,
            "snapshot": self._snapshot,
            "osc": self._osc,
            "base": self._base,
        }

    def do(self, kind: str, seconds: float) -> str:
        """See soak_plan.VISITS; base: all settings as they were at the start."""
        return self._kinds[kind](Client(self._run.page), seconds)

    def _look(self, client: Client, _: float) -> str:
        for name in ("", "page.js", *map("api/v1/{}".format, ("status", "settings", "sources"))):
            _get(self._run.page, name)
        return _get(self._run.page, "api/v1/frame.jpg") + _get(self._run.page, "metrics")

    def _watch(self, client: Client, seconds: float) -> str:
        address = client.address.replace("http", "ws", 1) + "api/v1/live"
        headers = {"Authorization": f"Bearer {self._run.page.token}"}
        watching = [
            connect(
                address, additional_headers=headers, proxy=None, ping_interval=None, close_timeout=1
            )
            for _ in range(_WATCHERS)
        ]
        try:
            watching[0].send(json.dumps({"wipe": True}))
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                for each in watching[:-1]:  # the last never reads
                    each.recv(timeout=5)
        finally:
            for each in watching:
                each.close()
        return ""

    def _gallery(self, client: Client, _: float) -> str:
        pictures = (style["picture"] for style in client.styles())
        return _get(self._run.page, next(filter(None, pictures)).lstrip("/"))

    def _settings(self, client: Client, _: float) -> str:
        names = ("mix", "hold", "colour", "detail")
        values: dict[str, Any] = {
            name: round(self._chance.random(), 2) for name in self._chance.sample(names, 2)
        }
        client.set(**values, off=self._chance.random() < 0.2)
        return ""

    def _style(self, client: Client, _: float) -> str:
        name: str = self._chance.choice(client.styles())["name"]
        client.set(style=name)
        return name

    def _swaps(self, client: Client, _: float) -> str:
        names = [style["name"] for style in client.styles()]
        for _number in range(_SWAPS):
            self._send_osc("style", self._chance.choice(names))
            time.sleep(0.02)
        return ""

    def _sinks(self, client: Client, seconds: float) -> str:
        client.set(sink=["raw:-", "web", "null"])
        time.sleep(seconds)
        client.set(sink=["raw:-", "web"])
        return ""

    def _record(self, client: Client, seconds: float) -> str:
        client.start_recording()
        time.sleep(seconds)
        ended = client.stop_recording()
        Path(ended["file"]).unlink()
        return f"{ended['seconds']:.1f} s, {ended['bytes']} bytes"

    def _snapshot(self, client: Client, _: float) -> str:
        file = self._run.folder / f"snapshot{next(self._names)}.png"
        client.snapshot(str(file))
        file.unlink()
        return ""

    def _osc(self, _client: Client, _seconds: float) -> str:
        for _number in range(_MESSAGES):
            self._send_osc("mix", self._chance.random())
            if self._chance.random() < 0.1:
                self._send(self._chance.randbytes(40))
        return ""

    def _base(self, client: Client, _: float) -> str:
        client.set(**BASE)
        return ""

    def _send_osc(self, key: str, value: Any) -> None:
        message = OscMessageBuilder(address=f"/livestyle/{key}")
        message.add_arg(value)
        self._send(message.build().dgram)

    def _send(self, datagram: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(datagram, ("127.0.0.1", self._run.osc))


def _get(page: Run, name: str) -> str:
    """What there is to note of the answer."""
    connection = HTTPConnection(page.host, page.port, timeout=30)
    try:
        headers = {"Authorization": f"Bearer {page.token}"}
        connection.request("GET", f"/{name}", headers=headers)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    return "" if response.status == 200 else f"{name}: {response.status} "
