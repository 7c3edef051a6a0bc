"""Places: where a user's own files are."""

from __future__ import annotations

import os
from pathlib import Path


def user_folder() -> Path:
    """Settings, presets and recipes of the user's own; it need not be there."""
    import platformdirs

    return Path(platformdirs.user_config_dir("livestyle"))


def is_there(path: Path) -> bool:
    """Whether a file or folder can be seen, or a link to one; in a home that is closed to us
    nothing is.
    """
    return os.path.lexists(path)  # Path.exists raises where it may not look
