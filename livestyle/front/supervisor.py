"""Supervisor: starts the worker process, watches it, and starts it again when it is gone."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from livestyle.between.look import live_of
from livestyle.between.messages import Counts, Failed, Loading, Running, Stop
from livestyle.between.slot import Slot
from livestyle.config import Config
from livestyle.errors import WorkerError, reason
from livestyle.frame import Size
from livestyle.pacing import SECOND
from livestyle.places import leave_removed_folder
from livestyle.worker.process import main as run_worker

SILENCE = 3.0  # s without a sign of life: a running worker counts as hung
LOADING_SILENCE = 120.0  # s: loading a network holds the interpreter for long stretches
PAUSED = 1.0  # s between two looks at the worker: this process itself was stopped, or waited
STALLED = 30.0  # s with a worker that talks but styles nothing; or the longest frame so far, times
_STALLED_FRAMES = 5
_DELAYS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # s before each restart, the last one repeats
_STORM = 5, 60.0  # more restarts than this in so many seconds: failed, one try a minute
_FAILED_DELAY = 60.0


class Supervisor:
    """The worker as the front sees it.

    `state` is loading, running, recovering or failed; `message` says in one line what of.
    """

    def __init__(self, config: Config, output_size: Size, slot: Slot) -> None:
        self.state = "loading"
        self.message = "starting the worker"
        self.restarts = 0
        self.running: Running | None = None  # the latest word of a running worker
        self._changing = threading.Lock()  # protects the next two and what is sent
        self._config = self._told = config  # wanted, and known to the worker
        self._arguments = output_size, slot.name
        self._past = Counts()  # of the workers that are gone
        self._process: SpawnProcess | None = None
        self._front: Connection
        self._heard = 0.0
        self._looked = 0.0
        self._spoke = False  # any worker, ever
        self._styled = 0, 0.0  # frames, and when that count last changed
        self._restart_at = 0.0
        self._restarted: deque[float] = deque()

    def start(self) -> None:
        """Start a worker process. Raises WorkerError when the system refuses one."""
        context = multiprocessing.get_context("spawn")
        try:
            ours, theirs = context.Pipe()
        except OSError as error:
            raise WorkerError(f"the worker can't be started: {reason(error)}") from error
        with self._changing:
            self._front = ours
            config = self._told = self._config
        process = context.Process(
            target=run_worker,
            args=(theirs, config, *self._arguments),
            name="livestyle-worker",
            daemon=True,
        )
        try:
            leave_removed_folder()
            with _interrupts_held():  # or Ctrl-C would find it before it can ignore it
                process.start()
        except OSError as error:
            ours.close()
            raise WorkerError(f"the worker can't be started: {reason(error)}") from error
        finally:
            theirs.close()  # so that a dead worker is the end of the pipe
        self._process = process
        self._heard = self._looked = time.monotonic()
        self._styled = 0, self._heard

    def change(self, config: Config) -> None:
        """Have the worker, and any that comes after it, take the look of these settings.

        Called on any thread.
        """
        with self._changing:
            self._config = config
            self._tell()

    def counts(self) -> Counts:
        """What all workers of this run have counted."""
        total = Counts()
        total.add(self._past)
        if self.running:
            total.add(self.running.counts)
        return total

    def poll(self, timeout: float) -> None:
        """Listen to the worker for up to `timeout` s; start it again when that is due.

        Raises WorkerError when the first worker failed before it ever ran: that is a problem of
        the settings or of the installation, and another try would not help.
        """
        if self._process is None:
            time.sleep(min(timeout, max(0.0, self._restart_at - time.monotonic())))
            if time.monotonic() >= self._restart_at:
                self._restart()
            return
        try:
            while self._front.poll(timeout):
                self._hear(self._front.recv())
                timeout = 0
        except (EOFError, OSError, pickle.UnpicklingError):  # it may die in the middle of a word
            if not self._spoke:
                why = self._exit_reason()
                self._reap()
                raise WorkerError(
                    f"{why} before it began; a script that runs livestyle does so under "
                    'if __name__ == "__main__":, for the worker loads the script, too'
                ) from None
            self._gone(self.message if self.state == "recovering" else self._exit_reason())
            return
        if reason := self._hung():
            self._gone(reason)

    def stop(self) -> None:
        """End the worker: ask, and after 2 s kill."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            self._front.send(Stop())
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while self._front.poll(2):
                self._hear(self._front.recv())
        self._reap()

    def _restart(self) -> None:
        self.restarts += 1
        try:
            self.start()
        except WorkerError as error:
            self._gone(str(error))

    def _hear(self, message: Loading | Running | Failed) -> None:
        self._heard = time.monotonic()
        self._spoke = True
        match message:
            case Loading(what):
                self.message = f"loading {what}"
            case Running():
                if self.running is None or message.counts.stylized != self._styled[0]:
                    self._styled = message.counts.stylized, self._heard
                self.running = message
                self.state, self.message = "running", message.message
                with self._changing:
                    self._tell()
            case Failed(error):
                # a stylizer that could never be loaded will not be, also where one stands in
                unloaded = self.running is None or self.running.loading
                if unloaded and self.restarts == 0:
                    self._reap()
                    raise WorkerError(error)
                self.state, self.message = "recovering", error

    def _tell(self) -> None:
        if self.state == "running" and self._told is not self._config:
            with contextlib.suppress(OSError):  # it is gone: the next one begins with this look
                self._front.send(live_of(self._config))
            self._told = self._config

    def _hung(self) -> str:
        now = time.monotonic()
        if (passed := now - self._looked) > PAUSED:
            # Ctrl-Z, a suspended machine: the worker may have been stopped with this process
            self._heard += passed
            self._styled = self._styled[0], self._styled[1] + passed
        self._looked = now
        loads = self.running is None or self.running.loading
        if now - self._heard > (LOADING_SILENCE if loads else SILENCE):
            return f"the worker said nothing for {now - self._heard:.0f} s"
        if self.state != "running" or self.running is None or self.running.trouble:
            return ""
        longest = self.running.counts.stylize.max / SECOND
        if now - self._styled[1] > max(STALLED, _STALLED_FRAMES * longest):
            return f"the worker styled nothing for {now - self._styled[1]:.0f} s"
        return ""

    def _exit_reason(self) -> str:
        assert self._process is not None
        self._process.join(1)
        code = self._process.exitcode
        return f"the worker ended with {'signal' if (code or 0) < 0 else 'code'} {abs(code or 0)}"

    def _gone(self, reason: str) -> None:
        if self.running:
            self._past.add(self.running.counts)
            self.running = None
        self._reap()
        now = time.monotonic()
        limit, window = _STORM
        while self._restarted and now - self._restarted[0] > window:
            self._restarted.popleft()
        recent = len(self._restarted)
        self._restarted.append(now)
        self.state = "failed" if recent >= limit else "recovering"
        delay = _FAILED_DELAY if recent >= limit else _DELAYS[min(recent, len(_DELAYS) - 1)]
        self.message = f"{reason}; restart in {delay:.0f} s"
        self._restart_at = now + delay

    def _reap(self) -> None:
        if self._process is None:
            return
        self._process.join(0.5)
        self._process.kill()
        self._process.join()
        self._process.close()
        self._process = None
        with self._changing:
            self._front.close()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """SIGINT waits until the end; a process started here never gets it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
