"""From a package's structure and tensors to style models: our own architectures, by name, and strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol, cast

from torch import Tensor

from stylecore.errors import StyleError
from stylecore.quantisation import restored
from stylecore.styles.base import Family, StyleModel, StyleSource
from stylecore.weights import WeightsFolder

_MODULES: Mapping[str, str] = MappingProxyType(
    {
        "optimisation": "optimisation",
        "conditional-instance-norm": "conditional",
        "feed-forward": "feed_forward",
        "image-to-image": "resnet_generator",
        "adaptive-instance-norm": "adaptive",
        "style-attention": "attention",
        "draft-and-revise": "draft_revise",
        "colour-grade": "colour_grade",
        "diffusion": "diffusion",
    }
)
"""The module of each family. One is imported when a package asks for it: some bring large libraries along."""

FAMILIES = tuple(_MODULES)


class FamilyModule(Protocol):
    """What the module of a family offers."""

    FAMILY: Family

    def load(
        self,
        architecture: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
        styles: Sequence[StyleSource],
        weights: WeightsFolder | None,
    ) -> list[StyleModel]:
        """The styles of one package, sharing one copy of its tensors. Every doubt is a StyleError."""
        ...


def family(name: str) -> Family:
    """What the family of that name says of itself."""
    return _module(name).FAMILY


def build(
    family: str,
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """Styles ready to render. Anything unknown, missing, left over, misshapen or not finite is a StyleError."""
    return _module(family).load(architecture, restored(tensors), styles, weights)


def _module(name: str) -> FamilyModule:
    if name not in _MODULES:
        raise StyleError(f"a style of family {name!r}", f"one of {', '.join(FAMILIES)}", "Update restyle.")
    return cast(FamilyModule, import_module(f"stylecore.styles.{_MODULES[name]}"))
