"""Runs inside the VM: a real OBS that takes the camera of a run.

What it found goes to results.json of the shared folder, what OBS's window showed beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

from guest import DEVICE, SHARED, Figures, load_module, wait_until

sys.path.append(str(Path(__file__).parents[1] / "sinks"))
from obs_client import obs

DISPLAY = ":5"
SCREEN = (1280, 800)
PROFILE = """\
[General]
Name=Untitled

[Video]
BaseCX=640
BaseCY=360
OutputCX=640
OutputCY=360
FPSType=1
FPSInt=5
"""
PATIENCE = 600.0  # s for OBS to come up


def camera_in_obs() -> Figures:
    """The camera chosen as a user would, and what OBS makes of it."""
    import cv2

    _own_temporary_folder()
    load_module(exclusive_caps=1, card_label="livestyle", video_nr=20)
    screen = "{}x{}x24".format(*SCREEN)
    display = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", screen, "-noreset"])
    wait_until(lambda: os.path.exists(f"/tmp/.X11-unix/X{DISPLAY[1:]}"), 120)
    command = [sys.executable, "-m", "livestyle", "run", "--source", f"file:{SHARED}/shown.png"]
    command += ["--stylizer", "passthrough", "--sink", "v4l2", "--fps", "5"]
    with (SHARED / "run.log").open("wb") as log:
        run = subprocess.Popen(command, stderr=log)
    home = Path("/run/home/obs")
    profile = home / ".config" / "obs-studio" / "basic" / "profiles" / "Untitled"
    profile.mkdir(parents=True)
    (profile / "basic.ini").write_text(PROFILE)
    try:
        wait_until(lambda: "passthrough on opencv" in (SHARED / "run.log").read_text(), 300)
        with obs(DISPLAY, home, PATIENCE) as studio:
            print("OBS is up", flush=True)
            chosen = {"device_id": DEVICE}
            studio.ask(
                "CreateInput",
                sceneName="Scene",
                inputName="livestyle",
                inputKind="v4l2_input",
                inputSettings=chosen,
            )
            devices = studio.ask(
                "GetInputPropertiesListPropertyItems",
                inputName="livestyle",
                propertyName="device_id",
            )
            time.sleep(40)  # it draws a picture in seconds here
            _window("obs-camera-picture")
            studio.ask("OpenInputPropertiesDialog", inputName="livestyle")
            time.sleep(40)
            _window("obs-camera")
            wait_until(lambda: studio.picture("livestyle") is not None, 300)
            shown = studio.picture("livestyle")
            assert shown is not None
            cv2.imwrite(str(SHARED / "obs.png"), shown)
            return {"devices": devices, "size": list(shown.shape)}
    finally:
        shutil.copy(home / "obs.log", SHARED)
        run.terminate()
        run.wait(60)
        display.kill()


def _own_temporary_folder() -> None:
    """An X server writes to /tmp, of which here the shared folder alone can be written to."""
    own = Path("/run/tmp")
    there = own / SHARED.relative_to("/tmp") if SHARED.is_relative_to("/tmp") else own
    there.mkdir(parents=True)
    if there != own:
        subprocess.run(["mount", "--bind", SHARED, there], check=True)
    subprocess.run(["mount", "--rbind", own, "/tmp"], check=True)


def _window(name: str) -> None:
    """All that the display shows."""
    size = "{}x{}".format(*SCREEN)
    grab = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "x11grab", "-draw_mouse", "0"]
    grab += ["-video_size", size, "-i", DISPLAY, "-frames:v", "1", str(SHARED / f"{name}.png")]
    subprocess.run(grab, check=True, timeout=300)
    print(name, flush=True)


if __name__ == "__main__":
    os.environ["GALLIUM_DRIVER"] = "softpipe"  # OBS crashes on code that llvmpipe makes for TCG
    try:
        figures = camera_in_obs()
    except Exception:
        figures = {"traceback": traceback.format_exc()}
    (SHARED / "results.json").write_text(json.dumps({"camera_in_obs": figures}, indent=1))
