"""How a picture is judged: how near it came to the style, and how much of the photograph is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.features.network import FeatureNetwork
from stylecore.features.placed import placed_features
from stylecore.image import Picture
from stylecore.losses import gram
from stylecore.metrics import style_gap
from stylecore.metrics.lpips import BACKBONE_NAMES, Lpips, at_working_size
from stylecore.metrics.lpips_lite import LpipsLite
from stylecore.metrics.ssim import ssim
from stylecore.metrics.view import visible
from stylecore.styles.base import Reference
from stylecore.weights import WeightsFolder

GAINS = ("patches", "gram squeeze", "gram alex")
"""The share of the gap to the style that was closed: by patches of pixels, which no training uses; by SqueezeNet's Gram
matrices, which most training uses; by AlexNet's, which none does."""
CONTENTS = ("ssim 1/4", "ssim 1/8", "lpips squeeze", "lpips alex", "lpips-lite")
_GRAM_FEATURES = {"gram squeeze": "squeezenet1_1_features", "gram alex": "alexnet_features"}

Verdict = Mapping[str, float | None]
Distance = Callable[[Tensor, Tensor], float]


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """The judges that this machine has weights for. The others' columns stay empty."""

    features: Mapping[str, FeatureNetwork]
    distances: Mapping[str, Distance]

    @classmethod
    def open(cls, weights: WeightsFolder | None) -> Bench:
        lpips = {name: Lpips.load(weights, (name,)) if weights else None for name in BACKBONE_NAMES}
        distances = {f"lpips {name}": judge.distance for name, judge in lpips.items() if judge}
        return cls(_features(weights), {**distances, "lpips-lite": LpipsLite.bundled().distance})

    @property
    def missing(self) -> tuple[str, ...]:
        lpips = [name for name in CONTENTS if name.startswith("lpips") and name not in self.distances]
        return (*(name for name in _GRAM_FEATURES if name not in self.features), *lpips)

    @torch.inference_mode()
    def gains(self, before: Picture, after: Picture, reference: Reference) -> Verdict:
        """For each measure 0 for the unchanged picture and 1 for the reference itself."""
        wanted = Picture(reference)
        found: dict[str, float | None] = {"patches": _patch_gain(before, after, wanted)}
        for name in GAINS[1:]:
            network = self.features.get(name)
            found[name] = None if network is None else _gram_gain(network, before, after, wanted)
        return found

    @torch.inference_mode()
    def contents(self, before: Picture, after: Picture) -> Verdict:
        first, second = _tensor(before), _tensor(after)
        shrunk = at_working_size(first), at_working_size(second)
        similar: dict[str, float | None] = {f"ssim 1/{scale}": ssim(first, second, scale) for scale in (4, 8)}
        return {**dict.fromkeys(CONTENTS), **similar} | {name: far(*shrunk) for name, far in self.distances.items()}


def _features(weights: WeightsFolder | None) -> dict[str, FeatureNetwork]:
    placed = {}
    for judge, name in _GRAM_FEATURES.items():
        try:
            placed[judge] = placed_features(name, weights)
        except StyleError:  # told once as missing, and not for every picture
            continue
    return placed


def _tensor(picture: Picture) -> Tensor:
    shown = visible(picture)
    assert shown is not None
    return shown


def _patch_gain(before: Picture, after: Picture, reference: Picture) -> float | None:
    signatures = [style_gap.signature(picture) for picture in (before, after, reference)]
    known = [each for each in signatures if each is not None]
    return style_gap.gap_closed(known[0], known[1], known[2]) if len(known) == 3 else None


def _gram_gain(network: FeatureNetwork, before: Picture, after: Picture, reference: Picture) -> float:
    wanted = _grams(network, reference)
    gap, rest = (_gram_distance(_grams(network, picture), wanted) for picture in (before, after))
    return 1 - rest / gap


def _grams(network: FeatureNetwork, picture: Picture) -> list[Tensor]:
    found = network(_tensor(picture), network.style_layers)
    return [gram(found[layer])[0] for layer in network.style_layers]


def _gram_distance(found: list[Tensor], wanted: list[Tensor]) -> float:
    """The mean over layers of the distance relative to the style's own size: a length, and not its square as in the
    losses, so that half of it is half of the way."""
    return fmean(float((mine - theirs).norm() / theirs.norm()) for mine, theirs in zip(found, wanted, strict=True))
