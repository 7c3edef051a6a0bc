"""Places: where a user's own files are."""

from __future__ import annotations

from pathlib import Path


def user_folder() -> Path:
    """Settings, presets and recipes of the user's own; it need not be there."""
    import platformdirs

    return Path(platformdirs.user_config_dir("livestyle"))
