"""Tools refuse what they can't write before they work, and replace nothing unasked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
COMMANDS = {
    "measure_finish.py": ["r.json"],
    "measure.py": ["r.json"],
    "soak.py": ["3", "r.json"],
    "pack_training.py": ["r.json", "--pictures", ".", "--paintings", "none.jpg"],
    "gpu/micro.py": ["r.json"],
    "gpu/first_run.py": ["."],
}


@pytest.mark.parametrize("tool", COMMANDS)
def test_what_is_there_stays(tool: str, tmp_path: Path) -> None:
    file = tmp_path / ("results.tgz" if tool == "gpu/first_run.py" else "r.json")
    file.write_text("precious")
    command = [sys.executable, str(TOOLS / tool), *COMMANDS[tool]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "is there already" in done.stderr and "--overwrite" in done.stderr.splitlines()[-1]
    assert file.read_text() == "precious"
