"""One network, many styles: conditional instance normalisation (Dumoulin et al., 2017, arXiv:1610.07629).

The convolutions are shared; a style is only the scales and shifts of the normalisations and a bias on the colours.
Departures from the paper, all of them for a small CPU: the network works on ``pixel_unshuffle(2)`` input and hands its
last layers to ``pixel_shuffle(2)``, so nothing but one 3x3 convolution runs at full resolution; residual blocks have 64
channels; and that last convolution starts as a blur, which keeps the shuffle from leaving a grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import StyleError
from stylecore.styles.base import AROUND_THE_MODEL, BLEND, STROKE, Family, StyleModel, StyleSource
from stylecore.styles.mixed import MixedStyle, Way
from stylecore.styles.network import REPACK, SharedNetwork, whole_numbers
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="conditional-instance-norm",
    title="many styles in one feed-forward network",
    paper="Dumoulin et al., 2017, arXiv:1610.07629",
    controls=AROUND_THE_MODEL | {BLEND, STROKE},
    exact_when_tiled=False,
)
STRIDE_PX = 4
_EPSILON = 1e-5
_BOUNDS = {"stem_channels": (4, 128), "trunk_channels": (4, 256), "blocks": (1, 16), "styles": (1, 256)}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The four numbers that fix every shape in the network."""

    stem_channels: int = 32
    trunk_channels: int = 64
    blocks: int = 5
    styles: int = 1

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Architecture:
        return cls(**whole_numbers(described, _BOUNDS))

    def describe(self) -> dict[str, int]:
        return {name: int(getattr(self, name)) for name in _BOUNDS}


class ConditionalNorm(nn.Module):
    """Instance normalisation whose scale and shift are chosen by the style."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = _mixed(self.scale, style), _mixed(self.shift, style)
        if scale.dim() == 1:
            # One mixture for the whole batch: the same function as below, as a group norm of one channel a group. In
            # channels-last, where convolutions are fastest, it is several times faster than instance norm.
            return functional.group_norm(x, x.shape[1], scale, shift, eps=_EPSILON)
        normal = functional.instance_norm(x, eps=_EPSILON)
        return normal * scale[..., None, None] + shift[..., None, None]


class ReflectConv(nn.Module):
    """A convolution without bias (the normalisation after it has one) that mirrors the picture at its border."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.reach = stride, kernel // 2
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, [self.reach] * 4, mode="reflect")
        return functional.conv2d(padded, self.weight, stride=self.stride)


class ResidualBlock(nn.Module):
    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = ReflectConv(channels, channels, 3), ReflectConv(channels, channels, 3)
        self.norm1, self.norm2 = ConditionalNorm(styles, channels), ConditionalNorm(styles, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(x), style))
        return x + cast(Tensor, self.norm2(self.conv2(inner), style))


class ConditionalNetwork(nn.Module):
    """The shared network. ``style`` is one index for each picture (training), one weight for each style, the same for
    all pictures (rendering), or a row of such weights for each picture."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        stem, trunk, styles = architecture.stem_channels, architecture.trunk_channels, architecture.styles
        self.stem, self.stem_norm = ReflectConv(12, stem, 5), ConditionalNorm(styles, stem)
        self.down, self.down_norm = ReflectConv(stem, trunk, 3, stride=2), ConditionalNorm(styles, trunk)
        self.blocks = nn.ModuleList(ResidualBlock(styles, trunk) for _ in range(architecture.blocks))
        self.up, self.up_norm = ReflectConv(trunk, stem, 3), ConditionalNorm(styles, stem)
        self.subpixels, self.rgb = ReflectConv(stem, 12, 5), ReflectConv(3, 3, 3)
        self.colour = nn.Parameter(torch.zeros(styles, 3))
        with torch.no_grad():
            self.subpixels.weight.mul_(0.5)
            self.rgb.weight.copy_(blur_kernel())

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(x, style))

    def logits(self, x: Tensor, style: Tensor) -> Tensor:
        """The picture before it is squeezed into 0..1."""
        x = functional.pixel_unshuffle(x * 2 - 1, 2)
        x = functional.relu(self.stem_norm(self.stem(x), style))
        x = functional.relu(self.down_norm(self.down(x), style))
        for block in self.blocks:
            x = block(x, style)
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = functional.relu(self.up_norm(self.up(x), style))
        x = functional.pixel_shuffle(self.subpixels(x), 2)
        return cast(Tensor, self.rgb(x)) + _mixed(self.colour, style)[..., None, None]


def _mixed(rows: Tensor, style: Tensor) -> Tensor:
    """The rows of the chosen styles, or a mixture of all rows: one for each picture, or one for all of them."""
    return style @ rows if style.is_floating_point() else rows[style]


def even_phases(subpixels: Tensor) -> Tensor:
    """The weights before a ``pixel_shuffle(2)`` with which flat features give a flat picture: no grid of two pixels.

    The four places of each colour get the same sum of weights for each feature. Training learns them apart, by chance.
    """
    places = subpixels.view(-1, 4, *subpixels.shape[1:])
    sums = places.sum((3, 4), keepdim=True)
    return torch.flatten(places + (sums.mean(1, keepdim=True) - sums) / subpixels[0, 0].numel(), 0, 1)


def blur_kernel() -> Tensor:
    """Each colour from itself alone, through the binomial 3x3 blur."""
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    return torch.eye(3)[:, :, None, None] * torch.outer(line, line)


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The styles of one package, whatever float type its tensors are stored in."""
    parsed = Architecture.parse(architecture)
    network = SharedNetwork(lambda: ConditionalNetwork(parsed), tensors)
    return [MixedStyle(_WAY, network, _only(source, parsed), source.name, source.reference) for source in styles]


def _only(source: StyleSource, architecture: Architecture) -> Tensor:
    """All of the weight on one style."""
    if not 0 <= source.index < architecture.styles:
        raise StyleError(
            f"style {source.name!r} at index {source.index}", f"an index from 0 to {architecture.styles - 1}", REPACK
        )
    return functional.one_hot(torch.tensor(source.index), architecture.styles).float()


def _paint(network: ConditionalNetwork, pictures: Tensor, mixture: Tensor) -> Tensor:
    return cast(Tensor, network(pictures, mixture.to(pictures.device)))


def _mix(mixture: Tensor, others: Sequence[tuple[Tensor, float]]) -> Tensor:
    """The weights of all styles; scales and shifts are linear in them."""
    mixed = mixture * (1 - sum(weight for _, weight in others))
    for other, weight in others:
        mixed = mixed + weight * other
    return mixed


_WAY = Way(FAMILY, _paint, _mix, STRIDE_PX)
