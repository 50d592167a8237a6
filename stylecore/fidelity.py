"""How near one version of some styles is to another: for weights that were rounded, pruned or distilled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from stylecore.data import Recipe
from stylecore.image import Picture
from stylecore.metrics.psnr import psnr_db
from stylecore.styles.base import StyleModel
from stylecore.stylize import stylize


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Decibels between the pictures of one version and the other, over all styles and pictures."""

    worst_db: float
    median_db: float

    def __str__(self) -> str:
        return f"PSNR {self.median_db:.1f} dB, at worst {self.worst_db:.1f} dB"


def fidelity(ones: Sequence[StyleModel], others: Sequence[StyleModel], pictures: Sequence[Picture]) -> Fidelity:
    ratios = [
        psnr_db(_rendered(one, picture), _rendered(other, picture))
        for one, other in zip(ones, others, strict=True)
        for picture in pictures
    ]
    return Fidelity(min(ratios), median(ratios))


def _rendered(model: StyleModel, picture: Picture) -> Tensor:
    return torch.from_numpy(stylize(model, [picture], Recipe())[0].pixels.copy()).float() / 255
