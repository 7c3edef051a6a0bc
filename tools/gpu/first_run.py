"""All that a CUDA machine can tell in a few minutes, the most worthwhile first.

    python3 tools/gpu/first_run.py FOLDER [SECONDS] [--wheels WHEELS] [--peer NAME]…

Random weights of SDXL-Turbo's exact architecture at 512x512, uint8 in host memory to uint8 in host
memory. From a tree that is not installed, without a network. WHEELS: a folder of wheels of what the
machine lacks; bench and build need diffusers and platformdirs. FOLDER/results.tgz is whole after
every step, and the JSON in it is written after every measurement: what is done stays, whatever
comes. The exit code is 0 where every step was done.

--model FOLDER rehearses it: that model at 256x256, on a CPU too, and a few frames.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from steps import Step, parse, run_steps

# Beside livestyle on PyTorch, the most telling first.
PEERS = (
    "torch-compiled",
    "diffusers",
    "torch-compiled+fp8",
    "streamdiffusion",
    "torch-compiled+whole-transformers",
    "torch+no-cudnn-benchmark",
    "torch-compiled+whole-transformers+no-split-reductions",
    "torch-compiled+fp8+whole-transformers",
    "torch-compiled+tune-gemm",
    "torch-compiled+fp8+no-fast-accumulation",
)
_MACHINE = "nvidia-smi; nvidia-smi -q -d CLOCK,POWER; free -g; df -h .; nproc; {} -c '{}'"
_PACKAGES = (
    "from importlib.metadata import distributions as every; "
    "print(*sorted({(one.name, one.version) for one in every()}))"
)
_TESTS = ("tests/gpu/test_turbo_gpu.py", "tests/gpu/test_training_gpu.py")


@dataclass(frozen=True)
class Plan:
    """results: where files go. wheels: to be installed into `site`, or None. rehearsal: flags of
    a small model in place of the large one."""

    results: Path
    wheels: Path | None
    site: Path
    peers: tuple[str, ...]
    rehearsal: list[str]

    def steps(self) -> Iterator[Step]:
        """In order. Limits are for a machine of 16 cores and a data-centre card."""
        python = sys.executable
        yield Step("machine", ["sh", "-c", _MACHINE.format(python, _PACKAGES)], 30)
        if self.wheels is not None:
            pip = [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
            wheels = [str(wheel) for wheel in sorted(self.wheels.glob("*.whl"))]
            yield Step("wheels", [*pip, "--target", str(self.site), *wheels], 60)
        yield self._frames()
        if not self.rehearsal:
            pytest = [python, "-m", "pytest", "-q", "-rA", "--tb=short", "-p", "no:cacheprovider"]
            # that machine's packages warn of things of their own
            yield Step("tests", [*pytest, "-o", "filterwarnings=default", *_TESTS], 90)
        yield Step("micro", [python, "tools/gpu/micro.py", str(self.results / "micro.json")], 60)

    def _frames(self) -> Step:
        bench = [sys.executable, "-m", "livestyle", "bench", "turbo", "--engine", "torch"]
        flags = ["--random-weights", "--precision", "fp16", "--size", "512x512", "--fps", "240"]
        flags, seconds = [*flags, "--limit", "90"], 280.0
        if self.rehearsal:  # where C++ is compiled, on two cores that others use
            flags, seconds = self.rehearsal, 1600.0
        flags = ["--in-flight", "2", *flags]
        flags += [word for peer in self.peers for word in ("--peer", peer)]
        for flag, file in (
            ("report", "frames.json"), ("plot", "frames.plot.png"), ("pictures", "frames.png"),
        ):  # fmt: skip
            flags += [f"--{flag}", str(self.results / file)]
        return Step("frames", [*bench, *flags], seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="results.tgz goes there")
    parser.add_argument("seconds", type=float, nargs="?", default=480, help="for all (480)")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels to install first")
    parser.add_argument(
        "--peer", action="append", help=f"of bench turbo, repeatable ({', '.join(PEERS)})"
    )
    parser.add_argument("--model", type=Path, help="rehearse it with this small model")
    arguments = parse(parser, sys.argv[1:])
    archive = arguments.archive.absolute()
    wheels = None if arguments.wheels is None else arguments.wheels.absolute()
    if wheels is not None and not list(wheels.glob("*.whl")):
        parser.error(f"--wheels {str(wheels)!r}: there is no wheel in it")
    rehearsal = []
    if arguments.model is not None:
        rehearsal = ["--model", str(arguments.model.absolute()), "--size", "256x256"]
        rehearsal += ["--frames", "3", "--fps", "20"]
    os.chdir(Path(__file__).parents[2])  # the tree is what is run
    with tempfile.TemporaryDirectory(prefix="livestyle-") as work:
        plan = Plan(
            results=Path(work, "results"),
            wheels=wheels,
            site=Path(work, "site"),
            peers=tuple(arguments.peer or PEERS),
            rehearsal=rehearsal,
        )
        paths = [str(plan.site), os.environ.get("PYTHONPATH")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "1",
            "LIVESTYLE_ENGINES": str(Path(work, "engines")),
            "HF_HUB_OFFLINE": "1",
        }
        outcomes = run_steps(plan.steps(), plan.results, archive, arguments.seconds, environment)
    return int(any(outcome.ended != "done" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
