"""One style in one feed-forward network: the perceptual losses of Johnson et al. (2016), or our own mixture of losses.

Departures from the paper: the features are SqueezeNet's, each loss is relative to what it is compared with (so that
weights mean the same for every style), and Gram matrices are compared at two scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.errors import StyleError
from stylecore.styles.feed_forward import FAMILY, LEVELS, STRIDE_PX, Architecture, TransformNetwork
from stylecore.training.material import Material, StyleImage
from stylecore.training.start import take_over
from stylecore.training.task import Player, Trained
from stylecore.training.tasks.conditional import LOSSES, StyleMeasure

MIXTURES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "structured": {**LOSSES, "grid": 1.0},
        "perceptual": {**dict.fromkeys(LOSSES, 0.0), "style": 1.0, "content": 1.0, "smoothness": 0.3, "grid": 0.0},
    }
)
"""How hard each loss pulls unless the style says otherwise: our own mixture, and the paper's three."""
_GRID = 5 / 255
_LAST_LAYER = ("deconv3.conv2d.weight", "deconv3.conv2d.bias")


@dataclass(frozen=True, slots=True)
class Settings:
    """The size of the network and how it is trained."""

    channels: int = 32
    blocks: int = 5
    mixture: Literal["structured", "perceptual"] = "structured"
    batch: int = 4
    learning_rate: float = 1e-3
    reduced_precision: bool = True


def make(settings: Settings, material: Material) -> FeedForwardTask:
    return FeedForwardTask(settings, material)


class FeedForwardTask:
    """One player. While it is trained the network gives 0..1, or Adam's first steps would be far too small for 0..255;
    ``trained`` and ``begin_from`` translate, in the last layer alone."""

    def __init__(self, settings: Settings, material: Material) -> None:
        if len(material.styles) != 1:
            raise StyleError(f"{len(material.styles)} styles for a network of one", "one style")
        self._settings, self._material, self._style = settings, material, material.styles[0]
        self._pulls = _pulls(self._style, settings.mixture)
        self._measure = StyleMeasure([self._style] * settings.batch, material.features)
        self._architecture = Architecture(settings.channels, settings.blocks)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(material.seed)
            self.network = TransformNetwork(self._architecture)
        with torch.no_grad():
            self.network.deconv3.conv2d.weight.mul_(0.5)
            self.network.get_parameter("deconv3.conv2d.bias").fill_(0.5)
        if material.start is not None:
            take_over(self.network, _scaled(material.start.tensors, 1 / LEVELS))

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("network", self.network, self._settings.learning_rate),)

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        content = torch.from_numpy(self._material.content.batch(iteration, self._settings.batch))
        draws = torch.Generator().manual_seed(self._material.seed * 1_000_003 + iteration)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._settings.reduced_precision):
            rendered = self.network(content * LEVELS).float()
        found = {**self._measure.losses(rendered, content, draws), "grid": grid_loss(rendered)}
        return {name: value.mean() * self._pulls[name] for name, value in found.items() if self._pulls[name]}

    def trained(self) -> Trained:
        tensors = _scaled(self.network.state_dict(), LEVELS)
        packed = {name: value.detach().half().contiguous() for name, value in tensors.items()}
        return Trained(FAMILY.name, self._architecture.describe(), packed, {self._style.name: self._style.pixels})


def grid_loss(pictures: Tensor) -> Tensor:
    """How far the mean colours of the places within the network's stride are apart: 1 for a spread of five grey levels.

    Enlarging by repeated pixels leaves a grid, which Gram matrices take for a texture; those that were published for
    this network have it too.
    """
    places = functional.pixel_unshuffle(pictures, STRIDE_PX).mean((2, 3)).view(len(pictures), 3, STRIDE_PX**2)
    return places.var(dim=2, correction=0).mean(1) / _GRID**2


def _scaled(tensors: Mapping[str, Tensor], factor: float) -> dict[str, Tensor]:
    return {name: value.float() * factor if name in _LAST_LAYER else value for name, value in tensors.items()}


def _pulls(style: StyleImage, mixture: str) -> dict[str, float]:
    if odd := sorted(set(style.pull) - set(MIXTURES[mixture])):
        raise StyleError(f"a pull {odd[0]!r} on the style {style.name}", f"one of {', '.join(MIXTURES[mixture])}")
    if style.taught_by is not None:
        raise StyleError(f"{style.name} taught by a painter", "a style learnt from its picture", "Leave out taught_by.")
    return {**MIXTURES[mixture], **style.pull}
