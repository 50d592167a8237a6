"""Train the family that attends to an example picture: every batch has other styles, from an endless zoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stylecore.styles import adaptive
from stylecore.styles.attention import FAMILY, Architecture, AttentionNetwork
from stylecore.training.material import Material
from stylecore.training.start import take_over
from stylecore.training.task import Player, Trained
from stylecore.training.zoo_lessons import (
    Lesson,
    ZooSettings,
    lessons_for,
    packed_references,
    started_from,
    stored,
    transfer_losses,
)

SUBPIXELS = "decoder.subpixels.weight"
_ENCODER = "encoder."


@dataclass(frozen=True, slots=True)
class Settings(ZooSettings):
    """The size of the network, and how it learns. ``identity``: how hard a picture's own style pulls it to itself."""

    encoder_channels: int = 32
    decoder_channels: int = 64
    blocks: int = 3
    learning_rate: float = 2e-3
    identity: float = 2.0

    def architecture(self) -> Architecture:
        return Architecture(self.encoder_channels, self.decoder_channels, self.blocks)


def make(settings: Settings, material: Material) -> AttentionTask:
    return AttentionTask(settings, material)


class AttentionTask:
    """One player: the decoder. Begun from a network of the adaptive family, the encoder is that one's and stays as it
    is, as in the papers; begun from nothing, it is trained along."""

    def __init__(self, settings: Settings, material: Material) -> None:
        self._settings, self._material = settings, material
        self._lessons = lessons_for(settings, material)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(material.seed)
            self.network = AttentionNetwork(settings.architecture())
        taken = take_over(self.network, started_from(material, FAMILY.name))
        taken += take_over(self.network.encoder, _encoder_of(started_from(material, adaptive.FAMILY.name)))
        self._trains_encoder = not taken
        self.network.encoder.requires_grad_(self._trains_encoder)

    @property
    def players(self) -> tuple[Player, ...]:
        trained = self.network if self._trains_encoder else self.network.decoder
        return (Player("network", trained, self._settings.learning_rate),)

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        lesson = self._lessons.at(iteration)
        with self._settings.precision():
            rendered = self.network(lesson.content, [(self.network.read(lesson.seen), 1.0)]).float()
        found = transfer_losses(rendered, lesson, self._material.features)
        return self._settings.weighted({**found, "identity": self._identity(lesson)})

    def _identity(self, lesson: Lesson) -> Tensor:
        """A picture in its own style is itself (SANet). On one picture a batch, since it costs a pass of its own."""
        own = lesson.content[:1]
        with self._settings.precision():
            same: Tensor = self.network(own, [(self.network.read(own), 1.0)]).float()
        return (same - own).abs().mean()

    def trained(self) -> Trained:
        references = packed_references(self._settings, self._material)
        architecture = self._settings.architecture().describe()
        return Trained(FAMILY.name, architecture, stored(self.network, SUBPIXELS), references)


def _encoder_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    own = (name for name in tensors if name.startswith(_ENCODER))
    return {name.removeprefix(_ENCODER): tensors[name] for name in own}
