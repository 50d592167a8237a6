"""Knowing when to stop: a style that has not come through is as useless as one that has eaten the picture.

Judged on pictures that training never sees, by what the models themselves give: the share of the gap to the style that
was closed, and SSIM at an eighth of the size, where a texture does no harm and lost structure does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from stylecore.image import Picture
from stylecore.styles.base import StyleModel
from stylecore.training.measuring import Measured, measured

Verdict = Literal["balanced", "under-stylised", "over-stylised"]
_LEAST_GAIN = 0.002
MAX_PICTURES = 6


@dataclass(frozen=True, slots=True)
class Patience:
    """When to look, how often in vain, and between which bounds a style is worth having."""

    check_every: int = 400
    patience: int = 3
    least_content: float = 0.5
    least_style: float = 0.4
    most_style: float = 0.98

    def verdict(self, content: float, style: float) -> Verdict:
        if style < self.least_style:
            return "under-stylised"
        return "over-stylised" if content < self.least_content or style > self.most_style else "balanced"

    def worth(self, content: float, style: float) -> float:
        """The harmonic mean of both while they are balanced (neither makes up for the other), and below any such by as
        much as a bound is missed."""
        missed = max(self.least_style - style, self.least_content - content, style - self.most_style, 0.0)
        if missed:
            return -missed
        return 2 * content * style / (content + style) if content + style > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the held-out pictures: medians over them of each style, and over the styles."""

    iteration: int
    content: float
    style: float
    verdict: Verdict
    by_style: Mapping[str, Mapping[str, float]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check(iteration: int, models: Sequence[StyleModel], pictures: Sequence[Picture], patience: Patience) -> Check:
    by_style: dict[str, Measured] = {model.name: measured(model, pictures[:MAX_PICTURES]) for model in models}
    content = median(each.medians.get("ssim_eighth", 0.0) for each in by_style.values())
    style = median(each.medians.get("style_gap_closed", 0.0) for each in by_style.values())
    medians = {name: dict(each.medians) for name, each in by_style.items()}
    return Check(iteration, content, style, patience.verdict(content, style), medians)


def best(checks: Sequence[Check], patience: Patience) -> Check | None:
    """The first check that no later one was better than by anything worth waiting for."""
    found: Check | None = None
    for each in checks:
        if found is None or _worth(each, patience) > _worth(found, patience) + _LEAST_GAIN:
            found = each
    return found


def is_over(checks: Sequence[Check], patience: Patience) -> bool:
    """Whether so many checks have gone by without a better one."""
    found = best(checks, patience)
    return found is not None and len(checks) - 1 - list(checks).index(found) >= patience.patience


def _worth(each: Check, patience: Patience) -> float:
    return patience.worth(each.content, each.style)
