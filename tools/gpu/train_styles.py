"""Train the styles on a GPU machine without a network, one after another, in a given time.

    python3 tools/gpu/train_styles.py FOLDER SECONDS training.tar
    python3 tools/gpu/train_styles.py FOLDER SECONDS training.tar --styles wave udnie -- --batch 32

Needs Python 3.11 with torch, numpy, safetensors and OpenCV; livestyle need not be installed.
training.tar is what tools/pack_training.py writes. FOLDER/results.tgz is written anew after every
style: its network NAME.safetensors, a sheet NAME.jpg (before above after), its losses NAME.txt.
tools/lite_export.py makes styles of the networks. The strokes of a style with a card are as wide as
there; what follows `--` goes to tools/train_lite.py. The exit code is 0 if all were trained.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from steps import Step, parse, run_steps, unpack

ROOT = Path(__file__).resolve().parents[2]
CARDS = ROOT / "livestyle" / "stylizers" / "styles"
START = 20.0
"""Seconds of a style's share that are not for training: imports, pictures, the last save."""
PROBE = """
import torch
print("torch", torch.__version__, "CUDA", torch.version.cuda)
print(torch.cuda.get_device_properties(0) if torch.cuda.is_available() else "no CUDA device")
"""


def find_paintings(data: Path, names: Sequence[str] | None) -> dict[str, Path]:
    """The packed paintings by style, or those of the styles named. Raises SystemExit."""
    paintings = {path.stem: path for path in sorted((data / "paintings").iterdir())}
    for name in names or ():
        if name not in paintings:
            choice = ", ".join(paintings)
            raise SystemExit(f"there is no painting of {name!r}; choose from: {choice}")
    return {name: paintings[name] for name in names or paintings}


def steps(
    args: argparse.Namespace, paintings: dict[str, Path], data: Path, results: Path
) -> Iterator[Step]:
    """A look at the machine, which also warms its disk, then a step per style.

    Each style gets an even part of the time that is left when it begins.
    """
    ends = time.monotonic() + args.seconds
    yield Step("machine", [sys.executable, "-c", PROBE], 60)
    for index, (name, painting) in enumerate(paintings.items()):
        share = (ends - time.monotonic()) / (len(paintings) - index)
        command = [sys.executable, str(ROOT / "tools" / "train_lite.py"), name]
        command += ["--painting", str(painting), "--seconds", str(max(share - START, 1))]
        command += ["--work", str(results), *_data(data), *_carded(name), *_start(args, name)]
        yield Step(name, [*command, "--device", args.device, *args.rest], share)


def _data(data: Path) -> list[str]:
    """What is the same for every style; a picture of each folder is on the sheet."""
    folders = sorted((data / "pictures").iterdir())
    shown = [str(min(folder.iterdir())) for folder in folders]
    flags = ["--pictures", *map(str, folders), "--preview", *shown]
    return [*flags, "--iterations", "1000000", "--side", "256", "--batch", "16"]  # the time ends it


def _carded(name: str) -> list[str]:
    """The scale of the strokes that a bundled style has by its card, as a flag."""
    card = CARDS / f"{name}.toml"
    stages = tomllib.loads(card.read_text())["training"] if card.exists() else []
    widths = [stage["painting_width"] for stage in stages if "painting_width" in stage]
    return ["--painting-width", str(widths[-1])] if widths else []


def _start(args: argparse.Namespace, name: str) -> list[str]:
    checkpoint = args.init_from / f"{name}.safetensors" if args.init_from else None
    return ["--init-from", str(checkpoint)] if checkpoint and checkpoint.exists() else []


def _arguments() -> argparse.Namespace:
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description="Train the styles on a GPU machine.")
    parser.add_argument("folder", type=Path, help="where results.tgz goes")
    parser.add_argument("seconds", type=float, help="for everything")
    parser.add_argument("data", type=Path, help="what tools/pack_training.py wrote")
    parser.add_argument("--styles", nargs="+", help="default: every painting that is packed")
    parser.add_argument("--device", default="cuda", help="cpu: to rehearse")
    parser.add_argument("--init-from", type=Path, help="folder of NAME.safetensors to go on from")
    args = parse(parser, words[:end])
    if not args.data.is_file():
        parser.error(f"there is no file {args.data}; tools/pack_training.py writes it")
    args.rest = words[end + 1 :]
    return args


def main() -> int:
    args = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        data, results = Path(folder, "data"), Path(folder, "training")
        unpack(args.data, data)
        paintings = find_paintings(data, args.styles)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        outcomes = run_steps(
            steps(args, paintings, data, results),
            results,
            args.archive,
            args.seconds,
            environment,
        )
    return int(any(outcome.ended != "done" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
