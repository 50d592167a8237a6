"""Any style from one example picture: the scales and shifts of all normalisations are read off the picture.

Huang & Belongie, 2017 (arXiv:1703.06868) hand the style's own feature means and spreads to the normalisation. Ours
are *predicted* from them, as Ghiasi et al., 2017 (arXiv:1705.06830) do: in a network this small that is the difference
between a tint and a texture. Departures from both: the encoder is small and trained along; the prediction is a short
vector ("embedding") that mixes the rows of a conditional network, so trunk and renderer are those of the family of
many styles; and colours are no business of the network at all (``canonical``), so any palette comes through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import StyleError
from stylecore.styles import conditional
from stylecore.styles.base import AROUND_THE_MODEL, BLEND, STROKE, Family, StyleModel, StyleSource
from stylecore.styles.canonical import Colours, canonical, coloured, colours_of
from stylecore.styles.conditional import ConditionalNetwork
from stylecore.styles.encoder import MARGIN_PX, Encoder, seen_reference, statistics_count, statistics_of
from stylecore.styles.mixed import MixedStyle, Way
from stylecore.styles.network import SharedNetwork, whole_numbers
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="adaptive-instance-norm",
    title="any style from an example picture, by predicted normalisation",
    paper="Huang and Belongie, 2017, arXiv:1703.06868; Ghiasi et al., 2017, arXiv:1705.06830",
    controls=AROUND_THE_MODEL | {BLEND, STROKE},
    exact_when_tiled=False,
)
_BOUNDS = {
    "stem_channels": (4, 128),
    "trunk_channels": (4, 256),
    "blocks": (1, 16),
    "embedding": (2, 256),
    "encoder_channels": (4, 64),
    "hidden": (4, 512),
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers that fix every shape in the network."""

    stem_channels: int = 32
    trunk_channels: int = 64
    blocks: int = 5
    embedding: int = 64
    encoder_channels: int = 32
    hidden: int = 128

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Architecture:
        return cls(**whole_numbers(described, _BOUNDS))

    def describe(self) -> dict[str, int]:
        return {name: int(getattr(self, name)) for name in _BOUNDS}

    def trunk(self) -> conditional.Architecture:
        return conditional.Architecture(self.stem_channels, self.trunk_channels, self.blocks, self.embedding)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read off style pictures: the weights of the trunk's rows, N x embedding, and the colours."""

    embedding: Tensor
    colours: Colours

    def to(self, device: torch.device) -> Reading:
        return Reading(self.embedding.to(device), self.colours.to(device))


class AdaptiveNetwork(nn.Module):
    """An encoder that reads a style picture, and the trunk that paints with what was read."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.trunk = ConditionalNetwork(architecture.trunk())
        self.encoder = Encoder(architecture.encoder_channels)
        self.hidden = nn.Linear(statistics_count(self.encoder), architecture.hidden)
        self.embed = nn.Linear(architecture.hidden, architecture.embedding - 1)

    def read(self, style_pictures: Tensor) -> Reading:
        """The first number of an embedding is always one: its row in the trunk is the mean style."""
        colours = colours_of(style_pictures)
        statistics = self.statistics(canonical(style_pictures, colours))
        predicted = self.embed(functional.relu(self.hidden(statistics))).float()
        return Reading(torch.cat([torch.ones_like(predicted[:, :1]), predicted], dim=1), colours)

    def statistics(self, canonical_pictures: Tensor) -> Tensor:
        return statistics_of(canonical_pictures, self.encoder(canonical_pictures))

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """Each picture in the style at the same place of the reading, or all in the only one."""
        embedding = reading.embedding[0] if len(reading.embedding) == 1 else reading.embedding
        return coloured(self.trunk.logits(x, embedding), reading.colours)


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The styles of one package: each is its reference picture, read once here. Their indices mean nothing."""
    parsed = Architecture.parse(architecture)
    network = SharedNetwork(lambda: AdaptiveNetwork(parsed), tensors)
    return [MixedStyle(_WAY, network, _read(network, source), source.name, source.reference) for source in styles]


def _read(network: SharedNetwork[AdaptiveNetwork], source: StyleSource) -> Reading:
    with torch.inference_mode():
        reading = network.on(torch.device("cpu")).read(seen_reference(source.reference))
    if not bool(torch.isfinite(reading.embedding).all()):
        raise StyleError(f"style {source.name!r} reads as numbers that are not finite", "a network that was trained")
    return reading


def _paint(network: AdaptiveNetwork, pictures: Tensor, reading: Reading) -> Tensor:
    return cast(Tensor, network(pictures, reading.to(pictures.device)))


def _mix(reading: Reading, others: Sequence[tuple[Reading, float]]) -> Reading:
    """Scales and shifts are linear in the embedding, so mixing embeddings mixes them."""
    own = 1 - sum(weight for _, weight in others)
    embedding = own * reading.embedding
    for other, weight in others:
        embedding = embedding + weight * other.embedding
    return Reading(embedding, reading.colours.mixed(own, [(other.colours, weight) for other, weight in others]))


_WAY = Way(FAMILY, _paint, _mix, conditional.STRIDE_PX, MARGIN_PX)
