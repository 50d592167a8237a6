"""What contrastive unpaired translation (Park et al., 2020, arXiv:2007.15651) needs beside a generator: heads that
project patches, the loss that compares them, and the critic of patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.styles.resnet_generator import normal


class PatchHeads(nn.Module):
    """A small perceptron for each stage of the encoder, and what it makes of patches at given places: unit vectors."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        heads = (nn.Sequential(nn.Linear(each, width), nn.ReLU(), nn.Linear(width, width)) for each in channels)
        self.heads = nn.ModuleList(heads)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
            else:
                nn.init.zeros_(parameter)

    def forward(self, stages: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """For each stage N x places x width."""
        picked = (stage.flatten(2)[:, :, where].transpose(1, 2) for stage, where in zip(stages, places, strict=True))
        return [functional.normalize(head(each), dim=2) for head, each in zip(self.heads, picked, strict=True)]


def places(stages: Sequence[Tensor], count: int, generator: torch.Generator) -> list[Tensor]:
    """Where to look, in each stage: so many places, none twice, or all there are."""
    return [torch.randperm(stage[0, 0].numel(), generator=generator)[:count] for stage in stages]


def patch_nce(found: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Whether each patch is more like the one at its place than like those elsewhere in the same picture.

    N x places x width, unit vectors; one value in all. What is ``wanted`` stands still.
    """
    alike = found @ wanted.detach().transpose(1, 2) / temperature
    own = torch.arange(alike.shape[1]).expand(len(alike), -1)
    return functional.cross_entropy(alike.flatten(0, 1), own.flatten())


class PatchCritic(nn.Module):
    """Whether each patch could be of the wanted kind: Isola et al. (2017, arXiv:1611.07004). Halves by strides, where
    CUT's own blurs first: that sharpens what the critic sees and costs four times as much."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        widths = [3, *(channels * min(2**layer, 8) for layer in range(layers + 1)), 1]
        strides = [2] * layers + [1, 1]
        steps = zip(widths, widths[1:], strides, strict=False)
        self.convs = nn.ModuleList(nn.Conv2d(before, after, 4, stride, 1) for before, after, stride in steps)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
            else:
                nn.init.zeros_(parameter)

    def forward(self, pictures: Tensor) -> Tensor:
        """One value a patch, for pictures of -1..1: 1 is real."""
        first, *middle, last = self.convs
        x = functional.leaky_relu(first(pictures), 0.2)
        for conv in middle:
            x = functional.leaky_relu(normal(conv(x)), 0.2)
        return cast(Tensor, last(x))


def critic_loss(of_real: Tensor, of_made: Tensor) -> Tensor:
    """Least squares (Mao et al., 2017, arXiv:1611.04076): real patches should be 1, made ones 0."""
    return ((of_real - 1).square().mean() + of_made.square().mean()) / 2


def deceit_loss(of_made: Tensor) -> Tensor:
    """What the generator wants: that the critic takes what it made for real."""
    return (of_made - 1).square().mean()
