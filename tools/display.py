"""A private X server, for what captures a screen."""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import subprocess
from pathlib import Path

TIMEOUT = 20  # s, for anything a display is asked to do


class Display:
    """A private X server without a monitor (Xvfb), which can be killed and started again.

    name: what to put into DISPLAY. size: (width, height) of its screen. options: more for Xvfb.
    depth: bits of a pixel.
    """

    def __init__(self, size: tuple[int, int], *options: str, depth: int = 24) -> None:
        self.size = size
        self._depth = depth
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        for _ in range(10):
            self.name = f":{random.randint(200, 9999)}"
            with contextlib.suppress(RuntimeError):  # the number is taken
                self.start()
                return
        raise RuntimeError("no Xvfb came up")

    def start(self, size: tuple[int, int] | None = None) -> None:
        """Start the server again, on the same number."""
        self.size = size or self.size
        ready, theirs = os.pipe()
        try:
            screen = "{}x{}x{}".format(*self.size, self._depth)
            # without -noreset it starts over, and drops clients, whenever the last one leaves
            self._process = subprocess.Popen(
                ["Xvfb", self.name, "-displayfd", str(theirs), "-screen", "0", screen]
                + ["+extension", "GLX", "+extension", "RANDR", "-noreset", "-nolisten", "tcp"]
                + list(self._options),
                pass_fds=[theirs],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        finally:
            os.close(theirs)
        with os.fdopen(ready, "rb", buffering=0) as answer:
            # to the end of the line: it is written in two parts, and the server ends if one fails
            if not select.select([answer], [], [], TIMEOUT)[0] or not answer.readline():
                self.kill()
                raise RuntimeError(f"Xvfb {self.name} does not start")

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait(TIMEOUT)
            self._process = None

    def pause(self) -> None:
        """Let the server hang: it answers nothing until `resume`."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the server in order; leave none of its files behind, killed or not."""
        if self._process:
            self.resume()
            self._process.terminate()
            self._process.wait(TIMEOUT)
            self._process = None
        number = self.name[1:]
        for file in (f"/tmp/.X{number}-lock", f"/tmp/.X11-unix/X{number}"):
            Path(file).unlink(missing_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a program on this display is to be started with."""
        return {**os.environ, "DISPLAY": self.name}

    def run(self, *command: str) -> bytes:
        """Run a program on this display until it ends; returns what it printed."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, timeout=TIMEOUT, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
        return done.stdout
