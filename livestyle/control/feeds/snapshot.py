"""A snapshot: a picture as PNG, with the settings in it that make it look so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from livestyle.between.look import plain_look
from livestyle.config import Config
from livestyle.control.feeds.png import png_of, with_text
from livestyle.control.policy import Policy

if TYPE_CHECKING:
    from livestyle.frame import Pixels

KEYWORD = "livestyle"  # of the text in it


def snapshot_of(i420: Pixels, config: Config, policy: Policy) -> bytes:
    """PNG of I420 (H * 3 / 2, W). A file's name stays here: a snapshot is made to be given away."""
    look = {**plain_look(config), "aspect": config.aspect}
    if not policy.is_named(config.style):
        look.pop("style", None)
    return with_text(png_of(i420), KEYWORD, json.dumps(look))
