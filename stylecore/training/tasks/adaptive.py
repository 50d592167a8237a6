"""Train the family that reads a style off an example picture: every batch has other styles, from an endless zoo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.styles import conditional
from stylecore.styles.adaptive import FAMILY, AdaptiveNetwork, Architecture
from stylecore.styles.canonical import canonical, colours_of
from stylecore.training.material import Material
from stylecore.training.start import take_over
from stylecore.training.task import Player, Trained
from stylecore.training.zoo_lessons import (
    ZooSettings,
    known_styles,
    lessons_for,
    packed_references,
    started_from,
    stored,
    transfer_losses,
)

SUBPIXELS = "trunk.subpixels.weight"
LOUDNESS = 5.0
"""Embeddings begin that loud, and the rows they mix that much quieter. Adam steps by one size for all weights: so
it moves a style five times as far, and styles part several hundred iterations earlier."""
_ATTUNED_TO = 256
_SECTIONS = 16
_RIDGE = 1e-3
_MEAN_OF_RECTIFIED = 0.4
"""What a rectifier leaves of a number of mean zero and spread one, on average."""


@dataclass(frozen=True, slots=True)
class Settings(ZooSettings):
    """The size of the network, and how it learns."""

    stem_channels: int = 32
    trunk_channels: int = 64
    blocks: int = 5
    embedding: int = 64
    encoder_channels: int = 32
    hidden: int = 128
    learning_rate: float = 1.2e-3

    def architecture(self) -> Architecture:
        return Architecture(**{name: getattr(self, name) for name in Architecture().describe()})


def make(settings: Settings, material: Material) -> AdaptiveTask:
    return AdaptiveTask(settings, material)


class AdaptiveTask:
    """One player. It goes on from its own kind, or begins with the convolutions and styles of a multi-style network."""

    def __init__(self, settings: Settings, material: Material) -> None:
        self._settings, self._material = settings, material
        self._lessons = lessons_for(settings, material)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(material.seed)
            self.network = AdaptiveNetwork(settings.architecture())
            known = known_styles(material, conditional.FAMILY.name)
            sections = [self._lessons.sections_of(style.reference, _SECTIONS) for style in known]
            begin(self.network, without_colours(started_from(material, conditional.FAMILY.name), sections))
            attune(self.network, self._lessons.shown(_ATTUNED_TO), sections)
        take_over(self.network, started_from(material, FAMILY.name))

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("network", self.network, self._settings.learning_rate),)

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        lesson = self._lessons.at(iteration)
        with self._settings.precision():
            rendered = self.network(lesson.content, self.network.read(lesson.seen)).float()
        return self._settings.weighted(transfer_losses(rendered, lesson, self._material.features))

    def trained(self) -> Trained:
        references = packed_references(self._settings, self._material)
        architecture = self._settings.architecture().describe()
        return Trained(FAMILY.name, architecture, stored(self.network, SUBPIXELS), references)


def attune(network: AdaptiveNetwork, pictures: Tensor, known: Sequence[Tensor]) -> None:
    """Where the reading of a style begins: from its statistics *whitened*, as they are spread among these pictures.

    As they come, nearly all of their variance is how light a picture is, and for the first hundreds of iterations the
    network would learn nothing but tints. Styles that the trunk knows already (sections of each) are told from all
    others by ridge regression, and get the rows that ``begin`` gave them.
    """
    with torch.no_grad():
        statistics = _statistics(network, pictures)
        weight = _mixed_at_random(whitening(statistics), len(network.hidden.bias))
        network.hidden.weight.copy_(weight)
        network.hidden.bias.copy_(-weight @ statistics.mean(0))
        nn.init.kaiming_normal_(network.embed.weight, nonlinearity="relu")
        network.embed.weight.mul_(LOUDNESS)
        network.embed.bias.copy_(-network.embed.weight.sum(1) * _MEAN_OF_RECTIFIED)
        if known:
            _recognise(network, pictures, known)


def _statistics(network: AdaptiveNetwork, pictures: Tensor) -> Tensor:
    parts = torch.split(pictures, 8)
    return torch.cat([network.statistics(canonical(part, colours_of(part))) for part in parts]).double()


def whitening(statistics: Tensor) -> Tensor:
    """A row for each principal direction; what hardly varies is not blown up."""
    centred = statistics - statistics.mean(0)
    _, sizes, directions = torch.linalg.svd(centred, full_matrices=False)
    variances = sizes.square() / max(1, len(statistics) - 1)
    spreads: Tensor = (variances + 1e-3 * variances.sum() + 1e-4).sqrt()
    return torch.as_tensor(directions / spreads[:, None])


def _mixed_at_random(rows: Tensor, count: int) -> Tensor:
    mixing = torch.randn(count, len(rows), dtype=rows.dtype)
    return torch.as_tensor(mixing / mixing.norm(dim=1, keepdim=True)) @ rows


def _recognise(network: AdaptiveNetwork, others: Tensor, known: Sequence[Tensor]) -> None:
    read = torch.cat([functional.relu(network.hidden(_statistics(network, each).float())) for each in (*known, others)])
    read = torch.cat([read, torch.ones_like(read[:, :1])], dim=1).double()
    label = torch.cat([torch.full((len(each),), place) for place, each in enumerate((*known, others))])
    wanted = functional.one_hot(label, len(known) + 1)[:, :-1].double()
    strength = _RIDGE * len(read) * torch.eye(read.shape[1], dtype=read.dtype)
    found = torch.linalg.solve(read.T @ read + strength, read.T @ wanted).T[: len(network.embed.bias)]
    network.embed.weight[: len(found)] = LOUDNESS * found[:, :-1].float()
    network.embed.bias[: len(found)] = LOUDNESS * found[:, -1].float()


def begin(network: AdaptiveNetwork, start: Mapping[str, Tensor]) -> None:
    """Where the rows of the trunk begin: small and random, but the first, which every style has whole, as neutral.

    From a trained multi-style network its convolutions are taken over, the first row is the mean of its styles, and the
    next ones are their differences from it.
    """
    spread = 0.3 / network.trunk.architecture.styles**0.5
    with torch.no_grad():
        for name, value in network.trunk.named_parameters():
            if not name.endswith((".scale", ".shift", "colour")):
                value.copy_(start.get(name, value).float())
                continue
            value[1:] = torch.randn(value[1:].shape) * spread
            if name in start:
                own = start[name].float()
                value[0] = own.mean(0)
                value[1 : len(own) + 1] = own - own.mean(0)
            value[1:] /= LOUDNESS


def without_colours(start: Mapping[str, Tensor], known: Sequence[Tensor]) -> dict[str, Tensor]:
    """A multi-style network that paints, as nearly as shared weights allow, without the colours of its styles."""
    if not known:
        return dict(start)
    each = [colours_of(sections) for sections in known]
    middles = torch.stack([colours.middle.mean(0) for colours in each])
    roots = torch.stack([colours.root.mean(0) for colours in each])
    inverse = torch.linalg.inv(roots.mean(0))
    rgb = torch.einsum("op,pijk->oijk", inverse, start["rgb.weight"].float())
    return {**start, "rgb.weight": rgb, "colour": (start["colour"].float() - middles) @ inverse.T}
