"""UNet: the denoising network of SDXL and Stable Diffusion, for inference at batch 1.

The same function as diffusers' UNet2DConditionModel, from the same weights, laid out for speed:
what depends on the prompt and the timestep alone is computed once by the Conditioner and comes in
as two tensors; queries, keys and values of self-attention are one product; pictures are
channels-last, so that tokens are a view of them (but CUDA's GroupNorm, where nothing is compiled,
gives channels-first, and what comes after it copies).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from livestyle.errors import ModelError

Part = TypeVar("Part", bound=nn.Module)

_GROUPS = 32
_NORM_EPS = 1e-5
_TRANSFORMER_NORM_EPS = 1e-6

# What diffusers' config.json may say of the parts that are built in one way here.
_FIXED: dict[str, tuple[Any, ...]] = {
    "act_fn": ("silu",),
    "addition_embed_type": (None, "text_time"),
    "attention_type": (None, "default"),
    "center_input_sample": (False,),
    "class_embed_type": (None,),
    "conv_in_kernel": (3,),
    "conv_out_kernel": (3,),
    "cross_attention_norm": (None,),
    "downsample_padding": (1,),
    "dropout": (0, 0.0),
    "dual_cross_attention": (False,),
    "encoder_hid_dim": (None,),
    "encoder_hid_dim_type": (None,),
    "flip_sin_to_cos": (True,),
    "freq_shift": (0,),
    "mid_block_scale_factor": (1,),
    "mid_block_type": ("UNetMidBlock2DCrossAttn",),
    "norm_eps": (_NORM_EPS,),
    "norm_num_groups": (_GROUPS,),
    "num_class_embeds": (None,),
    "only_cross_attention": (False,),
    "resnet_out_scale_factor": (1.0,),
    "resnet_skip_time_act": (False,),
    "resnet_time_scale_shift": ("default",),
    "reverse_transformer_layers_per_block": (None,),
    "time_cond_proj_dim": (None,),
    "time_embedding_act_fn": (None,),
    "time_embedding_dim": (None,),
    "time_embedding_type": ("positional",),
    "timestep_post_act": (None,),
}
_LEVELS = {"DownBlock2D": False, "CrossAttnDownBlock2D": True}
_UP_LEVELS = {"UpBlock2D": False, "CrossAttnUpBlock2D": True}


@dataclass(frozen=True)
class Shape:
    """The network's structure; its widths are those of the weights.

    Of each level, from the outside in: `depths`, transformer blocks after each resnet, 0 for none;
    `heads` of their attention. `layers`: resnets a level on the way in; one more on the way out.
    """

    depths: tuple[int, ...]
    heads: tuple[int, ...]
    layers: int
    middle_depth: int
    time_width: int  # of the sine waves that encode a timestep
    size_width: int  # of those that encode each of SDXL's six numbers; 0: there are none

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Shape:
        """Of diffusers' config.json. Raises ModelError for what is not built here."""
        for key, allowed in _FIXED.items():
            if config.get(key, allowed[0]) not in allowed:
                raise ModelError(
                    f"the UNet's {key} is {config[key]!r}, not {allowed[-1]!r}; run it with "
                    "--unet diffusers"
                )
        downs = [_LEVELS.get(kind) for kind in config["down_block_types"]]
        ups = [_UP_LEVELS.get(kind) for kind in reversed(config["up_block_types"])]
        if None in downs or downs != ups:
            kinds = [*config["down_block_types"], *config["up_block_types"]]
            raise ModelError(
                f"the UNet's blocks are {', '.join(kinds)}; run it with --unet diffusers"
            )
        count = len(downs)
        depths = _each(config.get("transformer_layers_per_block", 1), count)
        heads = config.get("num_attention_heads") or config.get("attention_head_dim", 8)
        return cls(
            depths=tuple(depth if has else 0 for depth, has in zip(depths, downs, strict=True)),
            heads=_each(heads, count),
            layers=config.get("layers_per_block", 2),
            middle_depth=depths[-1],
            time_width=config["block_out_channels"][0],
            size_width=config.get("addition_time_embed_dim") or 0,
        )


