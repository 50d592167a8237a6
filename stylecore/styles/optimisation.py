"""A style picture and settings: every picture is optimised towards it (Gatys et al., 2016, CVPR).

The quality reference and the lane for hero pictures: no training, the best result, and seconds to minutes for each
picture. What it is made of is in stylecore/optimisation. The package names its feature network and pins that network's
digest, since other features paint another picture; none ships with the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from stylecore.data import Digest
from stylecore.errors import StyleError
from stylecore.features import FeatureNetwork
from stylecore.features.placed import FEATURE_NAMES, NETWORKS, placed_tensors
from stylecore.optimisation.optimise import optimised
from stylecore.optimisation.pictures import check_pictures
from stylecore.optimisation.settings import Settings
from stylecore.styles.base import (
    AROUND_THE_MODEL,
    BLEND,
    PLAIN,
    SEED,
    STROKE,
    Brush,
    Family,
    Reference,
    StyleModel,
    StyleSource,
    check_batch,
)
from stylecore.styles.network import REPACK, SharedNetwork, clean
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="optimisation",
    title="each picture optimised towards the style",
    paper="Gatys et al., 2016, CVPR",
    controls=AROUND_THE_MODEL | {BLEND, STROKE, SEED},
    exact_when_tiled=False,
    features=FEATURE_NAMES,
)
Weighted = tuple[tuple[int, float], ...]


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The styles of one package, on one copy of its feature network."""
    described = dict(architecture)
    features, pinned = described.pop("features", None), described.pop("features_digest", None)
    settings = Settings.parse(described)
    pictures = check_pictures(tensors)
    for source in styles:
        if source.index not in pictures:
            raise StyleError(f"style {source.name!r} at index {source.index}", f"one of {sorted(pictures)}", REPACK)
    name = str(features)
    placed = placed_tensors(name, weights, _digest(pinned))
    with torch.inference_mode(False):  # a tensor of inference mode could never carry a gradient
        network = SharedNetwork(NETWORKS[name], placed)
    shared = Shared(network, pictures, settings)
    return [OptimisedStyle(shared, ((source.index, 1.0),), source.name, source.reference) for source in styles]


def _digest(pinned: object) -> Digest:
    try:
        return Digest(str(pinned))
    except ValueError as problem:
        raise StyleError(f"features_digest {ascii(pinned)[:80]}", "64 hex digits", REPACK) from problem


class Shared:
    """What the styles of one package have in common."""

    def __init__(self, network: SharedNetwork[FeatureNetwork], pictures: Mapping[int, Tensor], settings: Settings):
        self.network, self.pictures, self.settings = network, pictures, settings


class OptimisedStyle:
    """One style picture, or a mixture of several, ready to paint in."""

    family = FAMILY

    def __init__(self, shared: Shared, mixture: Weighted, name: str, reference: Reference) -> None:
        self._shared, self._mixture = shared, mixture
        self.name, self.reference = name, reference

    def render(self, batch: Tensor, brush: Brush = PLAIN) -> Tensor:
        """Each picture by itself; a copy that only fills the batch up is not painted twice."""
        check_batch(batch)
        contents, painted = clean(batch), [self._painted(clean(batch[:1]), brush)]
        for place in range(1, len(contents)):
            repeated = torch.equal(contents[place], contents[place - 1])
            painted.append(painted[-1] if repeated else self._painted(contents[place : place + 1], brush))
        return torch.cat(painted)

    def _painted(self, content: Tensor, brush: Brush) -> Tensor:
        shared = self._shared
        styles = [(shared.pictures[index].to(content.device), weight) for index, weight in self._mixture]
        network = shared.network.on(content.device)
        return optimised(network, content, styles, shared.settings, stroke=brush.stroke, seed=brush.seed)

    def blended(self, others: Sequence[tuple[StyleModel, float]]) -> StyleModel:
        """The distances to the styles are mixed."""
        left = 1 - sum(weight for _, weight in others)
        mixture = [(index, share * left) for index, share in self._mixture]
        for other, weight in others:
            if not isinstance(other, OptimisedStyle) or other._shared is not self._shared:
                raise StyleError(
                    f"a blend of {self.name} with {other.name} of another package", "styles of one package"
                )
            mixture += [(index, share * weight) for index, share in other._mixture]
        return OptimisedStyle(self._shared, tuple(mixture), self.name, self.reference)
