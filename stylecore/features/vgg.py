"""VGG-19's convolutional features, as torchvision has them (Simonyan and Zisserman, 2015, arXiv:1409.1556).

The network of Gatys et al. They replace its max pooling by average pooling, which lets the gradient reach every pixel;
either is had here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from stylecore.features.network import FeatureNetwork, mirrored, with_weights

Pooling = Literal["max", "average"]

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and number of convolutions between two poolings."""


def _convolutions() -> dict[int, tuple[int, int]]:
    """Torchvision's index of each convolution, with its channels. A ReLU follows each of them, a pooling each block."""
    found, index, before = {}, 0, 3
    for channels, count in _BLOCKS:
        for _ in range(count):
            found[index] = (before, channels)
            index, before = index + 2, channels
        index += 1
    return found


_CONVOLUTIONS = _convolutions()
_POOLED_BEFORE = frozenset({5, 10, 19, 28})


class VggFeatures(FeatureNetwork):
    """Frozen features. Layers have the numbers of the ReLUs: 1 is relu1_1, 20 relu4_1, 22 relu4_2, 29 relu5_1."""

    title = "VGG-19"
    style_layers = (1, 6, 11, 20, 29)
    content_layers = MappingProxyType({22: 0.7})
    stride_px = 16

    def __init__(self, pooling: Pooling = "average") -> None:
        super().__init__()
        self._pool = functional.avg_pool2d if pooling == "average" else functional.max_pool2d
        # The first convolution's padding is done by mirroring, the others' by zeros as they were trained.
        layers = {
            str(index): nn.Conv2d(before, after, 3, padding=1 if index else 0)
            for index, (before, after) in _CONVOLUTIONS.items()
        }
        self.features = nn.ModuleDict(layers)
        self.frozen()

    def forward(self, x: Tensor, wanted: Collection[int]) -> dict[int, Tensor]:
        kept: dict[int, Tensor] = {}
        x = mirrored(self.standardised(x), 1)
        for index in _CONVOLUTIONS:
            if len(kept) == len(wanted):
                break
            if index in _POOLED_BEFORE:
                x = self._pool(x, 2)
            x = functional.relu(self.features[str(index)](x))
            if index + 1 in wanted:
                kept[index + 1] = x
        return kept


def vgg_features(tensors: Mapping[str, Tensor], pooling: Pooling = "average") -> VggFeatures:
    """The features with these weights; a key too many or too few is refused."""
    return with_weights(partial(VggFeatures, pooling), tensors)
