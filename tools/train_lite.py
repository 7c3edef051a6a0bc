"""Train one lite style, export it to OpenVINO IR and write the training part of its card.

    tools/fetch_training_pictures.sh pictures
    python tools/train_lite.py wave --pictures pictures/wallpapers pictures/frames \
        --painting paintings/wave.jpg --vgg vgg16_features.safetensors --iterations 8000

A small network (lite_network.py) learns to repaint any picture in the manner of one painting; what
it is trained to is in lite_losses.py. --init-from starts from an earlier checkpoint or a bundled
style (its .xml), of the same style to go on or of another one to save time. The same arguments and
seed give the same network on the same CPU, unless --seconds ends the training early. On CUDA the
network computes in bfloat16. --no-export leaves the checkpoint to lite_export.py, where there is
no OpenVINO. The VGG16 file holds conv1_1 .. conv3_3 for BGR pictures in 0..255 minus the ImageNet
mean. Pictures are float32 NCHW RGB in 0..1 unless said otherwise.
"""

from __future__ import annotations

import argparse
import datetime
import math
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from lite_checkpoint import Stages, load_checkpoint, save_checkpoint
from lite_losses import MARGIN, Vgg, instability, losses, style_target, two_views
from lite_network import LiteNetwork
from lite_pictures import Crops, DeviceCrops, read_painting, read_picture, to_tensor
from torch import Tensor

from livestyle.files import write_atomically


@dataclass(frozen=True)
class Weights:
    """What each loss counts. style, content and stability are the ones to steer with."""

    style: float = 3.0
    palette: float = 0.3
    content: float = 1.0
    tone: float = 1.0
    stability: float = 30.0
    variation: float = 0.1
    weave: float = 100.0


def train(
    network: LiteNetwork,
    vgg: Vgg,
    target: dict[str, Tensor],
    crops: Crops,
    args: argparse.Namespace,
) -> Iterator[tuple[int, float, dict[str, Tensor]]]:
    """Train in place; after each iteration yield its number, seconds so far and the losses.

    Nothing here waits for the device, so that it always has the next step's work queued.
    """
    device: torch.device = args.device
    random = torch.Generator().manual_seed(args.seed)
    noisy = random if device.type == "cpu" else torch.Generator(device).manual_seed(args.seed)
    weights = asdict(_weights(args))
    adam = torch.optim.Adam(
        network.parameters(), lr=args.learning_rate, fused=device.type == "cuda"
    )
    started = time.monotonic()
    for iteration in range(1, args.iterations + 1):
        seconds = time.monotonic() - started
        progress = max(iteration / args.iterations, seconds / args.seconds)
        if progress > 1:
            return
        rate = args.learning_rate * min(1, iteration / 50) * (0.02 + 0.98 * (1 - progress))
        adam.param_groups[0]["lr"] = rate
        middle, moved, shift = two_views(crops.batch(args.batch), random, noisy)
        views = torch.cat([middle, moved]).to(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            both = network(views)
        styled, again = both.float().split([len(middle), len(moved)])
        parts = losses(vgg, target, middle, styled, args.content_layer)
        parts["stability"] = instability(styled, again, shift)
        adam.zero_grad()
        torch.stack([weights[name] * loss for name, loss in parts.items()]).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        adam.step()
        yield iteration, seconds, {name: loss.detach() for name, loss in parts.items()}


class Record:
    """What is kept of a training: the network, its losses, and a sheet to look at."""

    def __init__(self, network: LiteNetwork, stages: Stages, args: argparse.Namespace) -> None:
        self._network, self._stages, self._args = network, stages, args
        self._average: dict[str, Tensor] = {}
        self._reached = (0, 0.0)

    def add(self, iteration: int, seconds: float, parts: dict[str, Tensor]) -> None:
        """Note an iteration without waiting for its losses."""
        self._reached = (iteration, seconds)
        self._average = {
            name: self._average.get(name, now).lerp(now, 0.02) for name, now in parts.items()
        }

    def save(self) -> None:
        """Write the checkpoint, and the sheet if there is one to write.

        Raises SystemExit, and leaves what was saved before, if a loss is no longer a number.
        """
        if self._average:
            self._describe()
        args = self._args
        save_checkpoint(self._network, args.work / f"{args.name}.safetensors", self._stages)
        if args.preview:
            write_sheet(self._network, args.preview, args.work / f"{args.name}.jpg")

    def _describe(self) -> None:
        iteration, seconds = self._reached
        average = {name: round(loss.item(), 4) for name, loss in self._average.items()}
        print(f"{self._args.name} {iteration} {seconds:.0f} s", average, flush=True)
        for name, loss in average.items():
            if not math.isfinite(loss):
                raise SystemExit(
                    f"the {name} loss is {loss} after {iteration} iterations;"
                    f" use a --learning-rate below {self._args.learning_rate}"
                )
        self._stages[-1] |= {"iterations": iteration, "minutes": round(seconds / 60, 1)}
        self._stages[-1] |= {f"{name}_loss": loss for name, loss in average.items()}


def write_sheet(network: LiteNetwork, pictures: list[Path], path: Path) -> None:
    """A JPEG of the pictures at 640x360 side by side and, below each, the same restyled."""
    device = next(network.parameters()).device
    columns = []
    for picture in pictures:
        pixels = cv2.resize(read_picture(picture), (640, 360), interpolation=cv2.INTER_AREA)
        with torch.no_grad():
            result = network(to_tensor(pixels).to(device))[0].permute(1, 2, 0).cpu().numpy()
        columns.append(np.vstack([pixels, (result * 255).round().astype(np.uint8)]))
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(np.hstack(columns)[:, :, ::-1]))
    write_atomically(str(path), data.tobytes())


