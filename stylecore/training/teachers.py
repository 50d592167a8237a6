"""Painters that can paint any picture in their style: for styles that are shapes, which Gram matrices do not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.training.painters.paper_cut import cut_from
from stylecore.training.task import Pixels

Teacher = Callable[[Pixels], Pixels]
TEACHERS: Mapping[str, Teacher] = MappingProxyType({"paper-cut": cut_from})

_LAYERS = (1, 4)
_EXACTNESS = 4.0


def teacher(name: str) -> Teacher:
    if name not in TEACHERS:
        raise StyleError(f"a style taught by {name!r}", f"one of {', '.join(TEACHERS)}")
    return TEACHERS[name]


def painted(pictures: Tensor, paint: Teacher) -> Tensor:
    """What the teacher makes of each picture of a batch of 0..1."""
    levels = (pictures.permute(0, 2, 3, 1) * 255 + 0.5).to(torch.uint8).numpy()
    lesson = np.stack([paint(picture) for picture in levels])
    return torch.from_numpy(lesson).permute(0, 3, 1, 2).float() / 255


def imitation_loss(rendered: Tensor, lesson: Tensor, features: SqueezeFeatures) -> Tensor:
    """Pixels and the shallow features of pixels, one value a picture: the second keeps edges crisp."""
    exact = _EXACTNESS * (rendered - lesson).abs().mean((1, 2, 3))
    with torch.no_grad():
        wanted = features(lesson, _LAYERS)
    found = features(rendered, _LAYERS)
    terms = [
        (found[layer] - wanted[layer]).square().sum((1, 2, 3)) / wanted[layer].square().sum((1, 2, 3))
        for layer in _LAYERS
    ]
    return exact + torch.stack(terms).sum(0)
