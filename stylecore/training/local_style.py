"""Style losses for a small tile of a large picture, which says nothing of the rest of it.

Gram matrices ask a tile for the statistics of a whole picture, which no part of that picture has itself: they pull
towards an even mixture. These two ask for less. Every patch should be one that the style has (after Li & Wand, 2016,
arXiv:1601.04589): so a plane becomes a plane and an edge an edge, and what the style has nowhere (blur, noise, a grid)
has no near patch at all. And texture should be as strong, and as rare, as the style's (after Heitz et al., 2021,
arXiv:2006.07229), or the nearest patch would always be a flat one.

Departures: SqueezeNet features, each place of which sees a patch already; the angle between features, as seen from the
style's mean, instead of the distance of 3x3 neighbourhoods; and the sliced distance on pixels, in directions that see
no tone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.features import SqueezeFeatures

PATCH_LAYERS = (1, 4, 7)
_PLACES = 768
_STYLE_PLACES = 2048
_PATCH_PX, _DIRECTIONS, _STYLE_STRIDE_PX = 7, 16, 4


class NearestPatches:
    """The patches of one style, by the layers that see them."""

    def __init__(self, features: SqueezeFeatures, style: Tensor, layers: Collection[int] = PATCH_LAYERS) -> None:
        with torch.no_grad():
            found = features(style, layers)
        self._means = {layer: each.mean((2, 3), keepdim=True) for layer, each in found.items()}
        self._patches = {layer: _directions(each - self._means[layer]) for layer, each in found.items()}

    def distance(self, found: Mapping[int, Tensor], draws: torch.Generator) -> Tensor:
        """The mean of one less the cosine to the nearest patch, summed over layers. Large pictures, and the style, are
        asked at some of their places only, which are drawn."""
        return torch.stack([self._layer(layer, found[layer], draws) for layer in self._patches]).sum()

    def _layer(self, layer: int, found: Tensor, draws: torch.Generator) -> Tensor:
        mine = _some(_directions(found - self._means[layer]), _PLACES, draws)
        known = _some(self._patches[layer], _STYLE_PLACES, draws)
        nearest: Tensor = (mine @ known.T).amax(dim=1)
        return (1 - nearest).mean()


class Texture:
    """Sliced Wasserstein distance between the 7x7 patches of tiles and of their style, less their mean colour."""

    def __init__(self, style: Tensor) -> None:
        self._style = style

    def distance(self, painted: Tensor, draws: torch.Generator) -> Tensor:
        """Relative to the spread of the style's own projections, and the mean over directions."""
        kernels = torch.randn(_DIRECTIONS, 3, _PATCH_PX, _PATCH_PX, generator=draws, dtype=painted.dtype)
        kernels = kernels - kernels.mean((2, 3), keepdim=True)
        wanted = _projected(self._style, kernels, _STYLE_STRIDE_PX)
        found = _projected(painted, kernels, 1)
        ranks = torch.linspace(0, wanted.shape[1] - 1, found.shape[1]).round().long()
        return ((found - wanted[:, ranks]).square().mean(1) / (wanted.var(1) + 1e-6)).mean()


def _projected(pictures: Tensor, kernels: Tensor, stride: int) -> Tensor:
    """Directions x patches, each direction in order."""
    return functional.conv2d(pictures, kernels, stride=stride).movedim(1, 0).flatten(1).sort(dim=1).values


def _directions(features: Tensor) -> Tensor:
    """Places x channels, each of unit length."""
    return functional.normalize(features.movedim(1, 3).flatten(0, 2), dim=1, eps=1e-6)


def _some(places: Tensor, most: int, draws: torch.Generator) -> Tensor:
    if len(places) <= most:
        return places
    return places[torch.randint(len(places), (most,), generator=draws)]
