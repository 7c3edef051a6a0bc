"""What may be used of a machine, which is not always what is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from livestyle.commands.doctor import examine
from livestyle.machine import cpu_quota, describe_machine

V1 = "9:name=systemd:/\n3:cpuset:/\n2:cpu,cpuacct:{}\n"


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),  # inside a container
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000\n", "a/cpu.max": "max 100000\n"}, 4.0),
        ("0::/a\n", {"a/cpu.max": "max 100000\n"}, None),
        ("0::/a\n", {}, None),
        ("0::/../gone\n", {"cpu.max": "25000 100000\n"}, 0.25),
        (V1.format("/"), {"cpu/cpu.cfs_quota_us": "80000", "cpu/cpu.cfs_period_us": "20000"}, 4.0),
        (V1.format("/x"), {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        (
            V1.format("/x"),
            {"cpu/x/cpu.cfs_quota_us": "70000", "cpu/x/cpu.cfs_period_us": "100000"},
            0.7,
        ),
        ("not a line\n", {}, None),
    ],
)
def test_a_quota_is_found(
    own: str, files: dict[str, str], cores: float | None, tmp_path: Path
) -> None:
    (named := tmp_path / "own").write_text(own)
    for name, content in files.items():
        (file := tmp_path / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    assert cpu_quota(tmp_path / "cgroup", str(named)) == cores


@pytest.mark.parametrize(
    ("machine", "found", "verdict"),
    [
        ((8, 8, None), ", 8 cores (", "ok"),
        ((8, 8, 0.5), ", 0.5 of 8 cores by a quota (", "limited"),
        ((8, 4, 2.5), ", 2.5 of 8 cores by a quota (", "ok"),
        ((8, 1, None), ", 1 of 8 cores by affinity (", "limited"),
        ((8, 2, 6.0), ", 2 of 8 cores by affinity (", "ok"),
    ],
)
def test_doctor_says_what_may_be_used(
    machine: tuple[int, int, float | None],
    found: str,
    verdict: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = dict(zip(("cores_there", "cores", "cpu_quota"), machine, strict=True))
    described = describe_machine() | named
    monkeypatch.setattr("livestyle.commands.doctor.describe_machine", lambda: described)
    (check,) = [check for check in examine() if check.subject == "processor"]
    assert found in check.found and check.verdict == verdict


def test_what_is_there_is_known_here() -> None:
    machine = describe_machine()
    assert machine["cores"] == len(os.sched_getaffinity(0)) <= machine["cores_there"]
