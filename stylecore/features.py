"""SqueezeNet 1.1's convolutional features, for the style and content losses.

Written out here (torchvision's layout and key names) because the losses need the values between its layers, and so that
training needs no torchvision at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import WeightsError

_FIRES = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128), 9: (256, 48, 192)}
_FIRES |= {10: (384, 48, 192), 11: (384, 64, 256), 12: (512, 64, 256)}
_POOLED_BEFORE = frozenset({3, 6, 9})
_MEAN = (0.485, 0.456, 0.406)
_SPREAD = (0.229, 0.224, 0.225)


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


class SqueezeFeatures(nn.Module):
    """Frozen features. Layer numbers are torchvision's: 1 is the first rectified convolution, 3 to 12 are fires."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {"0": nn.Conv2d(3, 64, 3, stride=2)}
        layers |= {str(index): Fire(*channels) for index, channels in _FIRES.items()}
        self.features = nn.ModuleDict(layers)
        mean, spread = torch.tensor(_MEAN), torch.tensor(_SPREAD)
        self.register_buffer("mean", mean[None, :, None, None], persistent=False)
        self.register_buffer("spread", spread[None, :, None, None], persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor, wanted: Collection[int]) -> dict[int, Tensor]:
        """The features of the wanted layers, for N x 3 x H x W of 0..1."""
        kept: dict[int, Tensor] = {}
        # The first convolution is unpadded and strided: mirroring the border first keeps faint grids out of results.
        x = functional.pad((x - self.mean) / self.spread, [1] * 4, mode="reflect")
        x = functional.relu(self.features["0"](x))
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
    network = SqueezeFeatures()
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    if found != expected:
        odd = sorted({*found.items()} ^ {*expected.items()})[:3]
        raise WeightsError(f"weights that are not SqueezeNet 1.1's features (differing at {odd})", "its 50 tensors")
    network.load_state_dict({key: value.float() for key, value in tensors.items()})
    return network
