"""A smaller student learns from finished styles: it sees what each of them makes of a crop, and imitates that.

Any family can teach. The student is a network of the family that its settings are for (many styles in one network).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from stylecore.features import SqueezeFeatures
from stylecore.styles.base import StyleModel
from stylecore.styles.conditional import FAMILY, Architecture, ConditionalNetwork
from stylecore.training.content import ContentSampler
from stylecore.training.start import take_over
from stylecore.training.task import Player, Trained
from stylecore.training.tasks.conditional import Settings
from stylecore.training.teachers import imitation_loss


class DistilTask:
    """One player. A loss is the distance of one style's student from its teacher."""

    def __init__(
        self,
        settings: Settings,
        teachers: Sequence[StyleModel],
        content: ContentSampler,
        features: SqueezeFeatures,
        seed: int,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        """``start``: tensors to begin with, as pruning leaves them."""
        self._settings, self._teachers = settings, tuple(teachers)
        self._content, self._features = content, features
        self._architecture = Architecture(
            settings.stem_channels, settings.trunk_channels, settings.blocks, len(self._teachers)
        )
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            self.network = ConditionalNetwork(self._architecture)
        take_over(self.network, start or {})

    @property
    def players(self) -> tuple[Player, ...]:
        return (Player("student", self.network, self._settings.learning_rate),)

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        count = len(self._teachers)
        content = torch.from_numpy(self._content.batch(iteration, count))
        lesson = torch.cat([model.render(content[i : i + 1]) for i, model in enumerate(self._teachers)]).clone()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._settings.reduced_precision):
            rendered = self.network(content, torch.arange(count)).float()
        found = imitation_loss(rendered, lesson, self._features) / count
        return {f"{model.name}.imitation": found[i] for i, model in enumerate(self._teachers)}

    def trained(self) -> Trained:
        tensors = {name: value.detach().half().contiguous() for name, value in self.network.state_dict().items()}
        references = {model.name: model.reference for model in self._teachers}
        return Trained(FAMILY.name, self._architecture.describe(), tensors, references)
