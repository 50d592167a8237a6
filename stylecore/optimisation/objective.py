"""What is made small at one scale: the distance to the styles, and from the content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylecore.features import FeatureNetwork
from stylecore.features.network import mirrored
from stylecore.losses import Palette, structure_loss, tone_loss, total_variation
from stylecore.optimisation.scales import LEAST_SHORT_EDGE_PX, Size, resized
from stylecore.optimisation.settings import Settings
from stylecore.optimisation.statistics import STATISTICS

Mixture = Sequence[tuple[Tensor, float]]
"""Style pictures, 1 x 3 x H x W of 0..1, with their weights."""

_PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
_MOST_ENLARGED = 1.5
_FRAMED = 6


@dataclass(frozen=True, slots=True)
class _StyleTarget:
    """One style as it looks at this scale."""

    weight: float
    layers: Mapping[int, Any]
    palette: Palette


def style_size(style: Size, canvas: Size, stroke: float) -> Size:
    """The style picture is shown as large as the canvas, times the stroke, but never much enlarged."""
    factor = min(max(canvas) * stroke / max(style), _MOST_ENLARGED)
    factor = max(factor, LEAST_SHORT_EDGE_PX / min(style))
    return round(style[0] * factor), round(style[1] * factor)


def _inner(features: Tensor) -> Tensor:
    """C x H x W without the outermost values, which saw the zeros around the picture: a frame is no part of a style."""
    reach = 1 if min(features.shape[2:]) >= _FRAMED else 0
    return features[0, :, reach : features.shape[2] - reach, reach : features.shape[3] - reach]


class Objective:
    """The losses of one picture at one scale. Everything that does not change with the pixels is computed once."""

    def __init__(
        self, network: FeatureNetwork, content: Tensor, styles: Mixture, settings: Settings, stroke: float, seed: int
    ) -> None:
        self._network, self._content, self._settings = network, content, settings
        self._statistic = STATISTICS[settings.statistics]
        self._wanted = sorted({*network.style_layers, *network.content_layers})
        self._seed = seed
        with torch.no_grad():
            self._styles = [self._target(style, weight, stroke) for style, weight in styles]
            # The networks' first filters look at every second or fourth pixel. Seen always from the same place, a
            # picture is optimised into a grid of just that period; so it is seen from four places in turn, one for
            # each phase of a stride of two, at random phases of the longer strides.
            draws = torch.Generator().manual_seed(seed)
            self._places = [self._place(*phase, draws) for phase in _PHASES]
            layers = tuple(network.content_layers)
            self._content_seen = [network(self._seen(content, place), layers) for place in self._places]

    def loss(self, canvas: Tensor, step: int) -> Tensor:
        """The whole loss, seen from the step's place: of one step it is one function of the pixels."""
        view = step % len(self._places)
        found, wanted = self._network(self._seen(canvas, self._places[view]), self._wanted), self._content_seen[view]
        pull = self._settings
        total = pull.style * self._style_distance(found) + pull.content * self._content_distance(found, wanted)
        total = total + pull.structure * structure_loss(canvas, self._content).sum()
        total = total + pull.tone * tone_loss(canvas, self._content).sum()
        total = total + pull.smoothness * total_variation(canvas).sum()
        return total + pull.palette * self._palette_distance(canvas, step)

    def _target(self, style: Tensor, weight: float, stroke: float) -> _StyleTarget:
        canvas = (self._content.shape[2], self._content.shape[3])
        shown = resized(style, style_size((style.shape[2], style.shape[3]), canvas, stroke))
        layers = self._network(shown, self._network.style_layers)
        return _StyleTarget(weight, {i: self._statistic.target(_inner(f)) for i, f in layers.items()}, Palette(shown))

    def _place(self, odd_down: int, odd_right: int, draws: torch.Generator) -> tuple[int, int]:
        down, right = (2 * torch.randint(self._network.stride_px // 4, (2,), generator=draws)).tolist()
        return down + odd_down, right + odd_right

    def _seen(self, canvas: Tensor, place: tuple[int, int]) -> Tensor:
        """The picture at this place in its mirror image, so that every pixel is seen every time."""
        return mirrored(canvas, self._network.stride_px // 2)[:, :, place[0] :, place[1] :]

    def _style_distance(self, found: Mapping[int, Tensor]) -> Tensor:
        layers = self._network.style_layers
        terms = [
            style.weight * self._statistic.distance(_inner(found[layer]), style.layers[layer])
            for style in self._styles
            for layer in layers
        ]
        return torch.stack(terms).sum() / len(layers)

    def _content_distance(self, found: Mapping[int, Tensor], wanted: Mapping[int, Tensor]) -> Tensor:
        """Squared difference of features relative to the content's own."""
        terms = [
            weight * (found[layer] - wanted[layer]).square().sum() / wanted[layer].square().sum()
            for layer, weight in self._network.content_layers.items()
        ]
        return torch.stack(terms).sum()

    def _palette_distance(self, canvas: Tensor, step: int) -> Tensor:
        draws = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
        first = torch.zeros(1, dtype=torch.long, device=canvas.device)
        terms = [style.weight * style.palette.distance(canvas, first, draws).sum() for style in self._styles]
        return torch.stack(terms).sum()
