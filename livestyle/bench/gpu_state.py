"""What a GPU was like while something was timed: clocks, heat, and who else was on it."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

import torch

_FIELDS = {
    "driver_version": str,
    "pstate": str,
    "clocks.sm": float,  # MHz
    "clocks.max.sm": float,
    "clocks.mem": float,
    "power.draw": float,  # W
    "power.limit": float,
    "temperature.gpu": float,  # °C
    "clocks_event_reasons.active": str,  # a bit field; 0x0000000000000000: nothing slows it down
}
_NOTHING = "N/A"
_AWAKE = 1.0  # s


def describe_device(device: torch.device) -> dict[str, Any]:
    """Which GPU, or how many threads of the CPU."""
    if device.type != "cuda":
        return {"device": "cpu", "threads": torch.get_num_threads()}
    properties = torch.cuda.get_device_properties(device)
    return {
        "device": properties.name,
        "device_memory_gib": round(properties.total_memory / 2**30, 1),
        "cuda": torch.version.cuda,
    }


def wake(device: torch.device) -> None:
    """Have a GPU multiply until its clocks have risen: what is timed, or chosen by its time, before
    that says little."""
    if device.type != "cuda":
        return
    a = torch.randn(4096, 4096, dtype=torch.float16, device=device)
    until = time.monotonic() + _AWAKE
    while time.monotonic() < until:
        for _ in range(20):
            a @ a
        torch.cuda.synchronize(device)


def state_of(device: torch.device) -> dict[str, Any] | None:
    """`gpu_state` of PyTorch's device; None of the CPU."""
    if device.type != "cuda":
        return None
    return gpu_state(str(torch.cuda.get_device_properties(device).uuid))


def gpu_state(uuid: str) -> dict[str, Any]:
    """The state of one GPU by NVIDIA's own tool, or why it can't be told.

    uuid: as torch gives it, without "GPU-".

    Returns {"error": why}, or the fields by nvidia-smi's names for them (MHz, W, °C; None where the
    GPU does not tell) and "other_processes": [{"pid", "name", "memory_mib"}].
    """
    card = f"--id=GPU-{uuid}"
    try:
        state = _ask(card, f"--query-gpu={','.join(_FIELDS)}")
        processes = _ask(card, "--query-compute-apps=pid,process_name,used_memory")
        return parse_state(state) | {"other_processes": parse_processes(processes, os.getpid())}
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return {"error": f"nvidia-smi: {error}"}


def parse_state(answer: str) -> dict[str, Any]:
    """One line of comma-separated values, in the order of the fields that were asked for."""
    values = [value.strip() for value in answer.strip().split(",")]
    fields = zip(_FIELDS.items(), values, strict=True)
    return {name: None if _NOTHING in value else kind(value) for (name, kind), value in fields}


def parse_processes(answer: str, own: int) -> list[dict[str, Any]]:
    """One line per process: pid, name (it may hold commas), MiB. Left out: the pid `own`.

    In a container the pids are those of the host, and livestyle itself is in the list.
    """
    processes = []
    for line in answer.strip().splitlines():
        pid, _, rest = line.partition(",")
        name, _, memory = rest.rpartition(",")
        if int(pid) != own:
            used = None if _NOTHING in memory else float(memory)
            processes.append({"pid": int(pid), "name": name.strip(), "memory_mib": used})
    return processes


def _ask(*question: str) -> str:
    command = ["nvidia-smi", "--format=csv,noheader,nounits", *question]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout
