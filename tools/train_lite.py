"""Train one lite style, export it to OpenVINO IR and write the training part of its card.

    tools/fetch_training_pictures.sh pictures
    python tools/train_lite.py wave --pictures pictures/wallpapers pictures/frames \
        --painting paintings/wave.jpg --vgg vgg16_features.safetensors --iterations 8000

A small network (lite_network.py) learns to repaint any picture in the manner of one painting; what
it is trained to is in lite_losses.py. --init-from starts from an earlier checkpoint or a bundled
style (its .xml), of the same style to go on or of another one to save time. The same arguments and
seed give the same network on the same machine, unless --minutes ends the training early. The VGG16
file holds conv1_1 .. conv3_3 for BGR pictures in 0..255 minus the ImageNet mean. Pictures are
float32 NCHW RGB in 0..1 unless said otherwise.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from lite_losses import MARGIN, Vgg, instability, losses, style_target, two_views
from lite_network import LiteNetwork, export, load_exported
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor


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


class Crops:
    """An endless supply of square crops at the scale they have in a picture 300 to 560 high."""

    def __init__(self, folders: list[Path], side: int, seed: int) -> None:
        self.side = side
        self._random = np.random.default_rng(seed)
        self.folders = [_pictures(folder) for folder in folders]

    @property
    def count(self) -> int:
        return sum(len(pictures) for pictures in self.folders)

    def batch(self, size: int) -> Tensor:
        """[size, 3, side, side]; every folder is drawn as often as any other."""
        crops = np.stack([self._lively_crop() for _ in range(size)])
        return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255

    def _lively_crop(self) -> np.ndarray:
        """A crop that is not one flat colour: normalising nothing makes gradients explode."""
        while (crop := self._crop()).std() < 8:
            pass
        return crop

    def _crop(self) -> np.ndarray:
        pictures = self.folders[self._random.integers(len(self.folders))]
        picture = pictures[self._random.integers(len(pictures))]
        height, width = picture.shape[:2]
        window = int(self.side * height / self._random.uniform(300, 560))
        window = min(window, height, width)
        top = self._random.integers(height - window + 1)
        left = self._random.integers(width - window + 1)
        crop = picture[top : top + window, left : left + window]
        crop = cv2.resize(crop, (self.side, self.side), interpolation=cv2.INTER_AREA)
        return crop[:, ::-1] if self._random.random() < 0.5 else crop


def _read(path: Path) -> np.ndarray | None:
    """uint8 RGB [H, W, 3]; None for a file that is no picture."""
    picture = cv2.imread(str(path))
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _tensor(picture: np.ndarray) -> Tensor:
    """uint8 [H, W, 3] -> [1, 3, H, W]."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def _pictures(folder: Path) -> list[np.ndarray]:
    """A folder's pictures, at most 720 high, without those that are nearly one colour."""
    found = []
    for path in sorted(folder.iterdir()):
        picture = _read(path)
        if picture is None or picture.std() < 8:
            continue
        scale = min(1, 720 / picture.shape[0])
        found.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    if not found:
        raise SystemExit(f"no pictures in {folder}; run tools/fetch_training_pictures.sh")
    return found


def train(
    network: LiteNetwork,
    vgg: Vgg,
    target: dict[str, Tensor],
    crops: Crops,
    args: argparse.Namespace,
) -> Iterator[tuple[int, float, dict[str, float]]]:
    """Train in place; after each iteration yield its number, seconds so far and the losses."""
    random = torch.Generator().manual_seed(args.seed)
    weights = asdict(_weights(args))
    adam = torch.optim.Adam(network.parameters(), lr=args.learning_rate)
    started = time.monotonic()
    for iteration in range(1, args.iterations + 1):
        seconds = time.monotonic() - started
        progress = max(iteration / args.iterations, seconds / (60 * args.minutes))
        if progress > 1:
            return
        rate = args.learning_rate * min(1, iteration / 50) * (0.02 + 0.98 * (1 - progress))
        adam.param_groups[0]["lr"] = rate
        middle, moved, shift = two_views(crops.batch(args.batch), random)
        both = network(torch.cat([middle, moved]).to(memory_format=torch.channels_last))
        styled, again = both[: args.batch], both[args.batch :]
        parts = losses(vgg, target, middle, styled, args.content_layer)
        parts["stability"] = instability(styled, again, shift)
        adam.zero_grad()
        torch.stack([weights[name] * loss for name, loss in parts.items()]).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        adam.step()
        yield iteration, seconds, {name: loss.item() for name, loss in parts.items()}


def _weights(args: argparse.Namespace) -> Weights:
    return Weights(**{field.name: getattr(args, field.name) for field in fields(Weights)})


