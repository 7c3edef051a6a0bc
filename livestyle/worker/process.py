"""The worker process: source and stylizer, and nothing that others depend on.

It may be killed at any moment; the front starts another.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from livestyle.aside import leave
from livestyle.between.messages import Change, Failed, Loading, Paint, Stop, Told
from livestyle.between.slot import Slots
from livestyle.chaos.process import attack
from livestyle.errors import GpuLost, GpuMemory, LivestyleError
from livestyle.frame import Size
from livestyle.streams import leave_stdout
from livestyle.stylizers.gpu import gpu_error
from livestyle.worker.studio import running_studio

PROGRESS_EVERY = 0.25  # s between two signs of life
LOADING_EVERY = 1.0  # s, the same while something is loaded, or nothing is wanted
GPU_FAILED = 71  # the exit code, as of an operating system's error (EX_OSERR)
_GPU_KINDS: dict[type[LivestyleError], str] = {GpuMemory: "memory", GpuLost: "lost"}
_END_SECONDS = 1.0  # for a process that is killed to be gone


class WorkerProcess(SpawnProcess):
    """The worker's process, for which nobody waits without a limit: in a call of the system that
    never ends (a hung driver, a network disk that is away) not even SIGKILL ends it.
    """

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, _END_SECONDS where multiprocessing's own clearing names no limit."""
        super().join(_END_SECONDS if timeout is None else timeout)


def main(front: Connection, begins: Change, output_size: Size, slots: Slots, patient: bool) -> None:
    """What the worker process runs, until the front says so, is gone, or a stage fails.

    patient: whether a source that is away is waited for, rather than an error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes; the front decides
    leave_stdout()  # which may carry the front's pictures
    attack()
    # Read when PyTorch is loaded: threads that wait for each other sleep, and keep no core from the
    # game. Beside one busy process frames took 0.6 of the time so; on their own 1.06 of it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.setswitchinterval(0.0005)  # a stage must not wait 5 ms for another thread's Python
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the front is gone
        try:
            _serve(front, begins, output_size, slots, patient)
        except Exception as error:
            _leave_gpu(front, error)
            if not isinstance(error, LivestyleError):
                traceback.print_exc()
            told = str(error) if isinstance(error, LivestyleError) else f"internal error: {error!r}"
            front.send(Failed(told))
    leave(0)


def _leave_gpu(front: Connection, error: BaseException) -> None:
    """End here where that is an error of the GPU: its libraries may hang where they are closed."""
    if gpu := gpu_error(error):
        front.send(Failed(str(gpu), _GPU_KINDS.get(type(gpu), "")))
        os._exit(GPU_FAILED)


def _serve(
    front: Connection, begins: Change, output_size: Size, slots: Slots, patient: bool
) -> None:
    config = begins.config
    what = f"style {config.style!r}" if config.stylizer == "lite" else config.stylizer
    with contextlib.ExitStack() as opened:
        for slot in filter(None, slots):
            opened.enter_context(slot)
        with _telling(front, what) as say:
            studio = opened.enter_context(
                running_studio(begins, output_size, slots, say, patient=patient)
            )
        told, every = 0.0, PROGRESS_EVERY
        while not isinstance(message := _heard(front, told + every), Stop):
            if isinstance(message, Change):
                studio.change(message)
                told = 0.0  # the next may come at once
            elif isinstance(message, Paint):
                studio.paint(message)
            for picture in studio.painted():
                front.send(picture)
            if failure := studio.failure:
                _leave_gpu(front, failure)
                raise failure
            if time.monotonic() >= told + every:
                front.send(progress := studio.progress())
                told, every = time.monotonic(), LOADING_EVERY if progress.rests else PROGRESS_EVERY
        front.send(studio.progress())


@contextlib.contextmanager
def _telling(front: Connection, what: str) -> Iterator[Callable[[str], None]]:
    """Tells the front what is being loaded, again and again: a load that lasts is no silence. Call
    what it gives with what is loaded next.
    """
    news: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    news.put(what)

    def tell() -> None:
        now = ""
        with contextlib.suppress(OSError):  # the front is gone, as the main thread will find
            while True:
                with contextlib.suppress(queue.Empty):
                    if (heard := news.get(timeout=LOADING_EVERY)) is None:
                        return
                    now = heard
                front.send(Loading(now))

    thread = threading.Thread(target=tell, name="tell", daemon=True)
    thread.start()
    try:
        yield news.put
    finally:
        news.put(None)
        thread.join()


def _heard(front: Connection, until: float) -> Told | None:
    """What the front says, or None if it says nothing until then."""
    if not front.poll(max(0.0, until - time.monotonic())):
        return None
    message: Told = front.recv()
    return message
