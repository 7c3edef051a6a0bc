"""A network's card: what people wrote, and what its trainings were."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livestyle.files import write
from livestyle.training.network import LiteNetwork


def write_card(
    path: Path,
    words: Mapping[str, Any],
    network: LiteNetwork,
    stages: Sequence[Mapping[str, Any]],
) -> None:
    """Replace the card's [network] and [[training]] tables; what people wrote above them stays, or
    is `words` where there is no card. Raises LivestyleError.
    """
    above = "\n".join(_toml(words))
    if path.exists():
        above = path.read_text(encoding="utf-8").split("\n[network]")[0].rstrip()
    parameters = sum(weight.numel() for weight in network.parameters())
    lines = [above, "", "[network]", *_toml({"parameters": parameters})]
    for stage in stages:
        lines += ["", "[[training]]", *_toml(stage)]
    write(str(path), ("\n".join(lines) + "\n").encode())


def _toml(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]
