"""The session that a screen belongs to: what to expect of it, and what helps where it is unread."""

from __future__ import annotations

import os
import sys

_INSTEAD = "another source: testcard, file:PATH, camera:N"


def unreachable(display: str | None, why: str) -> str:
    """One line for a screen that can't be opened, of which mss says why. display: as in Screen."""
    if sys.platform in ("win32", "darwin"):
        return f"the screen cannot be read: {why}"
    name = display or os.environ.get("DISPLAY")
    if name:
        return f"display {name} cannot be opened: {why}; {_cure(why)}"
    if _is_wayland():
        return (
            "this is a Wayland session without XWayland, whose screen mss cannot read; use an X11 "
            "session, OBS's PipeWire capture as a virtual camera (camera:N), or file:PATH"
        )
    return f"there is no screen: DISPLAY is not set; use an X11 session, or {_INSTEAD}"


def _cure(why: str) -> str:
    if not why.startswith("Only "):  # what mss says of another depth or order of colours
        return f"use an X11 session, or {_INSTEAD}"
    return (
        "start the X server with a depth of 24 (DefaultDepth 24 in xorg.conf; "
        f"-screen 0 1280x720x24 for Xvfb, -depth 24 for Xvnc), or use {_INSTEAD}"
    )


def session_note() -> str:
    """What to expect of this session, or ""."""
    if sys.platform in ("win32", "darwin") or not _is_wayland():
        return ""
    return (
        "this is a Wayland session: only X11 (XWayland) programs can be seen, all else is black; "
        "use an X11 session, or OBS's PipeWire capture as a virtual camera (camera:N)"
    )


def _is_wayland() -> bool:
    return os.environ.get("XDG_SESSION_TYPE") == "wayland" or bool(
        os.environ.get("WAYLAND_DISPLAY")
    )
