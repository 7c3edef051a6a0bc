"""Build SDXL-Turbo's exact architecture with random weights, and write what each phase took.

    python tools/build_full_size.py FILE.json [--target sm_89,sm_120]

For TensorRT-RTX, which needs no GPU for it; about 12 GiB of disk and 16 of memory, in a cache of
its own that is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from written import parse

from livestyle.machine import describe_machine


def main() -> None:
    """Build once, for all targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the figures go there, as JSON")
    parser.add_argument("--target", default="sm_89,sm_120", help="GPUs (default: %(default)s)")
    arguments = parse(parser, "file")
    command = [
        sys.executable,
        "-m",
        "livestyle",
        "build",
        "sdxl-turbo",
        "--random-weights",
        "--json",
    ]
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        built = subprocess.run(
            [*command, "--engine", "tensorrt", "--target", arguments.target],
            env={**os.environ, "LIVESTYLE_ENGINES": str(Path(folder) / "engines")},
            stdout=subprocess.PIPE,
            check=True,
        )
        seconds = time.monotonic() - started
    phases = json.loads(built.stdout)
    del phases["engine"]
    figures = {
        "machine": describe_machine(),
        "targets": arguments.target.split(","),
        "seconds": round(seconds, 1),
        "peak_memory_gib": max(phase["peak_memory_gib"] for phase in phases.values()),
        "phases": phases,
    }
    arguments.file.write_json(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
