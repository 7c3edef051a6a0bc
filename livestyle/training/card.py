"""A network's card: what people wrote, and what its trainings were."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livestyle.errors import LivestyleError
from livestyle.files import write
from livestyle.places import is_there
from livestyle.training.network import LiteNetwork


def write_card(
    path: Path,
    words: Mapping[str, Any],
    network: LiteNetwork,
    stages: Sequence[Mapping[str, Any]],
) -> None:
    """Replace the card's [network] and [[training]] tables; what people wrote above them stays, and
    of `words` what is not said there comes below it. Raises LivestyleError.
    """
    there = ""
    if is_there(path):
        there = path.read_text(encoding="utf-8").split("\n[network]")[0].rstrip()
    try:
        said = tomllib.loads(there)
    except tomllib.TOMLDecodeError as error:
        raise LivestyleError(f"cannot read the card {str(path)!r}: {error}; mend it") from error
    new = {key: value for key, value in words.items() if key not in said}
    above = "\n".join([*([there] if there else []), *_toml(new)])
    parameters = sum(weight.numel() for weight in network.parameters())
    lines = [above, "", "[network]", *_toml({"parameters": parameters})]
    for stage in stages:
        lines += ["", "[[training]]", *_toml(stage)]
    write(str(path), ("\n".join(lines) + "\n").encode())


def _toml(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]
