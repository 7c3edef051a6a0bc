"""Make bundled styles of trained networks: OpenVINO's graph in eight bits, and the card.

python tools/lite_export.py training/wave.safetensors --pictures pictures/frames
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from livestyle.training.checkpoint import load_checkpoint
from livestyle.training.export import export_style
from livestyle.training.material import read_material
from livestyle.training.pictures import Crops
from livestyle.training.trainer import DETAIL, Course
from livestyle.training.training import MEASURED

STYLES = Path("livestyle/stylizers/styles")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write trained networks as bundled styles.")
    parser.add_argument("checkpoints", type=Path, nargs="+", help="NAME.safetensors")
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--output", type=Path, default=STYLES)
    args = parser.parse_args()
    material = [read_material(folder) for folder in args.pictures]
    crops = Crops(material, Course().source_side, 1, torch.device("cpu"))
    pictures = crops.batch(MEASURED).pictures
    for path in args.checkpoints:
        checkpoint = load_checkpoint(path)
        network = checkpoint.network().eval()
        style = args.output / path.stem
        words = {"name": path.stem, "detail": DETAIL}
        export_style(network, pictures, checkpoint.stages, style, words)


if __name__ == "__main__":
    main()
