"""A trained network as what ships: OpenVINO IR and its card. Needs OpenVINO, unlike the training.

    python tools/lite_export.py training/wave.safetensors

Pictures are float32 NCHW RGB in 0..1.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

import openvino as ov
import torch
import torch.nn.functional as F
from lite_checkpoint import Stages, load_checkpoint
from lite_network import HALF, LiteNetwork
from torch import Tensor, nn

from livestyle.files import write_atomically

STYLES = Path("livestyle/stylizers/styles")


class FoldedNetwork(nn.Module):
    """A trained LiteNetwork with its last convolution done at half resolution: same result, faster.

    No tensor of many channels is left at full resolution (640x360: 40 ms become 20 ms in float32).
    """

    def __init__(self, network: LiteNetwork) -> None:
        super().__init__()
        self.network = network
        self.to_picture = fold(network.to_picture)

    def forward(self, picture: Tensor) -> Tensor:
        parts = [self.network.features(picture), F.pixel_unshuffle(picture, 2)]
        return torch.sigmoid(F.pixel_shuffle(self.to_picture(torch.cat(parts, dim=1)), 2))


def fold(conv: nn.Conv2d) -> nn.Conv2d:
    """Rewrite LiteNetwork.to_picture as a 3x3 convolution on half-resolution inputs.

    A 3x3 window around full-resolution pixel 2i or 2i+1 covers the pixels 2i-1 .. 2i+2. Each of
    these four is a fixed mix of the half-resolution pixels i-1, i, i+1: of features by bilinear
    interpolation, of the picture by lying in one of two phases of pixel_unshuffle. So for every
    output phase the two linear steps are one 3x3 kernel; the sums below multiply them out.
    """
    mix = torch.tensor([[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25], [0, 0.25, 0.75]])
    pick = torch.zeros(4, 3, 2)  # of pixels 2i-1 .. 2i+2: half-resolution neighbour, phase
    pick[[0, 1, 2, 3], [0, 1, 1, 2], [1, 0, 1, 0]] = 1
    mix = torch.stack([mix[0:3], mix[1:4]])  # [output phase, tap, neighbour]
    pick = torch.stack([pick[0:3], pick[1:4]])
    weight = conv.weight.detach()
    features, picture = weight[:, :-3], weight[:, -3:]
    # o, c: channels; t, s: taps; p, q: output phases; u, v: input phases; a, b: neighbours.
    features = torch.einsum("octs,pta,qsb->opqcab", features, mix, mix)
    picture = torch.einsum("octs,ptau,qsbv->opqcuvab", picture, pick, pick)
    folded = nn.Conv2d(features.shape[3] + 12, 12, 3, padding=1, padding_mode="replicate")
    with torch.no_grad():
        folded.weight[:, :-12] = features.reshape(12, -1, 3, 3)
        folded.weight[:, -12:] = picture.reshape(12, 12, 3, 3)
        if conv.bias is not None and folded.bias is not None:
            folded.bias.copy_(conv.bias.repeat_interleave(4))
    return folded


def unfold(folded: Tensor, channels: int) -> Tensor:
    """The weight [3, channels, 3, 3] that `fold` made into this one, by least squares."""
    conv = nn.Conv2d(channels, 3, 3, bias=False)
    columns = []
    for unit in torch.eye(channels * 9).reshape(-1, 1, channels, 3, 3):
        conv.weight.data = unit.expand(3, -1, -1, -1)
        columns.append(fold(conv).weight.detach()[:4].flatten())  # the first of three channels
    rows = folded.reshape(3, -1).T
    solution: Tensor = torch.linalg.lstsq(torch.stack(columns, 1), rows).solution
    return solution.T.reshape(3, channels, 3, 3)


def load_exported(network: LiteNetwork, path: Path) -> Stages:
    """Take the weights out of OpenVINO IR that `export` wrote; return the stages from its card."""
    model = ov.Core().read_model(path)
    constants = {
        op.get_friendly_name().removesuffix("_compressed"): torch.tensor(
            op.data, dtype=torch.float32
        )
        for op in model.get_ops()
        if op.get_type_name() == "Constant" and op.get_element_type().is_real()
    }
    weights = {
        name.removeprefix("self.network."): weight
        for name, weight in constants.items()
        if name.startswith("self.network.")
    }
    norms = {"weight": "Reshape", "bias": "Reshape_1"}
    for name, module in network.named_modules():
        if isinstance(module, nn.InstanceNorm2d):
            place = f"__module.network.{name}/aten::instance_norm/"
            weights |= {f"{name}.{of}": constants[place + at].flatten() for of, at in norms.items()}
    weights["to_picture.weight"] = unfold(constants["self.to_picture.weight"], HALF + 3)
    weights["to_picture.bias"] = constants[
        "__module.to_picture/aten::_convolution/Reshape"
    ].flatten()[::4]
    network.load_state_dict(weights)
    stages: Stages = tomllib.loads(path.with_suffix(".toml").read_text())["training"]
    return stages


def export(network: LiteNetwork, path: Path) -> None:
    """Write OpenVINO IR (path and its .bin, half-precision weights) that takes any picture size."""
    example = torch.rand(1, 3, 64, 96)
    folded = FoldedNetwork(network.float().eval())
    difference = (folded(example) - network(example)).abs().max().item()
    if difference > 1e-4:
        raise RuntimeError(f"the folded network differs by {difference:.6f} from the trained one")
    model = ov.convert_model(folded, example_input=example)
    model.reshape({0: ov.PartialShape([1, 3, -1, -1])})
    model.input(0).tensor.set_names({"image"})
    model.output(0).tensor.set_names({"styled"})
    _save(model, path)


def _save(model: ov.Model, path: Path) -> None:
    """Save beside the target and rename, so that no reader ever meets half a file."""
    fresh = path.with_name(f"{path.stem}-fresh.xml")
    ov.save_model(model, fresh, compress_to_fp16=True)
    fresh.with_suffix(".bin").replace(path.with_suffix(".bin"))
    fresh.replace(path)


def export_checkpoint(checkpoint: Path, folder: Path) -> None:
    """Write the style NAME of NAME.safetensors into a folder: IR and card."""
    network = LiteNetwork()
    stages = load_checkpoint(network, checkpoint)
    export(network, folder / f"{checkpoint.stem}.xml")
    write_card(folder / f"{checkpoint.stem}.toml", network, stages)


def write_card(path: Path, network: LiteNetwork, stages: Stages) -> None:
    """Replace the card's [network] and [[training]] tables; what people wrote above them stays."""
    words = path.read_text() if path.exists() else f'name = "{path.stem}"\n'
    tables = {"parameters": sum(weight.numel() for weight in network.parameters())}
    lines = [words.split("\n[network]")[0].rstrip(), "", "[network]", *_toml(tables)]
    for stage in stages:
        lines += ["", "[[training]]", *_toml(stage)]
    write_atomically(str(path), ("\n".join(lines) + "\n").encode())


def _toml(table: Mapping[str, object]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write trained networks as bundled styles.")
    parser.add_argument("checkpoints", type=Path, nargs="+", help="NAME.safetensors")
    parser.add_argument("--output", type=Path, default=STYLES)
    args = parser.parse_args()
    for checkpoint in args.checkpoints:
        export_checkpoint(checkpoint, args.output)


if __name__ == "__main__":
    main()