def painting_picture(path: Path, width: int) -> Tensor:
    """[1, 3, H, width]: the painting without its outermost 3 % (frame or paper border)."""
    picture = _read(path)
    if picture is None:
        raise SystemExit(f"cannot read the painting {path}")
    height, full = picture.shape[:2]
    picture = picture[height * 3 // 100 : -height * 3 // 100, full * 3 // 100 : -full * 3 // 100]
    scale = width / picture.shape[1]
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _tensor(picture)


def load_trained(network: LiteNetwork, path: Path) -> list[dict[str, object]]:
    """Load a checkpoint or an exported style; return the training stages that led to it."""
    stages: list[dict[str, object]]
    if path.suffix == ".xml":
        load_exported(network, path)
        stages = tomllib.loads(path.with_suffix(".toml").read_text())["training"]
        return stages
    network.load_state_dict(load_file(path))
    with safe_open(path, "pt") as file:
        stages = json.loads(file.metadata()["stages"])
    return stages


def save_checkpoint(network: LiteNetwork, path: Path, stages: list[dict[str, object]]) -> None:
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, path, metadata={"stages": json.dumps(stages)})


def write_card(path: Path, network: LiteNetwork, stages: list[dict[str, object]]) -> None:
    """Replace the card's [network] and [[training]] tables; what people wrote above them stays."""
    words = path.read_text() if path.exists() else f'name = "{path.stem}"\n'
    tables = {"parameters": sum(weight.numel() for weight in network.parameters())}
    lines = [words.split("\n[network]")[0].rstrip(), "", "[network]", *_toml(tables)]
    for stage in stages:
        lines += ["", "[[training]]", *_toml(stage)]
    path.write_text("\n".join(lines) + "\n")


def _toml(table: Mapping[str, object]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]


def write_preview(network: LiteNetwork, pictures: list[Path], path: Path) -> None:
    """A PNG of the pictures at 640x360 restyled, side by side, to look at while it trains."""
    styled = []
    for picture in pictures:
        pixels = _read(picture)
        if pixels is None:
            raise SystemExit(f"cannot read the picture {picture}")
        pixels = cv2.resize(pixels, (640, 360), interpolation=cv2.INTER_AREA)
        with torch.no_grad():
            result = network(_tensor(pixels))[0].permute(1, 2, 0).numpy()
        styled.append((result[:, :, ::-1] * 255).round().astype(np.uint8))
    cv2.imwrite(str(path), np.hstack(styled))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train one lite style.")
    parser.add_argument("name", help="the style's name: the stem of the files written")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--painting", type=Path, required=True)
    parser.add_argument("--vgg", type=Path, required=True, help="VGG16 features, safetensors")
    parser.add_argument("--init-from", type=Path, help="checkpoint (.safetensors) or style (.xml)")
    parser.add_argument("--output", type=Path, default=Path("livestyle/stylizers/styles"))
    parser.add_argument("--work", type=Path, default=Path("training"), help="checkpoints, previews")
    parser.add_argument("--preview", type=Path, nargs="*", default=[], help="pictures to look at")
    parser.add_argument("--iterations", type=int, default=8000, help="0: only export")
    parser.add_argument("--minutes", type=float, default=600, help="stop after this time")
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


def _stage(args: argparse.Namespace, crops: Crops) -> dict[str, object]:
    """What the card says about this training before it has begun."""
    return {
        "style": args.name,
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, VGG16 in bfloat16",
        "pictures": crops.count,
        "painting_width": args.painting_width,
        "crop": args.side,
        "batch": args.batch,
        "learning_rate": args.learning_rate,
        "content_layer": args.content_layer,
        "seed": args.seed,
        **{f"{name}_weight": value for name, value in asdict(_weights(args)).items()},
    }


def main() -> None:
    args = _arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    network = LiteNetwork()
    stages = load_trained(network, args.init_from) if args.init_from else []
    vgg = Vgg(args.vgg)
    target = style_target(vgg, painting_picture(args.painting, args.painting_width))
    crops = Crops(args.pictures, args.side + 2 * MARGIN, args.seed)
    if args.iterations:
        stages.append(_stage(args, crops))
    average: dict[str, float] = {}
    for iteration, seconds, parts in train(network, vgg, target, crops, args):
        average = {name: 0.98 * average.get(name, now) + 0.02 * now for name, now in parts.items()}
        stages[-1] |= {"iterations": iteration, "minutes": round(seconds / 60, 1)}
        stages[-1] |= {f"{name}_loss": round(loss, 4) for name, loss in average.items()}
        if iteration % args.save_every == 0:
            print(f"{args.name} {iteration} {seconds:.0f} s", average, flush=True)
            save_checkpoint(network, args.work / f"{args.name}.safetensors", stages)
            write_preview(network, args.preview, args.work / f"{args.name}-{iteration:05}.png")
    save_checkpoint(network, args.work / f"{args.name}.safetensors", stages)
    export(network, args.output / f"{args.name}.xml")
    write_card(args.output / f"{args.name}.toml", network, stages)


if __name__ == "__main__":
    main()
