"""The report: what it says of a run, whatever becomes of the files that the run began with."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from livestyle.config import Config
from livestyle.front.report import Reporter
from livestyle.stylizers.change import changed
from livestyle.stylizers.settle import settle_stylizer
from livestyle.stylizers.style import FOLDER, user_styles


def test_a_style_whose_card_is_gone_ends_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is loaded goes on; only whether it was changed is not known any more."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    user_styles().mkdir(parents=True)
    mine, broken = (user_styles() / f"{name}.toml" for name in ("mine", "broken"))
    mine.write_text((FOLDER / "ink.toml").read_text(encoding="utf-8"), encoding="utf-8")
    config = settle_stylizer(Config(stylizer="lite", style="mine"), print)
    reporter = Reporter((640, 360), Mock(), Mock())
    assert reporter._is_style_changed(config) is False
    config = changed(config, {"detail": 0.123})
    assert reporter._is_style_changed(config) is True
    broken.write_text("half a", encoding="utf-8")
    assert reporter._is_style_changed(changed(config, {"mix": 0.5})) is True
    broken.unlink()
    mine.unlink()
    assert reporter._is_style_changed(changed(config, {"mix": 0.6})) is True
