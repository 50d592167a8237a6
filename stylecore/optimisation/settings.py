"""Everything that decides how a picture is optimised, so that it can be written into the style package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from stylecore.described import checked_settings
from stylecore.optimisation.statistics import STATISTICS

OPTIMISERS = ("adam", "l-bfgs")
STARTS = ("content", "noise", "style-colours")

_CHOICES: Mapping[str, tuple[str, ...]] = {"statistics": tuple(STATISTICS), "optimiser": OPTIMISERS, "start": STARTS}
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "least_edge_px": (64, 512),
    "most_edge_px": (64, 2048),
    "first_steps": (1, 2000),
    "steps": (1, 2000),
    "learning_rate": (1e-4, 0.5),
    "average": (0.0, 0.999),
    **dict.fromkeys(("style", "palette", "content", "structure", "tone", "smoothness"), (0.0, 100.0)),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a picture is optimised, and how hard each loss pulls."""

    statistics: str = "wasserstein"
    optimiser: str = "adam"
    start: str = "content"
    least_edge_px: int = 128
    """The longer edge at the coarsest scale, where the largest forms are settled."""
    most_edge_px: int = 1024
    """The longer edge at the finest scale: it bounds time and memory. Larger pictures get their detail from the
    content afterwards."""
    first_steps: int = 120
    """Steps at the coarsest scale."""
    steps: int = 60
    """Steps at each scale after it."""
    learning_rate: float = 0.03
    average: float = 0.9
    """The share of the past in the running average of the pictures, which is what counts: single steps are noisy."""
    style: float = 10.0
    palette: float = 1.0
    content: float = 1.5
    structure: float = 1.8
    tone: float = 1.0
    smoothness: float = 0.5

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Self:
        """Settings read from a package."""
        return cls(**checked_settings(cls, described, _BOUNDS, _CHOICES))

    def describe(self) -> dict[str, str | int | float]:
        return asdict(self)
