"""Style: a bundled network or filter of the lite stylizer, as its card tells it."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from livestyle.errors import ConfigError, StylizerError

USUAL = "comic"  # looks well on any game
_TEXTS = ("name", "title", "artist", "description", "filter")
DETAIL = 0.8  # words of 14 to 28 px on a game's panels are read again as in the source
FOLDER = Path(__file__).parent / "styles"


@dataclass(frozen=True)
class Style:
    """One style, as its card (`styles/NAME.toml`) tells it."""

    name: str
    title: str
    artist: str  # of the painting that a network was trained on, or ""
    description: str
    network: Path | None  # OpenVINO IR
    filter: str = ""  # one of livestyle.stylizers.filters, where there is no network
    detail: float = DETAIL  # of the source, that comes back where no other is asked for

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"stylizer": "lite"} | asdict(self) | {"network": self.network and str(self.network)}


def list_styles() -> list[Style]:
    """All bundled styles, by name. Raises StylizerError when a card or network is missing."""
    styles = []
    for file in sorted(FOLDER.glob("*.toml")):
        card = tomllib.loads(file.read_text(encoding="utf-8"))
        styles.append(
            Style(
                **{field: str(card.get(field, "")) for field in _TEXTS},
                network=None if "filter" in card else file.with_suffix(".xml"),
                detail=float(card.get("detail", DETAIL)),
            )
        )
    if not styles:
        raise StylizerError(f"no styles in {FOLDER}; install livestyle again")
    return styles


def find_style(name: str) -> Style:
    """The style of that name. Raises ConfigError naming those there are."""
    styles = {style.name: style for style in list_styles()}
    if name not in styles:
        raise ConfigError(f"unknown style {name!r}; choose from: {', '.join(styles)}")
    return styles[name]
