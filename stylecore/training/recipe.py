"""What is trained, and how hard each loss pulls: the whole recipe as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from stylecore.styles.conditional import Architecture


@dataclass(frozen=True, slots=True)
class Pull:
    """How hard each loss pulls on one style. Flat graphic styles want more palette, textured ones more structure."""

    style: float = 1.0
    palette: float = 1.0
    content: float = 1.0
    structure: float = 1.0
    tone: float = 0.5
    smoothness: float = 0.3


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Everything that decides the result, so that it can be written beside the result."""

    pulls: Mapping[str, Pull]
    iterations: int = 4200
    crop_px: int = 160
    style_image_px: int = 512
    learning_rate: float = 2e-3
    warm_up: int = 50
    gradient_clip: float = 5.0
    synthetic_share: float = 0.2
    seed: int = 20
    reduced_precision: bool = True
    architecture: Architecture = field(default_factory=Architecture)

    @property
    def style_names(self) -> tuple[str, ...]:
        return tuple(self.pulls)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


BUNDLED = TrainingRecipe(
    pulls={
        "stained-glass": Pull(style=1.3),
        "risograph": Pull(style=1.2, palette=1.5),
        "ink-hatching": Pull(style=1.2, structure=1.5),
        "paper-cut": Pull(style=2.0, palette=2.0, content=0.35, structure=0.6, smoothness=0.6),
    },
    architecture=Architecture(styles=4),
)
