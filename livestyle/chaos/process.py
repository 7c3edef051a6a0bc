"""A worker process that ends or stands still as it is told."""

from __future__ import annotations

import os
import signal
import threading
import time

from livestyle.chaos import Fault, Plan, plan_of

_LOOK_EVERY = 0.02  # s
_SIGNALS = {"worker.kill": "SIGKILL", "worker.stop": "SIGSTOP", "worker.crash": "SIGSEGV"}


def attack() -> None:
    """Do to this process what the environment asks for, if anything, on a thread of its own."""
    plan = plan_of(os.environ)
    if plan is not None and (faults := plan.of(*_SIGNALS)):
        threading.Thread(target=_attack, args=(plan, faults), name="chaos", daemon=True).start()


def _attack(plan: Plan, faults: list[Fault]) -> None:
    while True:
        for fault in faults:
            if fault.comes(plan.now()):
                os.kill(os.getpid(), getattr(signal, _SIGNALS[fault.point]))
        time.sleep(_LOOK_EVERY)
