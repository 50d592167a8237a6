"""What a style does to pictures, in numbers: for cards, for bounds, and for knowing when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from stylecore.data import Recipe, Scores
from stylecore.image import Picture
from stylecore.score import Judge, score
from stylecore.styles.base import StyleModel
from stylecore.stylize import stylize

MEASURED = ("ssim_full", "ssim_quarter", "ssim_eighth", "style_gap_closed", "lpips")
BOUNDED = ("ssim_eighth", "style_gap_closed")
_SLACK = 0.9


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over some pictures, and the worst of those that are worth a bound. What could not be measured is left
    out."""

    medians: Mapping[str, float]
    worst: Mapping[str, float]

    def bounds(self) -> dict[str, float]:
        """A little below the worst: what falls below is worth a look."""
        return {name: math.floor(max(0.0, value) * _SLACK * 100) / 100 for name, value in self.worst.items()}


def measured(model: StyleModel, pictures: Sequence[Picture], judge: Judge | None = None) -> Measured:
    judge = judge or Judge()
    scores = [score(each, stylize(model, [each], Recipe())[0], model, judge) for each in pictures]
    known = {name: found for name in MEASURED if (found := _known(scores, name))}
    medians = {name: round(median(found), 4) for name, found in known.items()}
    return Measured(medians, {name: round(min(known[name]), 4) for name in BOUNDED if name in known})


def _known(scores: Sequence[Scores], name: str) -> list[float]:
    return [value for each in scores if (value := each.value(name)) is not None]
