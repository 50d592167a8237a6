"""AlexNet's convolutional features, as torchvision has them (Krizhevsky, 2014, arXiv:1404.5997).

Its first filters are large and four pixels apart: it paints broadly, and needs shifted views against a grid.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn import functional

from stylecore.features.network import FeatureNetwork, mirrored, with_weights

_CONVOLUTIONS = {0: (3, 64, 11, 4, 2), 3: (64, 192, 5, 1, 2), 6: (192, 384, 3, 1, 1), 8: (384, 256, 3, 1, 1)}
_CONVOLUTIONS |= {10: (256, 256, 3, 1, 1)}
"""Index: channels in, channels out, kernel, stride, padding."""

_POOLED_BEFORE = frozenset({3, 6})


class AlexFeatures(FeatureNetwork):
    """Frozen features. Layers 1, 4, 7, 9 and 11 are its five rectified convolutions."""

    title = "AlexNet"
    style_layers = (1, 4, 7, 9)
    content_layers = MappingProxyType({4: 0.3, 7: 0.4})
    stride_px = 16

    def __init__(self) -> None:
        super().__init__()
        # The first convolution's padding is done by mirroring, the others' by zeros as they were trained.
        layers = {
            str(index): nn.Conv2d(before, after, kernel, stride, padding if index else 0)
            for index, (before, after, kernel, stride, padding) in _CONVOLUTIONS.items()
        }
        self.features = nn.ModuleDict(layers)
        self.frozen()

    def forward(self, x: Tensor, wanted: Collection[int]) -> dict[int, Tensor]:
        kept: dict[int, Tensor] = {}
        x = mirrored(self.standardised(x), 2)
        for index in _CONVOLUTIONS:
            if len(kept) == len(wanted):
                break
            if index in _POOLED_BEFORE:
                x = functional.max_pool2d(x, 3, stride=2)
            x = functional.relu(self.features[str(index)](x))
            if index + 1 in wanted:
                kept[index + 1] = x
        return kept


def alex_features(tensors: Mapping[str, Tensor]) -> AlexFeatures:
    """The features with these weights; a key too many or too few is refused."""
    return with_weights(AlexFeatures, tensors)
