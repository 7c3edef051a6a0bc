"""Style: a bundled network of the lite stylizer and its card."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from livestyle.errors import ConfigError, StylizerError

FOLDER = Path(__file__).parent / "styles"


@dataclass(frozen=True)
class Style:
    """One style, as its card (`styles/NAME.toml`) tells it."""

    name: str
    title: str
    artist: str
    description: str
    network: Path  # OpenVINO IR

    def plain(self) -> dict[str, str]:
        """As JSON can hold it."""
        return {"stylizer": "lite"} | {name: str(value) for name, value in asdict(self).items()}


def list_styles() -> list[Style]:
    """All bundled styles, by name. Raises StylizerError when a card or network is missing."""
    styles = []
    for file in sorted(FOLDER.glob("*.toml")):
        card = tomllib.loads(file.read_text(encoding="utf-8"))
        texts = {field: str(card[field]) for field in ("name", "title", "artist", "description")}
        styles.append(Style(**texts, network=file.with_suffix(".xml")))
    if not styles:
        raise StylizerError(f"no styles in {FOLDER}; install livestyle again")
    return styles


def find_style(name: str) -> Style:
    """The style of that name. Raises ConfigError naming those there are."""
    styles = {style.name: style for style in list_styles()}
    if name not in styles:
        raise ConfigError(f"unknown style {name!r}; choose from: {', '.join(styles)}")
    return styles[name]
