"""Train the family that attends to an example picture: every batch has other styles, from an endless zoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stylecore.styles import adaptive
from stylecore.styles.attention import FAMILY, Architecture, AttentionNetwork
from stylecore.styles.conditional import even_phases
from stylecore.training.material import Material
from stylecore.training.start import take_over
from stylecore.training.task import Player, Trained
from stylecore.training.zoo_lessons import (
    Lesson,
    ZooLessons,
    packed_references,
    started_from,
    transfer_losses,
    zoo_for,
)

SUBPIXELS = "decoder.subpixels.weight"
_ENCODER = "encoder."


@dataclass(frozen=True, slots=True)
class Settings:
    """The size of the network, what it learns from, and how hard each loss pulls; ``packed`` as for ``adaptive``."""

    encoder_channels: int = 32
    decoder_channels: int = 64
    blocks: int = 3
    packed: tuple[str, ...] = ()
    zoo_pictures: int = 512
    zoo_px: int = 384
    zoo_seed: int = 5
    seen_px: int = 192
    batch: int = 4
    learning_rate: float = 2e-3
    style: float = 8.0
    palette: float = 3.0
    content: float = 1.0
    structure: float = 2.0
    tone: float = 0.5
    smoothness: float = 0.4
    identity: float = 2.0
    reduced_precision: bool = True

    def architecture(self) -> Architecture:
        return Architecture(self.encoder_channels, self.decoder_channels, self.blocks)


def make(settings: Settings, material: Material) -> AttentionTask:
    return AttentionTask(settings, material)


class AttentionTask:
    """One player: the decoder. Begun from a network of the adaptive family, the encoder is that one's and stays as it
    is, as in the papers; begun from nothing, it is trained along."""

    def __init__(self, settings: Settings, material: Material) -> None:
        self._settings, self._material = settings, material
        zoo = zoo_for(material, settings.packed, settings.zoo_seed, settings.zoo_px)
        self._lessons = ZooLessons(zoo, settings.zoo_pictures, material, settings.batch, settings.seen_px)
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
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._settings.reduced_precision):
            rendered = self.network(lesson.content, [(self.network.read(lesson.seen), 1.0)]).float()
        found = transfer_losses(rendered, lesson, self._material.features)
        found["identity"] = self._identity(lesson)
        return {name: getattr(self._settings, name) * loss for name, loss in found.items()}

    def _identity(self, lesson: Lesson) -> Tensor:
        """A picture in its own style is itself (SANet). On one picture a batch, since it costs a pass of its own."""
        own = lesson.content[:1]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._settings.reduced_precision):
            same: Tensor = self.network(own, [(self.network.read(own), 1.0)]).float()
        return (same - own).abs().mean()

    def trained(self) -> Trained:
        whole = {name: value.detach() for name, value in self.network.state_dict().items()}
        whole[SUBPIXELS] = even_phases(whole[SUBPIXELS])
        tensors = {name: value.half().contiguous() for name, value in whole.items()}
        references = packed_references(self._material, self._settings.packed)
        return Trained(FAMILY.name, self._settings.architecture().describe(), tensors, references)


def _encoder_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    own = (name for name in tensors if name.startswith(_ENCODER))
    return {name.removeprefix(_ENCODER): tensors[name] for name in own}
