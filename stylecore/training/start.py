"""What a training may go on from: a package that exists, read and checked by whoever knows packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from stylecore.data import Digest
from stylecore.training.task import Pixels


@dataclass(frozen=True, slots=True)
class KeptStyle:
    """One style of the package that is gone on from."""

    name: str
    title: str
    description: str
    reference: Pixels = field(repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """A package's tensors, and its styles in the order of their indices."""

    package: str
    digest: Digest
    family: str
    architecture: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(repr=False)
    styles: tuple[KeptStyle, ...] = ()
    licence: str = "as its own manifest says"


def take_over(network: nn.Module, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Copy what has the same name and the same shape, and tell the names. All else keeps its random start."""
    own = network.state_dict()
    fitting = {name: value.float() for name, value in tensors.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    return tuple(fitting)