def _weights(args: argparse.Namespace) -> Weights:
    return Weights(**{field.name: getattr(args, field.name) for field in fields(Weights)})


def choose_device(name: str) -> torch.device:
    """auto, cuda or cpu. Raises ArgumentTypeError for one that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError("PyTorch finds no CUDA device; use cpu")
    if name not in ("cuda", "cpu"):
        raise argparse.ArgumentTypeError(f"there is no {name!r}; choose from: auto, cuda, cpu")
    return torch.device(name)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train one lite style.")
    parser.add_argument("name", help="the style's name: the stem of the files written")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--vgg", type=Path, required=True, help="VGG16 features, safetensors")
    parser.add_argument("--init-from", type=Path, help="checkpoint (.safetensors) or style (.xml)")
    parser.add_argument("--output", type=Path, default=Path("livestyle/stylizers/styles"))
    parser.add_argument("--no-export", action="store_true", help="write the checkpoint alone")
    parser.add_argument("--work", type=Path, default=Path("training"), help="checkpoint, sheet")
    parser.add_argument("--preview", type=Path, nargs="*", default=[], help="pictures to look at")
    parser.add_argument("--device", type=choose_device, default="auto", help="auto, cuda or cpu")
    parser.add_argument("--iterations", type=int, default=8000, help="at most")
    parser.add_argument("--seconds", type=float, default=36000, help="of training, at most")
    parser.add_argument("--save-every", type=int, default=250, help="iterations")
    parser.add_argument("--painting-width", type=int, default=640, help="scale of its strokes")
    parser.add_argument("--side", type=int, default=128, help="of the crops, a multiple of 8")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--content-layer", choices=["conv2_2", "conv3_1"], default="conv3_1")
    parser.add_argument("--seed", type=int, default=1)
    for field in fields(Weights):
        parser.add_argument(f"--{field.name}", type=float, default=field.default)
    return parser.parse_args()


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name()}, bfloat16"
    return f"{platform.machine()}, {torch.get_num_threads()} threads, VGG16 in bfloat16"


def _stage(args: argparse.Namespace, crops: Crops) -> dict[str, object]:
    """What the card says about this training before it has begun."""
    return {
        "style": args.name,
        "date": datetime.date.today().isoformat(),
        "machine": _machine(args.device),
        "pictures": crops.count,
        "painting_width": args.painting_width,
        "crop": args.side,
        "batch": args.batch,
        "learning_rate": args.learning_rate,
        "content_layer": args.content_layer,
        "seed": args.seed,
        **{f"{name}_weight": value for name, value in asdict(_weights(args)).items()},
    }


def _load(network: LiteNetwork, path: Path) -> Stages:
    if path.suffix != ".xml":
        return load_checkpoint(network, path)
    from lite_export import load_exported  # here, as a machine that only trains has no OpenVINO

    return load_exported(network, path)


def main() -> None:
    args = _arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    network = LiteNetwork()
    stages = _load(network, args.init_from) if args.init_from else []
    side = args.side + 2 * MARGIN
    if args.device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # every step has the same shapes
        network.to(args.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        crops: Crops = DeviceCrops(args.pictures, side, args.seed, args.device)
    else:
        crops = Crops(args.pictures, side, args.seed)
    vgg = Vgg(args.vgg, args.device)
    painting = read_painting(args.painting, args.painting_width).to(args.device)
    target = style_target(vgg, painting)
    if args.iterations:
        stages.append(_stage(args, crops))
    record = Record(network, stages, args)
    for iteration, seconds, parts in train(network, vgg, target, crops, args):
        record.add(iteration, seconds, parts)
        if iteration % args.save_every == 0:
            record.save()
    record.save()
    if not args.no_export:
        from lite_export import export_checkpoint

        export_checkpoint(args.work / f"{args.name}.safetensors", args.output)


if __name__ == "__main__":
    main()
