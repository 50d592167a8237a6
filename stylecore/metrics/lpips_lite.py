"""lpips-lite: a small student of LPIPS that comes with the product, so that every installation has a perceptual score.

It has the form of LPIPS (Zhang et al. 2018): features of several depths, each scaled to unit length, squared
differences weighed by channel, averaged over the picture, summed. So it is 0 for equal pictures, symmetric and never
negative. Its numbers are on the teacher's scale and rank pictures much as the teacher does; they are not LPIPS, and
are never reported under that name. Trained by ``stylecore.training.lpips_lite``; the card beside its weights says how
well it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import MappingProxyType
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, relu

from stylecore.data import Digest
from stylecore.errors import WeightsError
from stylecore.metrics.lpips import Tensors, fire, layer_distance, standardised
from stylecore.weights import load_safetensors

LABEL = "lpips-lite (a student of LPIPS)"
MAX_BYTES = 400_000
PINNED = Digest("25cb7333e26c8d3adebe48ea74e7b0435de89dbeb9c42606de7252a46d9a2dfd")
"""The weights that belong to this version. Others rank pictures otherwise, and bounds on the score would move."""

_STEM = 32
_FIRES: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "fire1": (_STEM, 16, 32),
        "fire2": (64, 24, 64),
        "fire3": (128, 32, 64),
        "fire4": (128, 32, 96),
        "fire5": (192, 32, 96),
        "fire6": (192, 40, 96),
    }
)
"""SqueezeNet's block: channels in, squeezed to, and expanded to by each of its two sides."""
_POOLED_BEFORE = frozenset({"fire1", "fire2", "fire4"})
_LEVELS: Mapping[str, int] = MappingProxyType(
    {"stem": _STEM} | {name: 2 * _FIRES[name][2] for name in _FIRES if name != "fire2"}
)
"""The depths at which pictures are compared, and their channels."""


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"stem.weight": (_STEM, 3, 3, 3), "stem.bias": (_STEM,)}
    for name, (channels, squeezed, expanded) in _FIRES.items():
        shapes[f"{name}.squeeze.weight"] = (squeezed, channels, 1, 1)
        shapes[f"{name}.expand1x1.weight"] = (expanded, squeezed, 1, 1)
        shapes[f"{name}.expand3x3.weight"] = (expanded, squeezed, 3, 3)
        shapes |= {f"{name}.squeeze.bias": (squeezed,)}
        shapes |= {f"{name}.{side}.bias": (expanded,) for side in ("expand1x1", "expand3x3")}
    return shapes | {f"{name}.weigh": (1, channels, 1, 1) for name, channels in _LEVELS.items()}


SHAPES: Mapping[str, tuple[int, ...]] = MappingProxyType(_shapes())
LEVELS = tuple(_LEVELS)


def features(pictures: Tensor, weights: Tensors) -> Iterator[Tensor]:
    """What is compared at each level, for N x 3 x H x W of 0..1. Strides and borders are SqueezeNet's, so that at the
    same level teacher and student speak of the same places."""
    x = relu(conv2d(standardised(pictures), weights["stem.weight"], weights["stem.bias"], stride=2))
    yield x
    for name in _FIRES:
        if name in _POOLED_BEFORE:
            x = max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = fire(x, weights, name)
        if name in _LEVELS:
            yield x


@dataclass(frozen=True, slots=True)
class LpipsLite:
    """The student, ready to compare. Stateless, so threads may share it."""

    weights: Tensors = field(repr=False)

    @classmethod
    def bundled(cls) -> Self:
        """The weights that come with the product, checked against the digest that is pinned here."""
        content = (files("stylecore.metrics") / "bundled" / "lpips_lite.safetensors").read_bytes()
        return cls.of(load_safetensors(content, PINNED, MAX_BYTES))

    @classmethod
    def of(cls, tensors: Tensors) -> Self:
        """A student with these weights: exactly its tensors in its shapes, and no negative weight on any channel."""
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if found != dict(SHAPES):
            odd = sorted({*found.items()} ^ {*SHAPES.items()})[:3]
            raise WeightsError(f"weights that are not lpips-lite's (differing at {odd})", f"its {len(SHAPES)} tensors")
        plain = {name: tensor.float() for name, tensor in tensors.items()}
        if any(bool((plain[f"{level}.weigh"] < 0).any()) for level in LEVELS):
            raise WeightsError("lpips-lite weights that count a difference negatively", "0 or more for each channel")
        return cls(plain)

    @torch.inference_mode()
    def distance(self, before: Tensor, after: Tensor) -> float:
        """The distance of two 1 x 3 x H x W pictures of 0..1; 0 for equal ones."""
        levels = features(torch.cat([before, after]), self.weights)
        return sum(
            layer_distance(level, self.weights[f"{name}.weigh"]) for name, level in zip(LEVELS, levels, strict=True)
        )