def _each(value: int | list[int] | tuple[int, ...], count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


class Weights:
    """Tensors by diffusers' names, each to be taken exactly once."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._left = dict(tensors)

    def take(self, name: str) -> Tensor:
        """The tensor; it can't be taken again. Raises ModelError where it isn't."""
        if name not in self._left:
            raise ModelError(f"the UNet's weights lack {name!r}; get the model again")
        return self._left.pop(name)

    def has(self, name: str) -> bool:
        """Whether it is there and has not been taken."""
        return name in self._left

    def finish(self) -> None:
        """Raise ModelError when any was not taken."""
        if self._left:
            raise ModelError(
                f"the UNet's weights have {next(iter(self._left))!r} and {len(self._left) - 1} "
                "more that have no place in it; run it with --unet diffusers"
            )

    def linear(self, *names: str) -> nn.Linear:
        """One layer of the layers named (or convolutions of 1x1): their outputs side by side."""
        weight = _joined([self.take(f"{name}.weight").flatten(1) for name in names])
        has_bias = self.has(f"{names[0]}.bias")
        layer = nn.Linear(weight.shape[1], weight.shape[0], has_bias, device="meta")
        layer.weight = _fixed(weight)
        if has_bias:
            layer.bias = _fixed(_joined([self.take(f"{name}.bias") for name in names]))
        return layer

    def conv(self, name: str, stride: int = 1) -> nn.Conv2d:
        """A convolution that keeps the size, or with a stride divides it."""
        weight = self.take(f"{name}.weight")
        outputs, inputs, size, _ = weight.shape
        layer = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, device="meta")
        layer.weight, layer.bias = _fixed(weight), _fixed(self.take(f"{name}.bias"))
        return layer

    def group_norm(self, name: str, eps: float) -> nn.GroupNorm:
        """A normalisation of groups of channels."""
        weight = self.take(f"{name}.weight")
        layer = nn.GroupNorm(_GROUPS, len(weight), eps, device="meta")
        layer.weight, layer.bias = _fixed(weight), _fixed(self.take(f"{name}.bias"))
        return layer

    def layer_norm(self, name: str) -> nn.LayerNorm:
        """A normalisation of each token."""
        weight = self.take(f"{name}.weight")
        layer = nn.LayerNorm(len(weight), _NORM_EPS, device="meta")
        layer.weight, layer.bias = _fixed(weight), _fixed(self.take(f"{name}.bias"))
        return layer


def _joined(tensors: list[Tensor]) -> Tensor:
    """One after the other; a single one as it is, for a copy of it would be there twice."""
    return torch.cat(tensors) if len(tensors) > 1 else tensors[0]


def _fixed(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach(), requires_grad=False)


def load_unet(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Conditioner, UNet]:
    """Both parts of a network, of diffusers' config.json and tensors. Every tensor is used once.

    Raises ModelError: another structure, a tensor that lacks or is left over.
    """
    shape, weights = Shape.from_config(config), Weights(tensors)
    unet = UNet(shape, weights)
    conditioner = Conditioner.of(shape, weights, unet)
    weights.finish()
    return conditioner, unet


@dataclass(frozen=True)
class Layout:
    """What a Conditioner must know of its UNet, beside its own weights.

    attentions: (heads, width of each) of every transformer block, in the order in which they run.
    """

    time_width: int
    size_width: int
    attentions: Sequence[tuple[int, int]]


class Conditioner(nn.Module):
    """What the prompt and the timestep come to, for every layer at once; run when they change."""

    time_in: nn.Linear
    time_out: nn.Linear
    added_in: nn.Linear  # of SDXL alone, as the next one
    added_out: nn.Linear
    shifts: nn.Linear
    keys_values: nn.Linear

    def __init__(
        self, layout: Layout, weights: Weights, names: Mapping[str, Sequence[str]]
    ) -> None:
        """names: of the layers that each of its own is made of."""
        super().__init__()
        self.layout = layout
        for part, layers in names.items():
            self.add_module(part, weights.linear(*layers))
        self._dtype = self.time_in.weight.dtype

    @classmethod
    def of(cls, shape: Shape, weights: Weights, unet: UNet) -> Conditioner:
        """That of a UNet, of the weights that the UNet has left over."""
        resnets, blocks = unet.parts(Resnet), unet.parts(TransformerBlock)
        names = {"time_in": ["time_embedding.linear_1"], "time_out": ["time_embedding.linear_2"]}
        if shape.size_width:
            names |= {"added_in": ["add_embedding.linear_1"]}
            names |= {"added_out": ["add_embedding.linear_2"]}
        names["shifts"] = [f"{resnet.name}.time_emb_proj" for resnet in resnets]
        names["keys_values"] = [
            f"{block.name}.attn2.{part}" for block in blocks for part in ("to_k", "to_v")
        ]
        attentions = tuple((block.heads, block.width // block.heads) for block in blocks)
        return cls(Layout(shape.time_width, shape.size_width, attentions), weights, names)

    @classmethod
    def restored(cls, layout: Layout, state: Mapping[str, Tensor]) -> Conditioner:
        """That whose `state_dict` this was. Raises ModelError where a tensor lacks."""
        parts = dict.fromkeys(name.partition(".")[0] for name in state)
        return cls(layout, Weights(state), {part: [part] for part in parts})

    def shift(self, timestep: Tensor, pooled: Tensor | None, time_ids: Tensor | None) -> Tensor:
        """What every resnet adds to its channels, in a row: [1, sum of their widths].

        timestep: [1]. pooled: [1, P] and time_ids: [1, 6], for SDXL alone.
        """
        dtype = self._dtype
        waves = sine_waves(timestep, self.layout.time_width).to(dtype)
        embedding = self.time_out(F.silu(self.time_in(waves)))
        if pooled is not None and time_ids is not None:
            sizes = sine_waves(time_ids.flatten(), self.layout.size_width).reshape(1, -1)
            added = torch.cat([pooled.to(dtype), sizes.to(dtype)], dim=1)
            embedding = embedding + self.added_out(F.silu(self.added_in(added)))
        result: Tensor = self.shifts(F.silu(embedding))
        return result

    def key_value(self, context: Tensor) -> Tensor:
        """Keys and values of every cross-attention, in a row: each [2, heads, tokens, width].

        context: [1, tokens, C].
        """
        sizes = [2 * heads * width for heads, width in self.layout.attentions]
        parts: Sequence[Tensor] = torch.split(self.keys_values(context)[0], sizes, dim=1)
        return torch.cat(
            [
                part.reshape(-1, 2, heads, width).permute(1, 2, 0, 3).flatten()
                for part, (heads, width) in zip(parts, self.layout.attentions, strict=True)
            ]
        )


def sine_waves(numbers: Tensor, width: int) -> Tensor:
    """Numbers [N] as waves of falling frequency, cosines first: [N, width] in float32.

    The encoding of "Attention Is All You Need" (Vaswani et al. 2017), section 3.5.
    """
    half = width // 2
    steps = torch.arange(half, dtype=torch.float32, device=numbers.device)
    phases = numbers[:, None].float() * torch.exp(-math.log(10000) * steps / half)
    return torch.cat([phases.cos(), phases.sin()], dim=1)


class Resnet(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        self.name = name
        self.norm_in = weights.group_norm(f"{name}.norm1", _NORM_EPS)
        self.conv_in = weights.conv(f"{name}.conv1")
        self.norm_out = weights.group_norm(f"{name}.norm2", _NORM_EPS)
        self.conv_out = weights.conv(f"{name}.conv2")
        has_shortcut = weights.has(f"{name}.conv_shortcut.weight")
        self.shortcut = weights.conv(f"{name}.conv_shortcut") if has_shortcut else nn.Identity()
        self.width = self.conv_in.out_channels

    def forward(self, x: Tensor, shift: Tensor) -> Tensor:
        """x: [1, C, H, W]. shift: [1, width, 1, 1]. Returns [1, width, H, W]."""
        hidden = self.conv_in(F.silu(self.norm_in(x))) + shift
        result: Tensor = self.shortcut(x) + self.conv_out(F.silu(self.norm_out(hidden)))
        return result


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention to the prompt, feed-forward."""

    def __init__(self, weights: Weights, name: str, heads: int) -> None:
        super().__init__()
        self.name, self.heads = name, heads
        self.norm_self = weights.layer_norm(f"{name}.norm1")
        parts = ("to_q", "to_k", "to_v")
        self.query_key_value = weights.linear(*(f"{name}.attn1.{part}" for part in parts))
        self.self_out = weights.linear(f"{name}.attn1.to_out.0")
        self.norm_cross = weights.layer_norm(f"{name}.norm2")
        self.query = weights.linear(f"{name}.attn2.to_q")
        self.width = self.query.out_features
        self.cross_out = weights.linear(f"{name}.attn2.to_out.0")
        self.norm_feed = weights.layer_norm(f"{name}.norm3")
        self.feed_in = weights.linear(f"{name}.ff.net.0.proj")
        self.feed_out = weights.linear(f"{name}.ff.net.2")

    def forward(self, x: Tensor, key_value: Tensor) -> Tensor:
        """x: [1, tokens, D]. key_value: of the prompt, [2, heads, its tokens, D / heads]."""
        heads = self.heads
        both = self.query_key_value(self.norm_self(x)).unflatten(2, (3, heads, -1))
        query, key, value = both.permute(2, 0, 3, 1, 4)
        x = x + self.self_out(_attend(query, key, value))
        query = self.query(self.norm_cross(x)).unflatten(2, (heads, -1)).transpose(1, 2)
        x = x + self.cross_out(_attend(query, key_value[:1], key_value[1:]))
        hidden, gate = self.feed_in(self.norm_feed(x)).chunk(2, dim=2)
        result: Tensor = x + self.feed_out(hidden * F.gelu(gate))
        return result


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[1, heads, tokens, width] each -> [1, tokens, heads * width]."""
    attended = F.scaled_dot_product_attention(query, key, value)
    return attended.transpose(1, 2).flatten(2)


class Transformer(nn.Module):
    """Transformer blocks on the pixels of a picture, beside a shortcut."""

    def __init__(self, weights: Weights, name: str, depth: int, heads: int) -> None:
        super().__init__()
        self.norm = weights.group_norm(f"{name}.norm", _TRANSFORMER_NORM_EPS)
        self.project_in = weights.linear(f"{name}.proj_in")
        self.blocks = nn.ModuleList(
            TransformerBlock(weights, f"{name}.transformer_blocks.{number}", heads)
            for number in range(depth)
        )
        self.project_out = weights.linear(f"{name}.proj_out")

    def forward(self, x: Tensor, keys_values: Sequence[Tensor]) -> Tensor:
        """x: [1, C, H, W]. keys_values: of each block."""
        # contiguous: where GroupNorm gives channels-first, one copy is less than what follows it
        tokens = self.project_in(self.norm(x).permute(0, 2, 3, 1).flatten(1, 2).contiguous())
        for block, key_value in zip(self.blocks, keys_values, strict=True):
            tokens = block(tokens, key_value)
        pixels = self.project_out(tokens).unflatten(1, x.shape[2:])
        result: Tensor = pixels.permute(0, 3, 1, 2) + x
        return result


class Level(nn.Module):
    """Resnets and transformers at one size of the picture, and the change to the next size."""

    def __init__(self, weights: Weights, name: str, layers: int, depth: int, heads: int) -> None:
        super().__init__()
        self.depth = depth
        self.resnets = nn.ModuleList(
            Resnet(weights, f"{name}.resnets.{layer}") for layer in range(layers)
        )
        self.transformers = nn.ModuleList(
            Transformer(weights, f"{name}.attentions.{layer}", depth, heads)
            for layer in range(layers if depth else 0)
        )

    def step(self, number: int, x: Tensor, given: Given) -> Tensor:
        """A resnet and its transformer, where there is one."""
        x = self.resnets[number](x, next(given.shifts))
        if self.transformers:
            x = self.transformers[number](x, given.take(self.depth))
        return x


class Down(Level):
    """A level on the way in: at its end the picture is halved, but for the innermost."""

    def __init__(self, weights: Weights, name: str, layers: int, depth: int, heads: int) -> None:
        super().__init__(weights, name, layers, depth, heads)
        halves = weights.has(f"{name}.downsamplers.0.conv.weight")
        self.halve = weights.conv(f"{name}.downsamplers.0.conv", stride=2) if halves else None

    def forward(self, x: Tensor, given: Given) -> list[Tensor]:
        """What came of each step; the last one goes on."""
        passed = []
        for number in range(len(self.resnets)):
            x = self.step(number, x, given)
            passed.append(x)
        if self.halve is not None:
            passed.append(self.halve(x))
        return passed


class Middle(nn.Module):
    """Resnet, transformer, resnet at the smallest size."""

    def __init__(self, weights: Weights, name: str, depth: int, heads: int) -> None:
        super().__init__()
        self.resnet_in = Resnet(weights, f"{name}.resnets.0")
        self.transformer = Transformer(weights, f"{name}.attentions.0", depth, heads)
        self.resnet_out = Resnet(weights, f"{name}.resnets.1")

    def forward(self, x: Tensor, given: Given) -> Tensor:
        """x: [1, C, H, W]."""
        x = self.resnet_in(x, next(given.shifts))
        x = self.transformer(x, given.take(len(self.transformer.blocks)))
        result: Tensor = self.resnet_out(x, next(given.shifts))
        return result


class Up(Level):
    """A level on the way out: each step sees what passed on the way in, then the picture grows."""

    def __init__(self, weights: Weights, name: str, layers: int, depth: int, heads: int) -> None:
        super().__init__(weights, name, layers, depth, heads)
        grows = weights.has(f"{name}.upsamplers.0.conv.weight")
        self.grow = weights.conv(f"{name}.upsamplers.0.conv") if grows else None

    def forward(self, x: Tensor, passed: list[Tensor], given: Given) -> Tensor:
        """passed: on the way in; taken from its end."""
        for number in range(len(self.resnets)):
            x = self.step(number, torch.cat([x, passed.pop()], dim=1), given)
        if self.grow is not None:
            x = self.grow(F.interpolate(x, size=passed[-1].shape[2:]))
        return x


@dataclass(frozen=True)
class Given:
    """What the layers take of the conditions, one after the other as they run."""

    shifts: Iterator[Tensor]  # one for each Resnet: [1, width, 1, 1]
    keys_values: Iterator[Tensor]  # one for each TransformerBlock: [2, heads, tokens, width]

    def take(self, blocks: int) -> tuple[Tensor, ...]:
        """Keys and values of so many blocks."""
        return tuple(itertools.islice(self.keys_values, blocks))


class UNet(nn.Module):
    """The part that runs for every frame."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        super().__init__()
        levels = list(enumerate(zip(shape.depths, shape.heads, strict=True)))
        self.conv_in = weights.conv("conv_in")
        self.downs = nn.ModuleList(
            Down(weights, f"down_blocks.{level}", shape.layers, depth, heads)
            for level, (depth, heads) in levels
        )
        self.middle = Middle(weights, "mid_block", shape.middle_depth, shape.heads[-1])
        self.ups = nn.ModuleList(
            Up(weights, f"up_blocks.{len(levels) - 1 - level}", shape.layers + 1, depth, heads)
            for level, (depth, heads) in reversed(levels)
        )
        self.norm_out = weights.group_norm("conv_norm_out", _NORM_EPS)
        self.conv_out = weights.conv("conv_out")
        self._shift_widths = [resnet.width for resnet in self.parts(Resnet)]
        self._attentions = [(block.heads, block.width) for block in self.parts(TransformerBlock)]

    def parts(self, kind: type[Part]) -> list[Part]:
        """All of a kind, in the order in which they run."""
        return [part for part in self.modules() if isinstance(part, kind)]

    def forward(self, x: Tensor, shift: Tensor, key_value: Tensor) -> Tensor:
        """The noise in the latents x, [1, 4, h, w].

        shift, key_value: as Conditioner makes them.
        """
        given = Given(self._shifts(shift), self._keys_values(key_value))
        x = self.conv_in(x)
        passed = [x]
        for down in self.downs:
            passed += down(passed[-1], given)
        x = self.middle(passed[-1], given)
        for up in self.ups:
            x = up(x, passed, given)
        result: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return result

    def _shifts(self, shift: Tensor) -> Iterator[Tensor]:
        return _pieces(shift[:, :, None, None], 1, self._shift_widths)

    def _keys_values(self, key_value: Tensor) -> Iterator[Tensor]:
        tokens = key_value.shape[0] // (2 * sum(width for _, width in self._attentions))
        parts = _pieces(key_value, 0, [2 * tokens * width for _, width in self._attentions])
        return (
            part.view(2, heads, tokens, width // heads)
            for part, (heads, width) in zip(parts, self._attentions, strict=True)
        )


def _pieces(row: Tensor, dim: int, widths: Sequence[int]) -> Iterator[Tensor]:
    """Views of a tensor, one beside the other. Not `split`: ONNX would get a list of the widths,
    which as a long tensor is kept outside of the graph, where shapes can't be read from it."""
    starts = itertools.accumulate(widths, initial=0)
    return (row.narrow(dim, start, width) for start, width in zip(starts, widths, strict=False))
