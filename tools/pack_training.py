"""Pack all that trainings read into one small file, to carry to a GPU machine without a network.

    tools/fetch_training_pictures.sh pictures
    python tools/pack_training.py training.tar --pictures pictures/wallpapers pictures/frames \
        pictures/doom --paintings paintings/*.jpg

In the file: pictures/FOLDER/NUMBER.jpg, at most 720 high; paintings/NAME.jpg as they are. The
pictures are as good as the limit allows. tools/gpu/train_styles.py reads it.
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from written import parse

from livestyle.training.pictures import read_folder

HEIGHT = 720
QUALITIES = (95, 92, 88, 84, 80, 75, 70, 60)


def encode(folders: Mapping[str, list[np.ndarray]], quality: int) -> dict[str, bytes]:
    """uint8 RGB pictures by folder -> JPEG files by their names in the archive."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return {
        f"pictures/{folder}/{number:04}.jpg": cv2.imencode(".jpg", picture[:, :, ::-1], flags)[
            1
        ].tobytes()
        for folder, pictures in folders.items()
        for number, picture in enumerate(pictures)
    }


def pack(files: Mapping[str, bytes]) -> bytes:
    """An uncompressed tar, alike for the same files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack all that trainings read into one file.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders")
    parser.add_argument("--paintings", type=Path, nargs="+", required=True, help="NAME.jpg")
    parser.add_argument("--limit", type=float, default=40, help="MiB that it may have")
    args = parse(parser, "output")
    folders = {folder.name: read_folder(folder, HEIGHT) for folder in args.pictures}
    others = {f"paintings/{path.name}": path.read_bytes() for path in args.paintings}
    for quality in QUALITIES:
        packed = pack({**encode(folders, quality), **others})
        if len(packed) <= args.limit * 2**20:
            args.output.write(packed)
            count = sum(len(pictures) for pictures in folders.values())
            size = len(packed) / 2**20
            print(f"{args.output.file}: {count} pictures at quality {quality}, {size:.1f} MiB")
            return
    raise SystemExit(
        f"{args.output.file} would have {len(packed) / 2**20:.1f} MiB, more than {args.limit:g};"
        " pack fewer pictures or raise --limit"
    )


if __name__ == "__main__":
    main()
