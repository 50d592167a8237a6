"""SqueezeNet 1.1's convolutional features: small, quick and good for style (Iandola et al., 2016, arXiv:1602.07360).

Written out here (torchvision's layout and key names) because the losses need the values between its layers, and so that
training needs no torchvision at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.features.network import FeatureNetwork, mirrored, with_weights

_FIRES = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128), 9: (256, 48, 192)}
_FIRES |= {10: (384, 48, 192), 11: (384, 64, 256), 12: (512, 64, 256)}
_POOLED_BEFORE = frozenset({3, 6, 9})


class Fire(nn.Module):
    """SqueezeNet's block: squeeze to few channels, expand by 1x1 and 3x3 side by side."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.squeeze(x))
        return functional.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class SqueezeFeatures(FeatureNetwork):
    """Frozen features. Layer 1 is the first rectified convolution, 3 to 12 are fires."""

    title = "SqueezeNet 1.1"
    style_layers = (1, 4, 7, 9)
    content_layers = MappingProxyType({4: 0.3, 7: 0.4})
    stride_px = 16

    def __init__(self) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {"0": nn.Conv2d(3, 64, 3, stride=2)}
        layers |= {str(index): Fire(*channels) for index, channels in _FIRES.items()}
        self.features = nn.ModuleDict(layers)
        self.frozen()

    def forward(self, x: Tensor, wanted: Collection[int]) -> dict[int, Tensor]:
        kept: dict[int, Tensor] = {}
        # The first convolution is unpadded and strided: mirroring the border first keeps faint grids out of results.
        x = functional.relu(self.features["0"](mirrored(self.standardised(x), 1)))
        if 1 in wanted:
            kept[1] = x
        for index in sorted(_FIRES):
            if len(kept) == len(wanted):
                break
            if index in _POOLED_BEFORE:
                x = functional.max_pool2d(x, 3, stride=2, ceil_mode=True)
            x = self.features[str(index)](x)
            if index in wanted:
                kept[index] = x
        return kept


def squeeze_features(tensors: Mapping[str, Tensor]) -> SqueezeFeatures:
    """The features with these weights; a key too many or too few is refused."""
    return with_weights(SqueezeFeatures, tensors)
