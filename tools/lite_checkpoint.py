"""A lite network as it is between two trainings: its weights and how it came by them."""

from __future__ import annotations

import json
from pathlib import Path

from lite_network import LiteNetwork
from safetensors import safe_open
from safetensors.torch import load_file, save

from livestyle.files import write_atomically

Stages = list[dict[str, object]]
"""The trainings that led to a network, oldest first, as its card says them."""


def load_checkpoint(network: LiteNetwork, path: Path) -> Stages:
    """Load the weights; return the training stages that led to them."""
    network.load_state_dict(load_file(path))
    with safe_open(path, "pt") as file:
        stages: Stages = json.loads(file.metadata()["stages"])
    return stages


def save_checkpoint(network: LiteNetwork, path: Path, stages: Stages) -> None:
    """Whole or not at all, whenever the training is ended. Raises OSError."""
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(str(path), save(weights, {"stages": json.dumps(stages)}))
