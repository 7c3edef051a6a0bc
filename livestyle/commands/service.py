"""Service: what systemd is told of a run that it started, see sd_notify(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Any


class Service:
    """Tells it that the output is up, what the state is, and that frames go out, as long as they
    do. Where nobody listens all of it does nothing.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """environment: of this process; what systemd has put there is taken out."""
        address = environment.pop("NOTIFY_SOCKET", "")
        asks_this = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watched = environment.pop("WATCHDOG_USEC", "") != "" and asks_this
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._said = ""
        self._progress = 0, 0.0

    def show(self, status: dict[str, Any]) -> None:
        """Called with the live report a few times a second, by the thread that may hang."""
        state, message, output = status["state"], status["message"], status["output"]
        progress = output["frames"], output["rested_s"]
        if progress == self._progress:  # the thread that writes them hangs, in a sink
            return
        if not any(self._progress):
            self._send("READY=1")
        elif self._watched:
            self._send("WATCHDOG=1")
        self._progress = progress
        told = f"STATUS={state}: {message}" if message else f"STATUS={state}"
        if told != self._said:
            self._said = told
            self._send(told)

    def ends(self) -> None:
        """What is left takes seconds."""
        self._send("STOPPING=1")

    def _send(self, words: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)  # a manager that is stopped holds no output up
            try:
                sender.sendto(words.encode(), self._address)
            except OSError:  # it is away for a moment; the next one tells as much
                self._said = ""
