"""Make the moving picture of the README: a game, restyled by livestyle, one style after the other.

    python tools/moving_picture.py docs/moving.webp --overwrite

SuperTux runs on a display of its own, where a very simple robot plays it; `livestyle run` records
the screen as it is, and `livestyle stylize` restyles the recording once for each style. Needs Xvfb,
xdotool, supertux2 (Debian: supertux) and the extra `pictures`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from PIL import Image
from written import parse

if TYPE_CHECKING:
    from livestyle.frame import Pixels

DISPLAY = ":78"
LIVESTYLE = [sys.executable, "-m", "livestyle"]
GAME = "/usr/games/supertux2"
LEVEL = "/usr/share/games/supertux2/levels/world2/welcome_forest.stl"
STYLES = ("comic", "starry_night", "ink")

SCREEN = "1280x720"
PART = "0,75,960,540"  # of the screen: the game draws its hero small
TITLE = 11  # s until the level's name has gone
RUN_UP = 3  # s of play until the level is light and its hero under way

SIZE = 720, 405
FPS = 20
ALONE, SWEEP = 1.5, 0.7  # s that one style is shown, and that the next one takes to cover it
EDGE = 3  # px, the line between them

MOST = 3_000_000  # bytes
QUALITIES = range(80, 20, -5)


def main() -> int:
    """Record, restyle, put together, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", help="the animated WebP to write")
    parser.add_argument("--level", default=LEVEL, help="which level of SuperTux")
    parser.add_argument("--style", action="append", help=f"repeatable ({', '.join(STYLES)})")
    options = parse(parser, "output")
    styles = options.style or list(STYLES)
    seconds = (ALONE + SWEEP) * (len(styles) + 1)
    with tempfile.TemporaryDirectory() as folder:
        game = Path(folder, "game.mkv")
        record(game, options.level, RUN_UP + seconds + 2)
        clips = [labelled(game, "the game as it is")]
        for style in styles:
            styled = Path(folder, f"{style}.mkv")
            command = [*LIVESTYLE, "stylize", str(game), str(styled), "--stylizer", "lite"]
            subprocess.run([*command, "--style", style], check=True)
            clips.append(labelled(styled, f"livestyle run --style {style}"))
    picture, quality = encoded(list(swept(clips)))
    options.output.write(picture)
    print(f"{len(picture)} bytes at quality {quality}")
    return 0


def record(file: Path, level: str, seconds: float) -> None:
    """Record the screen as it is while the level is played for so long after its title."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ending:
        environment = {**os.environ, "DISPLAY": DISPLAY, "SUPERTUX2_USER_DIR": folder}

        def start(*command: str, told: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=told
            )
            ending.callback(process.wait, 10)
            ending.callback(process.terminate)
            return process

        start("Xvfb", DISPLAY, "-screen", "0", f"{SCREEN}x24", "+extension", "GLX", "-noreset")
        time.sleep(2)
        sound = ["--disable-sound", "--disable-music"]
        start(GAME, "--geometry", SCREEN, "--renderer", "sdl", *sound, level)
        recorder = start(
            *[*LIVESTYLE, "run", "--source", f"screen:1,{PART}", "--stylizer", "passthrough"],
            *["--sink", f"record:{file}", "--fps", str(FPS)],
            *["--seconds", str(TITLE + seconds)],
            told=None,
        )
        time.sleep(TITLE)
        keys = ["keydown", "Right", "keydown", "space", "sleep", "0.6", "keyup", "space"]
        while recorder.poll() is None:
            subprocess.run(["xdotool", *keys, "sleep", "0.8"], env=environment, check=True)
        if recorder.returncode:
            raise SystemExit(f"livestyle run ended with {recorder.returncode}")


def labelled(file: Path, text: str) -> list[Pixels]:
    """The clip from the end of the run-up on, FPS frames a second, uint8 RGB (H, W, 3) of SIZE,
    each with a line of text on it. A recording has gaps where the machine was too slow for it:
    there the frame before stays.
    """
    frames: list[Pixels] = []
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            due = round((frame.time - TITLE - RUN_UP) * FPS)
            frames += [frames[-1]] * (due - len(frames)) if frames else []
            if due >= 0:
                whole = frame.to_ndarray(format="rgb24")
                small = cv2.resize(whole, SIZE, interpolation=cv2.INTER_AREA)
                frames.append(with_label(small.astype(np.uint8, copy=False), text))
    return frames


def with_label(frame: Pixels, text: str) -> Pixels:
    """Light letters on a dark patch in the lower left corner."""
    font, scale = cv2.FONT_HERSHEY_DUPLEX, 0.6
    (width, height), below = cv2.getTextSize(text, font, scale, 1)
    left, bottom = 12, SIZE[1] - 12
    top, right = bottom - height - below - 12, left + width + 20
    frame[top:bottom, left:right] //= 5
    origin = left + 10, bottom - below - 5
    cv2.putText(frame, text, origin, font, scale, (245, 245, 245), 1, cv2.LINE_AA)
    return frame


def swept(clips: list[list[Pixels]]) -> Iterator[Pixels]:
    """One clip after the other; each is covered by the next from the left, the last by the first,
    while the game goes on.
    """
    alone, sweep = round(ALONE * FPS), round(SWEEP * FPS)
    for number in range((alone + sweep) * len(clips)):
        turn, into = divmod(number, alone + sweep)
        frame = clips[turn][number].copy()
        if into >= alone:
            part = (into - alone + 1) / (sweep + 1)
            edge = round(SIZE[0] * part * part * (3 - 2 * part))
            frame[:, :edge] = clips[(turn + 1) % len(clips)][number][:, :edge]
            frame[:, max(edge - EDGE, 0) : edge] = 255
        yield np.ascontiguousarray(frame)


def encoded(frames: list[Pixels]) -> tuple[bytes, int]:
    """An animated WebP that goes on forever, in the best quality that MOST allows; and which."""
    first, *rest = map(Image.fromarray, frames)
    for quality in QUALITIES:
        written = io.BytesIO()
        first.save(
            written,
            "WEBP",
            save_all=True,
            append_images=rest,
            duration=round(1000 / FPS),
            loop=0,
            quality=quality,
            method=6,
        )
        if written.tell() <= MOST:
            return written.getvalue(), quality
    raise SystemExit(f"it is larger than {MOST} bytes at quality {QUALITIES[-1]}, too")


if __name__ == "__main__":
    sys.exit(main())
