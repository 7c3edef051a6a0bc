"""What a run holds while it is soaked: memory, descriptors, threads, shared memory, children."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from soak_run import SoakRun

_EVERY = 1.0  # s
_PSS_EVERY = 10  # samples: the kernel walks all of a process's memory for it
_WORK = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
_MB = 1e6


class Sampler:
    """Takes a sample each second, on a thread of its own, while the run goes on."""

    def __init__(self, run: SoakRun, began: float) -> None:
        """began: when the run did, s of the monotonic clock."""
        self.samples: list[dict[str, Any]] = []
        self._run, self._began = run, began
        self._shared = set(os.listdir("/dev/shm"))
        self._thread = threading.Thread(target=self._take, name="sampler", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._thread.join()

    def _take(self) -> None:
        while self._run.goes_on:
            with contextlib.suppress(psutil.Error, OSError):  # it has just ended
                self.samples.append(self._sample(len(self.samples)))
            time.sleep(_EVERY)

    def _sample(self, number: int) -> dict[str, Any]:
        front = self._run.front
        links = _links(front.pid)
        others = front.children()
        worker = self._run.worker()
        sample = {
            "at": round(time.monotonic() - self._began, 2),
            "rss_mb": round(front.memory_info().rss / _MB, 3),
            "anon_mb": _anonymous(front.pid),
            "threads": front.num_threads(),
            "fds": len(links),
            "memfds": sum("memfd:" in link for link in links),
            "shm_files": len(set(os.listdir("/dev/shm")) - self._shared),
            "children": len(others),
            "busy": psutil.cpu_percent(),
            "load": round(os.getloadavg()[0], 2),
            "pace_ms": _pace(),
        }
        if number % _PSS_EVERY == 0:
            sample["pss_mb"] = round(front.memory_full_info().pss / _MB, 3)
        if worker is not None:
            with contextlib.suppress(psutil.Error):
                sample["worker"] = _of_worker(worker)
        return sample


def _anonymous(pid: int) -> float:
    """MB of its resident memory that no file is behind: what a leak would be in."""
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.partition("RssAnon:")[2].split()[0]) * 1024 / _MB, 3)


def _pace() -> float:
    """ms of a core for work that is always the same: those of a machine that is slower are more."""
    began = time.thread_time_ns()
    cv2.bilateralFilter(_WORK, 5, 40, 40)
    return round((time.thread_time_ns() - began) / 1e6, 3)


def _of_worker(worker: psutil.Process) -> dict[str, Any]:
    return {
        "pid": worker.pid,
        "age": round(time.time() - worker.create_time(), 1),
        "rss_mb": round(worker.memory_info().rss / _MB, 2),
        "threads": worker.num_threads(),
        "fds": worker.num_fds(),
    }


def _links(pid: int) -> list[str]:
    """What a process's descriptors lead to."""
    links = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # it was closed
            links.append(os.readlink(each))
    return links
