"""A network as it is between two trainings: its weights, how it came by them, how far it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from livestyle.errors import ModelError
from livestyle.files import write
from livestyle.training.network import LiteNetwork
from livestyle.training.trainer import Reached

_ADAM = "adam."
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
START = Path(__file__).parent / "start.safetensors"
"""A trained network: others are sooner at their style when they begin with it."""


@dataclass
class Checkpoint:
    """stages: the trainings that led to the network, oldest first, as its card says them.

    adam: of the optimizer, by its parameters' places. frozen: whether the statistics are.
    """

    weights: dict[str, torch.Tensor]
    stages: list[dict[str, Any]]
    reached: Reached = Reached()
    adam: dict[int, dict[str, torch.Tensor]] = field(default_factory=dict)
    frozen: bool = False

    def network(self) -> LiteNetwork:
        """A network with these weights."""
        network = LiteNetwork()
        network.load_state_dict(self.weights)
        for norm in network.norms:
            norm.frozen = self.frozen
        return network


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises ModelError for what is none, and for one of another network."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            told = json.loads((file.metadata() or {})["training"])
        adam: dict[int, dict[str, torch.Tensor]] = {}
        for name in [name for name in tensors if name.startswith(_ADAM)]:
            _, place, moment = name.split(".")
            adam.setdefault(int(place), {})[moment] = tensors.pop(name)
        reached = Reached(*told["reached"])
        checkpoint = Checkpoint(tensors, told["stages"], reached, adam, told["frozen"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"cannot read the checkpoint {str(path)!r}: {error}") from error
    if _shapes(tensors) != _shapes(LiteNetwork().state_dict()):
        raise ModelError(
            f"the checkpoint {str(path)!r} is of a network of another version of livestyle; delete "
            "it and train anew, or choose another name"
        )
    return checkpoint


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}


def save_checkpoint(
    path: Path,
    network: LiteNetwork,
    stages: Sequence[dict[str, Any]],
    reached: Reached = Reached(),  # noqa: B008  (it can't change)
    adam: torch.optim.Adam | None = None,
) -> None:
    """Whole or not at all, whenever the training is ended. Raises LivestyleError."""
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    if adam is not None:
        for place, state in adam.state_dict()["state"].items():
            tensors |= {f"{_ADAM}{place}.{part}": state[part].contiguous() for part in _MOMENTS}
    told = {
        "stages": list(stages),
        "reached": reached,
        "frozen": all(norm.frozen for norm in network.norms),
    }
    write(str(path), save(tensors, {"training": json.dumps(told)}))
