"""What a family offers the training loop. The loop knows nothing of styles; a task knows nothing of loops.

Nothing random is carried from one iteration to the next: whatever a task draws, it draws from (seed, iteration). So a
checkpoint is parameters, the optimiser's moments and a number, and a resumed training goes on bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Player:
    """A network that one optimiser changes. Most tasks have one; an adversarial task has two that take turns."""

    name: str
    network: nn.Module = field(repr=False)
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True, slots=True)
class Trained:
    """What is packed in the end: tensors as they are stored, and the picture that stands for each style."""

    family: str
    architecture: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    references: Mapping[str, Pixels]
    """The reference picture of each style, in the order of the styles' indices."""


class Task(Protocol):
    """One training: its networks, its losses, and what comes out."""

    @property
    def players(self) -> tuple[Player, ...]: ...

    def losses(self, player: str, iteration: int) -> Mapping[str, Tensor]:
        """The losses of one player at one iteration, already weighted; their sum is what is minimised."""
        ...

    def trained(self) -> Trained:
        """What the networks are now, ready to be packed and built by the family's loader."""
        ...
