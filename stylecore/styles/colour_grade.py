"""A grade: each colour becomes another, through a lattice of colours (a 3D lookup table), and nothing else happens.

The neighbours are image-adaptive lattices (Zeng et al., 2020, arXiv:2009.14468) and neural presets (Ke et al., 2023,
arXiv:2303.13511). Where we depart from both: the lattice does not look at the picture first. Equal colours stay equal
all over a library, a picture may be cut into tiles, and no edge can move: a letter or a face keeps its shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.lattice import looked_up
from stylecore.styles.base import (
    AROUND_THE_MODEL,
    BLEND,
    PLAIN,
    Brush,
    Family,
    Reference,
    StyleModel,
    StyleSource,
    check_batch,
)
from stylecore.styles.network import REPACK, check_tensors, clean, whole_numbers
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="colour-grade",
    title="a grade: every colour becomes another, no edge moves",
    paper="Zeng et al., 2020, arXiv:2009.14468; Ke et al., 2023, arXiv:2303.13511",
    controls=AROUND_THE_MODEL | {BLEND},
    exact_when_tiled=True,
)
MOST_STYLES, MOST_SIZE = 64, 65
_BOUNDS = {"styles": (1, MOST_STYLES), "size": (2, MOST_SIZE)}
_RANGE = (-1.0, 2.0)
"""Lattices may reach beyond black and white, which steepens what lies between, but not to absurd values."""


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The grades of one package."""
    lut = lattices_of(architecture, tensors)
    return [ColourGrade(lut, _only(source, len(lut)), source.name, source.reference) for source in styles]


def lattices_of(architecture: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Tensor:
    """The lattices of a package, checked: styles x 3 x N x N x N, channel, then blue, green and red of the input."""
    described = whole_numbers(architecture, _BOUNDS)
    count, size = described["styles"], described["size"]
    check_tensors(tensors, {"lut": (count, 3, size, size, size)})
    lut = tensors["lut"].float()
    if float(lut.min()) < _RANGE[0] or float(lut.max()) > _RANGE[1]:
        raise StyleError(
            f"a lattice of {float(lut.min()):g} to {float(lut.max()):g}", f"{_RANGE[0]} to {_RANGE[1]}", REPACK
        )
    return lut


def _only(source: StyleSource, count: int) -> Mapping[int, float]:
    if not 0 <= source.index < count:
        raise StyleError(f"style {source.name!r} at index {source.index}", f"an index from 0 to {count - 1}", REPACK)
    return {source.index: 1.0}


class ColourGrade:
    """One lattice of a package, or a mixture of several."""

    family = FAMILY

    def __init__(self, lut: Tensor, mixture: Mapping[int, float], name: str, reference: Reference) -> None:
        self._lut, self._mixture = lut, mixture
        self._size = lut.shape[-1]
        mixed = sum((weight * lut[index] for index, weight in mixture.items()), torch.zeros_like(lut[0]))
        self._lattice = mixed.flatten(1).T.contiguous()
        self.name, self.reference = name, reference

    def render(self, batch: Tensor, brush: Brush = PLAIN) -> Tensor:
        check_batch(batch)
        with torch.inference_mode():
            colours = clean(batch).transpose(0, 1).flatten(1)
            graded = looked_up(self._lattice.to(batch.device), self._size, colours).clamp_(0, 1)
            count, _, height, width = batch.shape
            return graded.view(count, height, width, 3).permute(0, 3, 1, 2).contiguous()

    def blended(self, others: Sequence[tuple[StyleModel, float]]) -> StyleModel:
        """Lattices are mixed: since looking up is linear, the picture is the mixture of the graded pictures."""
        own = 1 - sum(weight for _, weight in others)
        mixture = {index: own * weight for index, weight in self._mixture.items()}
        for other, share in others:
            if not isinstance(other, ColourGrade) or other._lut is not self._lut:
                raise StyleError(
                    f"a blend of {self.name} with {other.name} of another package", "styles of one package"
                )
            for index, weight in other._mixture.items():
                mixture[index] = mixture.get(index, 0.0) + share * weight
        return ColourGrade(self._lut, mixture, self.name, self.reference)
