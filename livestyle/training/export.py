"""A trained network as a style: its graph and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from livestyle.errors import LivestyleError
from livestyle.training.card import write_card
from livestyle.training.graph import ranges_of, save_graph, to_graph
from livestyle.training.network import LiteNetwork


def export_style(
    network: LiteNetwork,
    pictures: Tensor,
    stages: Sequence[Mapping[str, Any]],
    path: Path,
    words: Mapping[str, Any],
) -> None:
    """Write path.xml, .bin, and the card .toml, which begins with `words` where there is none yet.

    pictures: [N, 3, H, W], of the kind that it will see. Raises TrainingError where the network's
    statistics are not frozen yet, LivestyleError where it can't be written.
    """
    graph = to_graph(network, ranges_of(network, pictures))
    try:
        save_graph(graph, path.with_suffix(".xml"))
    except (OSError, RuntimeError) as error:  # OpenVINO has an error of its own
        raise LivestyleError(f"cannot write {str(path)!r}: {error}") from error
    write_card(path.with_suffix(".toml"), words, network, stages)
