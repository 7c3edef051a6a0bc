"""What each restart of a soak was for: a fault of the run's own, or nothing that is known."""

from __future__ import annotations

import re
from typing import Any

from livestyle.pacing import SECOND

# what a front says of a worker that is gone, by the fault that may be the cause; s after its end
_CAUSES = {
    "kill": (r"signal 9 \(SIGKILL\)", 3.0),
    "crash": (r"signal 11 \(SIGSEGV\)", 4.0),
    "stop": (r"said nothing for", 6.0),
    "halt": (r"said nothing for", 6.0),
    "slow": (r"said nothing for", 6.0),
    "errors": (r"stylizer\.error", 6.0),
}
_MUST = ("kill", "crash", "stop")
_GONE = re.compile(r"(?:recovering|failed|standby): (.*); (?:restart in \d+ s|one try a minute)")


def restarts(lines: list[tuple[int, str]], began: int) -> list[tuple[float, str]]:
    """When (s of the run) and why a worker was given up, by what the run said."""
    told = []
    before = ""
    for at, line in lines:
        match = _GONE.match(line)
        gone = match[0] if match else ""
        if gone and gone != before:  # it is said again every 5 s
            told.append(((at - began) / SECOND, gone))
        before = gone
    return told


def explain(
    told: list[tuple[float, str]], faults: list[dict[str, Any]], count: int
) -> tuple[list[str], list[str]]:
    """The restarts without a fault, and the faults without a restart. count: by the report."""
    left = list(told)
    unanswered = []
    for fault in faults:
        if fault["kind"] not in _CAUSES or fault.get("came") == "there was none":
            continue
        cause, patience = _CAUSES[fault["kind"]]
        found = [
            each
            for each in left
            if fault["at"] <= each[0] <= fault["at"] + fault["s"] + patience
            and re.search(cause, each[1])
        ]
        for each in found if fault["kind"] == "errors" else found[:1]:
            left.remove(each)
        if fault["kind"] in _MUST and not found:
            unanswered.append(f"{fault['kind']} at {fault['at']} s")
    unexplained = [f"{at:.1f} s: {why}" for at, why in left]
    if count != len(told):
        unexplained.append(f"{count} restarts by the report, {len(told)} told")
    return unexplained, unanswered
