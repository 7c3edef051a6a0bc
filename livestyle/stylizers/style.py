"""Style: a network or filter of the lite stylizer, as its card tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from livestyle.config import check
from livestyle.errors import ConfigError, StylizerError
from livestyle.places import is_there, user_folder
from livestyle.tables import read_toml

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

    @property
    def is_bundled(self) -> bool:
        """Whether it came with the package."""
        return self.network is None or self.network.parent == FOLDER

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"stylizer": "lite"} | asdict(self) | {"network": self.network and str(self.network)}


def user_styles() -> Path:
    """Where a user's own styles are looked for: NAME.toml, .xml and .bin, as `livestyle train`
    writes them.
    """
    return user_folder() / "styles"


def list_styles() -> list[Style]:
    """The bundled styles and the user's, by name; of two with one name the bundled one.

    Raises StylizerError when there is none, ConfigError for a user's card that can't be read.
    """
    styles = {style.name: style for style in _styles(FOLDER)}
    if not styles:
        raise StylizerError(f"no styles in {FOLDER}; install livestyle again")
    if is_there(own := user_styles()):
        styles = {style.name: style for style in _styles(own)} | styles
    return [styles[name] for name in sorted(styles)]


def _styles(folder: Path) -> Iterator[Style]:
    for file in sorted(folder.glob("*.toml")):
        what = f"the style {str(file)!r}"
        card = read_toml(file, what)
        yield Style(
            **{field: str(card.get(field, "")) for field in _TEXTS} | {"name": file.stem},
            network=None if "filter" in card else file.with_suffix(".xml"),
            detail=check("detail", card.get("detail", DETAIL), f"cannot read {what}: detail"),
        )


def find_style(name: str) -> Style:
    """The style of that name. Raises ConfigError naming those there are."""
    styles = {style.name: style for style in list_styles()}
    if name not in styles:
        raise ConfigError(f"unknown style {name!r}; choose from: {', '.join(styles)}")
    return styles[name]
