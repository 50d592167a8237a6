"""Feature networks by the names that their weights have in the weights folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import Tensor

from stylecore.data import Digest
from stylecore.errors import StyleError
from stylecore.features.alexnet import AlexFeatures
from stylecore.features.network import FeatureNetwork, with_weights
from stylecore.features.squeeze import SqueezeFeatures
from stylecore.features.vgg import VggFeatures
from stylecore.weights import WeightsFolder

NETWORKS: Mapping[str, type[FeatureNetwork]] = MappingProxyType(
    {"vgg19_features": VggFeatures, "squeezenet1_1_features": SqueezeFeatures, "alexnet_features": AlexFeatures}
)
"""The best for style first."""

FEATURE_NAMES = tuple(NETWORKS)
_PLACE = (
    "Place SqueezeNet or AlexNet with `restyle weights pull --from FOLDER`, VGG-19 with `restyle weights adopt FILE`."
)


def first_placed(weights: WeightsFolder | None, names: Sequence[str] = FEATURE_NAMES) -> str:
    """The first of these networks whose weights are there, verified; a StyleError that says what to do without any."""
    found = next((name for name in names if weights is not None and weights.find(name)), None)
    if found is None:
        raise _absent(" or ".join(names), weights)
    return found


def placed_tensors(name: str, weights: WeightsFolder | None, pinned: Digest | None = None) -> dict[str, Tensor]:
    """The weights of that network. With ``pinned`` they must be exactly those: others would paint otherwise."""
    if name not in NETWORKS:
        raise StyleError(f"features named {name[:80]!a}", f"one of {', '.join(FEATURE_NAMES)}", "Update restyle.")
    if weights is None or not weights.place(name).is_file():
        raise _absent(name, weights)
    if pinned is not None and weights.digest(name) != pinned:
        raise StyleError(
            f"{name} with sha256 {weights.digest(name).short}…",
            f"{pinned.short}…, with which the style was made",
            "Place those weights, or pack the style again with these.",
        )
    return weights.load(name)


def placed_features(name: str, weights: WeightsFolder | None) -> FeatureNetwork:
    """The network of that name, ready to use."""
    tensors = placed_tensors(name, weights)
    return with_weights(NETWORKS[name], tensors)


def _absent(wanted: str, weights: WeightsFolder | None) -> StyleError:
    where = "no weights folder" if weights is None else f"no {wanted} in {weights.path}"
    return StyleError(where, f"the weights {wanted}", _PLACE)
