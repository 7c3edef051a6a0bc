"""Apart: do something in a process of its own, and wait for what comes of it.

For what holds much memory, spoils the state of a library, or may be killed. Parent and child talk
in pickles over pipes; the child ends with its parent.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livestyle.errors import LivestyleError
from livestyle.leash import Leash, end_with_parent
from livestyle.machine import leave_machine_to_others, peak_memory_gib
from livestyle.streams import leave_stdout

# It looks for modules where its parent does, which need not have livestyle installed. -P: and so
# not in the current folder, unless the parent does.
_COMMAND = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from livestyle.apart import serve; serve()"
)
_NO_MEMORY = ("MemoryError", "OutOfMemoryError")  # Python's, and PyTorch's of a GPU

Report = Callable[[Any], None]  # how far it is, in whatever terms the two agree on


@dataclass(frozen=True)
class Work:
    """What a process is to do.

    function: "module:function"; it is called with `arguments` and a Report, all of which, and what
    it returns, can be pickled. name: what an error calls it. background: leave the machine to
    others. seconds: after which it is ended.
    """

    function: str
    arguments: tuple[Any, ...]
    name: str
    background: bool = False
    seconds: float | None = None


def run_apart(work: Work, report: Report) -> tuple[Any, float | None]:
    """What the function returned, and the most memory that its process held, in GiB.

    Raises LivestyleError: with the function's own words where it raised one, else how the process
    ended.
    """
    # In a session of its own: Ctrl-C is this process' to decide.
    command = [sys.executable, "-P", "-c", _COMMAND]
    out_of_time = threading.Event()
    with (
        contextlib.closing(Leash()) as leash,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=leash.passed,
            start_new_session=True,
        ) as process,
        _limited(work.seconds, out_of_time, process),
    ):
        leash.tie(process.pid)
        assert process.stdin is not None and process.stdout is not None
        try:
            for sent in (sys.path, work):
                pickle.dump(sent, process.stdin)
            process.stdin.flush()
            while True:
                kind, value = pickle.load(process.stdout)
                if kind == "done":
                    returned, peak = value
                    return returned, peak
                if kind == "failed":
                    raise LivestyleError(value)
                report(value)
        except (EOFError, OSError, pickle.UnpicklingError):
            code = process.wait()
            why = f"ended with exit code {code}"
            if out_of_time.is_set():
                why = f"took more than {work.seconds:g} s and was ended"
            elif code == -signal.SIGKILL:
                why = "was killed, as the system does where memory runs out"
            raise LivestyleError(f"{work.name} {why}") from None
        finally:
            process.kill()


@contextlib.contextmanager
def _limited(
    seconds: float | None, out_of_time: threading.Event, process: subprocess.Popen[bytes]
) -> Iterator[None]:
    """Kill the process when the time is over, and say so."""

    def end() -> None:
        out_of_time.set()
        process.kill()

    if seconds is None:
        yield
        return
    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def serve() -> None:
    """What the process runs: the Work that comes on stdin, answered on stdout."""
    with os.fdopen(os.dup(1), "wb") as parent:
        leave_stdout()  # what libraries print is no answer

        def tell(kind: str, value: object) -> None:
            pickle.dump((kind, value), parent)
            parent.flush()

        work: Work = pickle.load(sys.stdin.buffer)
        end_with_parent(functools.partial(os.read, 0, 1))  # nothing more comes
        if work.background:
            leave_machine_to_others()
            # by Linux' autogroups that counts in its session alone, which has no other process
            with contextlib.suppress(OSError):
                Path("/proc/self/autogroup").write_text("19")
        module, _, name = work.function.partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
            returned = function(*work.arguments, lambda part: tell("at", part))
            tell("done", (returned, peak_memory_gib()))
        except LivestyleError as error:
            tell("failed", str(error))
        except Exception as error:
            if type(error).__name__ in _NO_MEMORY:
                tell("failed", f"there is too little memory for {work.name}; close what uses it")
                return
            traceback.print_exc()
            tell("failed", f"{work.name}: internal error: {error!r}")
