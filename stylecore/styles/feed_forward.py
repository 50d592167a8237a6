"""One network, one style: the feed-forward network of Johnson et al. (2016, arXiv:1603.08155), with instance norm.

The shapes and the names of its tensors are those of the network that pytorch/examples made common, so its published
checkpoints are tensors of this family as they are. Departures from the paper, all of them that network's too: instance
normalisation for batch normalisation (Ulyanov et al., 2016, arXiv:1607.08022), nearest-neighbour enlargement and a
convolution for transposed ones, mirrored borders, and 0..255 in and out with nothing that keeps the output in range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.styles.base import AROUND_THE_MODEL, STROKE, Family, StyleModel, StyleSource
from stylecore.styles.network import whole_numbers
from stylecore.styles.single import load_single
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="feed-forward",
    title="one style in a feed-forward network",
    paper="Johnson et al., 2016, arXiv:1603.08155",
    controls=AROUND_THE_MODEL | {STROKE},
    exact_when_tiled=False,
)
STRIDE_PX = 4
LEVELS = 255.0
"""What the network calls white."""
_EPSILON = 1e-5
_BOUNDS = {"channels": (1, 128), "blocks": (1, 16)}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The channels at full resolution (twice and four times as many below), and the residual blocks."""

    channels: int = 32
    blocks: int = 5

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Architecture:
        return cls(**whole_numbers(described, _BOUNDS))

    def describe(self) -> dict[str, int]:
        return {name: int(getattr(self, name)) for name in _BOUNDS}


class PictureNorm(nn.Module):
    """Instance normalisation with a scale and a shift. As a group norm of one channel a group it is the same function,
    and in channels-last, where convolutions are fastest, several times faster."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.group_norm(x, x.shape[1], self.weight, self.bias, eps=_EPSILON)


class MirroredConv(nn.Module):
    """A convolution that mirrors the picture at its border, on a picture enlarged first where that is asked."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, enlarge: int = 1) -> None:
        super().__init__()
        self.reach, self.enlarge = kernel // 2, enlarge
        self.conv2d = nn.Conv2d(channels_in, channels_out, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.enlarge > 1:
            x = functional.interpolate(x, scale_factor=self.enlarge, mode="nearest")
        return cast(Tensor, self.conv2d(functional.pad(x, [self.reach] * 4, mode="reflect")))


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = MirroredConv(channels, channels, 3), MirroredConv(channels, channels, 3)
        self.in1, self.in2 = PictureNorm(channels), PictureNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.in1(self.conv1(x)))
        return x + cast(Tensor, self.in2(self.conv2(inner)))


class TransformNetwork(nn.Module):
    """0..255 in and, more or less, 0..255 out. Both edges must be multiples of four."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        thin, middle, thick = (architecture.channels * factor for factor in (1, 2, 4))
        self.blocks = architecture.blocks
        self.conv1, self.in1 = MirroredConv(3, thin, 9), PictureNorm(thin)
        self.conv2, self.in2 = MirroredConv(thin, middle, 3, stride=2), PictureNorm(middle)
        self.conv3, self.in3 = MirroredConv(middle, thick, 3, stride=2), PictureNorm(thick)
        for number in range(1, self.blocks + 1):
            self.add_module(f"res{number}", ResidualBlock(thick))
        self.deconv1, self.in4 = MirroredConv(thick, middle, 3, enlarge=2), PictureNorm(middle)
        self.deconv2, self.in5 = MirroredConv(middle, thin, 3, enlarge=2), PictureNorm(thin)
        self.deconv3 = MirroredConv(thin, 3, 9)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.in1(self.conv1(x)))
        x = functional.relu(self.in2(self.conv2(x)))
        x = functional.relu(self.in3(self.conv3(x)))
        for number in range(1, self.blocks + 1):
            x = self.get_submodule(f"res{number}")(x)
        x = functional.relu(self.in4(self.deconv1(x)))
        x = functional.relu(self.in5(self.deconv2(x)))
        return cast(Tensor, self.deconv3(x))


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The one style of a package, whatever float type its tensors are stored in."""
    parsed = Architecture.parse(architecture)
    return load_single(FAMILY, lambda: TransformNetwork(parsed), tensors, styles, paint, STRIDE_PX)


def paint(network: TransformNetwork, pictures: Tensor) -> Tensor:
    """From 0..1 to about 0..1."""
    return cast(Tensor, network(pictures * LEVELS)) / LEVELS
