"""Check without a card that all fused kernels of a frame compile for one, and count its launches.

    python3 -m venv ENV
    ENV/bin/pip install --no-deps torch==2.11.0 triton==3.6.0
    ENV/bin/pip install diffusers transformers opencv-python-headless platformdirs
    ENV/bin/pip install jinja2 networkx sympy
    ENV/bin/python tools/gpu/empty_libraries.py
    PYTHONPATH=.:tools ENV/bin/python tools/gpu/compile_check.py FILE.json [--target sm_90]

torch must be its build for CUDA, and triton the version that it asks for; of NVIDIA's libraries
none is needed. It takes about seven minutes of one core for all targets and variants.

A frame of SDXL-Turbo's exact architecture at 512x512 runs on fake tensors. Inductor writes its code
for the parts that an engine compiles, Triton compiles each kernel in it for the target, and what
would be launched is counted: from the operators and the code, not on a card. Nothing is tuned, for
that needs one. Exits with 1 when a kernel does not compile.

Variants are those of `livestyle bench turbo`, such as torch-compiled+fp8+whole-transformers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from written import parse

from livestyle.machine import describe_machine

TARGETS = ("sm_89", "sm_90", "sm_120")
VARIANTS = (
    "torch",
    "torch-compiled",
    "torch-compiled+whole-transformers",
    "torch-compiled+whole-transformers+no-split-reductions",
    "torch-compiled+fp8",
    "torch-compiled+fp8+whole-transformers",
)


def main() -> None:
    """Check all variants for all targets, one process for each of these."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", help="the figures go there, as JSON")
    parser.add_argument("--target", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--variant", nargs="+", default=VARIANTS, metavar="VARIANT")
    parser.add_argument("--code", type=Path, help="folder that what Inductor writes is kept in")
    arguments = parse(parser, "file")
    targets = {
        target: _checked(target, arguments.variant, arguments.code) for target in arguments.target
    }
    figures = {
        "how": "counted from operators and generated code; nothing ran on a card",
        "machine": describe_machine(),
        "targets": targets,
    }
    arguments.file.write_json(figures)
    failed = False
    for target, found in targets.items():
        for variant, of_it in found["variants"].items():
            print(f"{target} {variant}: {_in_words(of_it)}")
            failed |= bool(of_it["failed"])
    sys.exit(failed)


def _checked(target: str, variants: list[str], code: Path | None) -> Any:
    """In a process of its own, which believes in one card, with caches of its own."""
    script = Path(__file__).with_name("compile_for.py")
    with tempfile.TemporaryDirectory() as folder:
        caches = {"TORCHINDUCTOR_CACHE_DIR": folder, "TRITON_CACHE_DIR": folder}
        told = subprocess.run(
            [sys.executable, script, target, code or folder, *variants],
            env={**os.environ, **caches},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    return json.loads(told)


def _in_words(found: dict[str, Any]) -> str:
    words = f"{found['launches']['frame']} launches, {found['kernels']} fused kernels"
    return words + "".join(f"\n  {name}: {error}" for name, error in found["failed"])


if __name__ == "__main__":
    main()
