"""Supervisor: starts the worker process, watches it, and starts it again when it is gone."""

from __future__ import annotations

import contextlib
import dataclasses
import pickle
import signal
import threading
import time
from collections.abc import Callable

from livestyle.between.messages import Counts, Failed, Loading, Painted, Running, Stop
from livestyle.between.slot import Slots
from livestyle.config import Config
from livestyle.errors import WorkerError, reason
from livestyle.frame import Size
from livestyle.front.asked import Asked
from livestyle.front.child import Child, ended
from livestyle.front.commission import Commission
from livestyle.front.pulse import Pulse
from livestyle.front.recovery import Recovery
from livestyle.front.smaller import Smaller
from livestyle.worker.process import main as run_worker

_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM) if hasattr(signal, "SIGKILL") else ()


class Supervisor:
    """The worker as the front sees it.

    `state` is loading, running, recovering, standby (the GPU is gone, or has no memory) or failed;
    `message` says in one line what of.
    `last_error` is what the latest one that is gone ended of, in one line, or "".
    """

    def __init__(
        self,
        config: Config,
        output_size: Size,
        slots: Slots,
        record: Callable[[str], None] = lambda _: None,
    ) -> None:
        """record: told in a line of each process that begins or ends."""
        self._record = record
        self.state = "loading"
        self.message = "starting the worker"
        self.restarts = 0
        self.last_error = ""
        self.running: Running | None = None  # the latest word of a running worker
        self.asked = Asked(config)
        self.commission = Commission()
        self._changing = threading.Lock()  # protects the next two and what is sent
        self._told = 0  # number of the last change that the worker knows
        self._answered = True  # since it was told: it reads, so what it is told next does not wait
        self._arguments = output_size, slots
        self._past = Counts()  # of the workers that are gone
        self._child: Child | None = None
        self._pulse = Pulse()
        self._cause = ""  # why the worker says that it ends
        self._gpu = ""  # what of the GPU that is, see Failed
        self._smaller = Smaller()
        self._spoke = False  # any worker, ever
        self._recovery = Recovery()
        self._works_since: float | None = None  # when this worker's first frame was heard of
        self._restart_at = 0.0
        self._stands_in = False  # the worker shows the source as it is, until the next try

    def start(self) -> None:
        """Start a worker process. Raises WorkerError when the system refuses one."""
        with self._changing:
            begins = self.asked.change_now
            self._told = begins.number
            self._answered = True
        if self._stands_in:
            config = dataclasses.replace(
                begins.config, stylizer="passthrough", style=None, size=None
            )
            begins = dataclasses.replace(begins, config=config)
        else:
            begins = dataclasses.replace(begins, config=self._smaller.of(begins.config))
        self._cause = self._gpu = ""
        self._works_since = None
        try:
            # where one has run before, the source was there: it may be away for now
            is_patient = self.restarts > 0
            child = Child("livestyle-worker", run_worker, begins, *self._arguments, is_patient)
        except OSError as error:
            raise WorkerError(f"the worker can't be started: {reason(error)}") from error
        self._child = child
        self._record(f"worker {child.pid} has begun")
        self._pulse.begin(time.monotonic())

    def change(self, config: Config) -> None:
        """Have the worker, and any that comes after it, go on with these settings.

        Called on any thread, which never waits for the worker: of changes that come faster than it
        takes them it gets the newest.
        """
        with self._changing:
            self.asked.change(config)
            self._tell()
            if self._stands_in or self.state in ("failed", "standby"):
                self._restart_at = 0.0  # what it failed of may be gone with it

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
        if self._stands_in and time.monotonic() >= self._restart_at:
            self._reap()
        if self._child is None:
            time.sleep(min(timeout, max(0.0, self._restart_at - time.monotonic())))
            if time.monotonic() >= self._restart_at:
                self._restart()
            return
        try:
            while self._child.pipe.poll(timeout):
                self._hear(self._child.pipe.recv())
                timeout = 0
        except (EOFError, OSError, pickle.UnpicklingError):  # it may die in the middle of a word
            if not self._spoke:
                why = f"the worker {ended(self._child.exit_code())}"
                self._reap()
                raise WorkerError(
                    f"{why} before it began; a script that runs livestyle does so under "
                    'if __name__ == "__main__":, for the worker loads the script, too'
                ) from None
            code = self._child.exit_code()
            self._gone(
                self._cause or f"the worker {ended(code)}", from_outside=code in _FROM_OUTSIDE
            )
            return
        if trouble := self._pulse.trouble(time.monotonic(), stopped=self._child.is_stopped):
            self._gone(trouble)

    def stop(self) -> None:
        """End the worker: ask, and after 2 s kill."""
        if self._child is None:
            return
        with contextlib.suppress(OSError):
            self._child.pipe.send(Stop())
        with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            until = time.monotonic() + 2
            while self._child.pipe.poll(max(0.0, until - time.monotonic())):
                last = self._child.pipe.recv()
                if (
                    isinstance(last, Running) and not self._stands_in
                ):  # what it fails of no longer matters, its counts do
                    self.running = last
        self._reap()

    def _restart(self) -> None:
        self.restarts += 1
        self._stands_in = False
        try:
            self.start()
        except WorkerError as error:
            self._gone(str(error))

    def _hear(self, message: Loading | Running | Painted | Failed) -> None:
        self._spoke = True
        if self._stands_in:
            if isinstance(message, Loading | Running):
                self._pulse.hear(message, time.monotonic())
            return
        match message:
            case Loading(what):
                self._pulse.hear(message, time.monotonic())
                after = f", after: {self.last_error}" if self.last_error else ""
                self.message = f"loading {what}{after}"
            case Running():
                self._hear_of_work(message)
            case Painted():
                self.commission.hear(message)
            case Failed(error, gpu):
                # a stylizer that could never be loaded will not be, also where one stands in
                unloaded = self.running is None or self.running.loading
                if unloaded and self.restarts == 0:
                    self._reap()
                    raise WorkerError(error)
                self.state, self.message, self._cause = "recovering", error, error
                self._gpu = gpu

    def _hear_of_work(self, message: Running) -> None:
        self._pulse.hear(message, time.monotonic())
        if not message.loading:  # else another one stands in
            self._smaller.see(message)
            if message.counts.stylized or message.counts.plain:
                self._works_since = self._works_since or time.monotonic()
        self.running = message = self._smaller.asked_for(message, self.asked.config)
        self.state, self.message = "running", message.message
        self.asked.hear(message)
        with self._changing:
            self._answered = True
            self._tell()
            if self._child and (paint := self.commission.take()):
                with contextlib.suppress(OSError):
                    self._child.pipe.send(paint)

    def _tell(self) -> None:
        child, asked = self._child, self.asked
        if child and self.state == "running" and self._told != asked.number and self._answered:
            change = asked.change_now
            with contextlib.suppress(OSError):  # it is gone: the next one begins with these
                child.pipe.send(change)
            self._told = change.number
            self._answered = False

    def _gone(self, reason: str, *, from_outside: bool = False) -> None:
        if self.running:
            self._past.add(self.running.counts)
            self.running = None
        self._reap()
        if self._stands_in:  # the next try comes as it was to come
            return
        now = time.monotonic()
        worked = 0.0 if self._works_since is None else now - self._works_since
        self.last_error = reason
        if not worked:
            self._smaller.give_up()
        if self._gpu == "lost" or (self._gpu == "memory" and not self._smaller.is_found()):
            delay = self._recovery.seldom()
            self.state, self.message = "standby", f"{reason}; one try a minute"
        else:
            delay = self._recovery.delay(reason, worked, from_outside=from_outside)
            size = self._smaller.size
            smaller = ", at {}x{}".format(*size) if size else ""
            self.state = "recovering"
            self.message = f"{reason}; restart in {delay:.0f} s{smaller}"
            if self._recovery.is_seldom:
                times = f"{self._recovery.failures} times in a row"
                self.state, self.message = "failed", f"{reason}, {times}; one try a minute"
        self._restart_at = now + delay
        if delay and self.asked.config.on_failure == "passthrough":
            self._stands_in = True
            with contextlib.suppress(WorkerError):  # then there is nothing to show
                self.start()

    def _reap(self) -> None:
        if self._child is None:
            return
        child, self._child = self._child, None
        self._record(f"worker {child.pid} {ended(child.end())}")
        with self._changing:
            child.pipe.close()
