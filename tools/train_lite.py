"""Train one lite style for the bundle, with everything to steer by.

    tools/fetch_training_pictures.sh pictures
    python tools/train_lite.py wave --pictures pictures/wallpapers pictures/frames pictures/doom \
        --painting paintings/wave.jpg --iterations 8000

`livestyle train` does the same for a style of one's own. What is written is a checkpoint and a
sheet to look at, in --work; tools/lite_export.py makes a style of it. --init-from starts from
another checkpoint (then --freeze-at 0 saves time); a training that was interrupted goes on where it
was. The same arguments and seed give the same network on the same CPU, unless --seconds ends the
training early. On CUDA the network computes in bfloat16.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from livestyle.training.material import choose_device, read_material
from livestyle.training.pictures import read_picture
from livestyle.training.trainer import Course, Weights
from livestyle.training.training import Subject, Training

WEIGHTS = dataclasses.asdict(Weights())
COURSE = {
    field.name: field.default for field in dataclasses.fields(Course) if field.name != "weights"
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train one lite style.")
    parser.add_argument("name", help="the style's name: the stem of the files written")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--painting-width", type=int, default=640, help="scale of its strokes")
    parser.add_argument("--init-from", type=Path, help="checkpoint; default: a new network")
    parser.add_argument("--work", type=Path, default=Path("training"), help="checkpoint, sheet")
    parser.add_argument("--preview", type=Path, nargs="*", default=[], help="pictures to look at")
    parser.add_argument("--device", default="auto", help="auto, cuda or cpu")
    parser.add_argument("--save-every", type=int, default=100, help="iterations")
    for name, value in (COURSE | WEIGHTS).items():
        kind = float if isinstance(value, float) else int
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=value)
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    weights = Weights(**{name: getattr(args, name) for name in WEIGHTS})
    course = Course(weights, **{name: getattr(args, name) for name in COURSE})
    subject = Subject(
        args.name,
        args.painting,
        args.painting_width,
        [read_material(folder) for folder in args.pictures],
        [read_picture(path) for path in args.preview],
    )
    path = args.work / f"{args.name}.safetensors"
    training = Training(subject, course, path, args.init_from, choose_device(args.device))
    for reached in training.run():
        if reached.iteration % args.save_every == 0:
            told = f"{args.name} {reached.iteration} {reached.seconds:.0f} s"
            print(told, training.record.losses, flush=True)
            training.record.save()
    training.record.save()


if __name__ == "__main__":
    main()
