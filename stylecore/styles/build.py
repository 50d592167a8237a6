"""From a package's structure and tensors to style models: our own architectures, by name, and strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from stylecore.errors import StyleError
from stylecore.styles import conditional
from stylecore.styles.base import Reference, StyleModel

FAMILIES = (conditional.FAMILY,)


def build(
    family: str,
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    style_index: int,
    name: str,
    reference: Reference,
) -> StyleModel:
    """One style, ready to render. Anything unknown, missing, left over, misshapen or not finite is a StyleError."""
    return build_several(family, architecture, tensors, [(style_index, name, reference)])[0]


def build_several(
    family: str,
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: list[tuple[int, str, Reference]],
) -> list[StyleModel]:
    """Several styles (index, name, reference) of one package, sharing one copy of its tensors."""
    if family != conditional.FAMILY:
        raise StyleError(f"a style of family {family!r}", f"one of {', '.join(FAMILIES)}", "Update restyle.")
    network = conditional.load_network(architecture, tensors)
    return [conditional.ConditionalStyle(network, index, name, reference) for index, name, reference in styles]
