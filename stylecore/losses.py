"""The losses of style training. The mixture matters more than any one of them; the tasks of training weigh it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.features import SqueezeFeatures

STYLE_LAYERS = (1, 4, 7, 9)
CONTENT_LAYERS: Mapping[int, float] = {4: 0.3, 7: 0.4}
_LUMA = (0.299, 0.587, 0.114)
Grams = tuple[dict[int, Tensor], ...]


def gram(features: Tensor) -> Tensor:
    """How often each pair of features occurs together, wherever: N x C x C, free of the picture's size."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def halved(x: Tensor, times: int = 1) -> Tensor:
    for _ in range(times):
        x = functional.avg_pool2d(x, 2)
    return x


def style_grams(network: SqueezeFeatures, pictures: Tensor) -> Grams:
    """Gram matrices at full and half size: the second sees texture twice as coarse."""
    scales = (pictures, halved(pictures))
    return tuple({layer: gram(f) for layer, f in network(x, STYLE_LAYERS).items()} for x in scales)


def gram_loss(found: Grams, wanted: Grams) -> Tensor:
    """Squared difference of Gram matrices relative to the style's own, one value a picture."""
    terms = [
        (mine[layer] - theirs[layer]).square().sum((1, 2)) / theirs[layer].square().sum((1, 2))
        for mine, theirs in zip(found, wanted, strict=True)
        for layer in STYLE_LAYERS
    ]
    return torch.stack(terms).sum(0)


def content_loss(found: Mapping[int, Tensor], wanted: Mapping[int, Tensor]) -> Tensor:
    """Relative squared difference of features, one value a picture."""
    terms = [
        weight * (found[layer] - wanted[layer]).square().sum((1, 2, 3)) / wanted[layer].square().sum((1, 2, 3))
        for layer, weight in CONTENT_LAYERS.items()
    ]
    return torch.stack(terms).sum(0)


def luminance(pictures: Tensor) -> Tensor:
    weights = pictures.new_tensor(_LUMA)[None, :, None, None]
    return (pictures * weights).sum(1, keepdim=True)


def contrast_normalised(light: Tensor, window: int = 9) -> Tensor:
    """Luminance less its local mean, over its local spread: what is there, however bright the style makes it."""
    reach = window // 2

    def local_mean(x: Tensor) -> Tensor:
        return functional.avg_pool2d(functional.pad(x, [reach] * 4, mode="reflect"), window, stride=1)

    middle = local_mean(light)
    variance = (local_mean(light.square()) - middle.square()).clamp_min(0)
    return (light - middle) / (variance + 0.03**2).sqrt()


def structure_loss(rendered: Tensor, content: Tensor) -> Tensor:
    """Structure below the frequency of the texture, at a quarter and an eighth; it leaves the texture itself free."""
    terms = []
    for times in (2, 3):
        mine, theirs = (contrast_normalised(halved(luminance(x), times)) for x in (rendered, content))
        terms.append((mine - theirs).square().mean((1, 2, 3)))
    return torch.stack(terms).sum(0)


def tone_loss(rendered: Tensor, content: Tensor) -> Tensor:
    """Light stays light and dark stays dark: one less the correlation of luminance at a sixteenth of the size."""
    mine, theirs = (halved(luminance(x), 4).flatten(1) for x in (rendered, content))
    mine, theirs = (x - x.mean(1, keepdim=True) for x in (mine, theirs))
    scale = (mine.square().sum(1) * theirs.square().sum(1) + 1e-4).sqrt()
    return torch.ones_like(scale) - (mine * theirs).sum(1) / scale


def total_variation(pictures: Tensor) -> Tensor:
    down = (pictures[:, :, 1:] - pictures[:, :, :-1]).abs().mean((1, 2, 3))
    across = (pictures[..., 1:] - pictures[..., :-1]).abs().mean((1, 2, 3))
    return down + across


class Palette:
    """Sliced Wasserstein distance between the small patches of pictures and those of their styles.

    Patches of a quarter-size picture (5x5) and an eighth (3x3) are projected on random directions; sorted projections
    are compared. Half the directions ignore the mean and so see texture; half average and so see colour.
    """

    def __init__(self, styles: Tensor, projections: int = 16) -> None:
        self._pyramid = [(halved(styles, 2), 5), (halved(styles, 3), 3)]
        self._projections = projections

    def distance(self, pictures: Tensor, style: Tensor, generator: torch.Generator) -> Tensor:
        """One value a picture; ``style`` says which style each picture should be like."""
        terms = []
        for level, (own, window) in enumerate(self._pyramid):
            kernels = self._directions(window, generator).to(own)
            wanted = functional.conv2d(own, kernels, stride=2).flatten(2).sort(dim=2).values
            found = functional.conv2d(halved(pictures, level + 2), kernels).flatten(2).sort(dim=2).values
            ranks = torch.linspace(0, wanted.shape[2] - 1, found.shape[2]).round().long()
            spread = wanted.var(dim=2)[style] + 1e-6
            terms.append(((found - wanted[style][:, :, ranks]).square().mean(2) / spread).mean(1))
        return torch.stack(terms).sum(0)

    def _directions(self, window: int, generator: torch.Generator) -> Tensor:
        kernels = torch.randn(self._projections, 3, window, window, generator=generator)
        half = self._projections // 2
        kernels[:half] -= kernels[:half].mean((2, 3), keepdim=True)
        kernels[half:] = kernels[half:].mean((2, 3), keepdim=True).expand(-1, -1, window, window)
        lengths: Tensor = kernels.flatten(1).norm(dim=1)
        return kernels / lengths[:, None, None, None]
