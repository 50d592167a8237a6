"""LPIPS v0.1: how different two pictures look to a network trained on photographs.

The backbones and the linear weights are files that an installation may or may not have; none ships with the product,
and none is ever fetched here. Written out functionally, so that it needs neither torchvision nor the lpips package.
Follows Zhang et al. 2018; layer choices and constants are those of the lpips package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, max_pool2d, relu

from stylecore.weights import WeightsFolder

MIN_EDGE_PX = 64
WORKING_EDGE_PX = 512
"""Cost grows with the area (a second at 1024 px); distances at half size rank pictures alike."""

_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TINY = 1e-10

Tensors = Mapping[str, Tensor]
Features = Callable[[Tensor, Tensors], Iterator[Tensor]]


def _squeeze_features(x: Tensor, weights: Tensors) -> Iterator[Tensor]:
    """SqueezeNet 1.1 after its first convolution, after each pooling's last fire, and after each of the last three."""
    x = relu(conv2d(x, weights["features.0.weight"], weights["features.0.bias"], stride=2))
    yield x
    for stage in ((3, 4), (6, 7), (9,), (10,), (11,), (12,)):
        if stage[0] in (3, 6, 9):
            x = max_pool2d(x, 3, stride=2, ceil_mode=True)
        for index in stage:
            x = fire(x, weights, f"features.{index}")
        yield x


def fire(x: Tensor, weights: Tensors, name: str) -> Tensor:
    """SqueezeNet's block, functionally: squeeze to few channels, expand by 1x1 and 3x3 side by side."""

    def convolved(x: Tensor, part: str, padding: int = 0) -> Tensor:
        return relu(conv2d(x, weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"], padding=padding))

    squeezed = convolved(x, "squeeze")
    return torch.cat([convolved(squeezed, "expand1x1"), convolved(squeezed, "expand3x3", padding=1)], dim=1)


def _alex_features(x: Tensor, weights: Tensors) -> Iterator[Tensor]:
    for index, stride, padding in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
        if index in (3, 6):
            x = max_pool2d(x, 3, stride=2)
        name = f"features.{index}"
        x = relu(conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride=stride, padding=padding))
        yield x


_BACKBONES: tuple[tuple[str, str, str, Features], ...] = (
    ("squeeze", "squeezenet1_1_features", "lpips_lin_squeeze", _squeeze_features),
    ("alex", "alexnet_features", "lpips_lin_alex", _alex_features),
)
BACKBONE_NAMES = tuple(name for name, *_ in _BACKBONES)


@dataclass(frozen=True, slots=True)
class Lpips:
    """A backbone with its linear weights. Stateless once loaded, so threads may share it."""

    backbone: str
    features: Features = field(repr=False)
    weights: Tensors = field(repr=False)
    linear: Tensors = field(repr=False)

    @classmethod
    def load(cls, folder: WeightsFolder, backbones: tuple[str, ...] = BACKBONE_NAMES) -> Self | None:
        """The first of these backbones whose two files are in the folder; ``None`` without any. Digests are checked."""
        for name, features_file, linear_file, features in _BACKBONES:
            if name in backbones and folder.find(features_file) and folder.find(linear_file):
                return cls(name, features, folder.load(features_file), folder.load(linear_file))
        return None

    @torch.inference_mode()
    def distance(self, before: Tensor, after: Tensor) -> float:
        """The distance of two 1 x 3 x H x W pictures of 0..1; 0 for equal ones."""
        layers = self.features(standardised(torch.cat([before, after])), self.weights)
        return sum(
            layer_distance(layer, self.linear[f"lin{index}.model.1.weight"]) for index, layer in enumerate(layers)
        )


def standardised(pictures: Tensor) -> Tensor:
    """Pictures of 0..1 as the backbones were trained on them."""
    mean, spread = (torch.tensor(values)[None, :, None, None] for values in (_MEAN, _SPREAD))
    return (pictures - mean) / spread


def directions(layer: Tensor) -> Tensor:
    """Features of unit length at every place: what is there, however strong."""
    # Clamped, because the root of nothing has no slope, and a student is trained through this.
    return layer / (layer.square().sum(dim=1, keepdim=True).clamp_min(_TINY**2).sqrt() + _TINY)


def layer_distance(pair: Tensor, channel_weights: Tensor) -> float:
    """Squared difference of the directions of two pictures' features, weighed by channel, averaged over the places."""
    first, second = directions(pair)
    return float(conv2d((first - second).square()[None], channel_weights).mean())


def at_working_size(picture: Tensor) -> Tensor:
    """At most 512 px on the long edge, area-averaged by an antialiased filter; smaller pictures stay as they are."""
    long_edge = max(picture.shape[-2:])
    if long_edge <= WORKING_EDGE_PX:
        return picture
    size = [max(1, round(edge * WORKING_EDGE_PX / long_edge)) for edge in picture.shape[-2:]]
    return interpolate(picture, size=size, mode="bilinear", antialias=True)
