"""Any style from one example picture, place by place: each place of the photograph takes from where the style is alike.

Attention picks, for every place of the content, the places of the style picture that look like it (SANet, Park & Lee,
2019, arXiv:1812.02342); the attention-weighted mean *and spread* of what is there replace the content's own statistics
(AdaAttN, Liu et al., 2021, arXiv:2108.03647). Departures: our own small encoder instead of VGG; attention at a quarter
and an eighth of the size only; at most 32 x 32 places of the style, so that memory is bounded whatever is asked; and
colours are no business of the network (``canonical``): it attends to marks and forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import StyleError
from stylecore.styles.base import AROUND_THE_MODEL, BLEND, STROKE, Family, StyleModel, StyleSource
from stylecore.styles.canonical import Colours, canonical, coloured, colours_of
from stylecore.styles.conditional import ReflectConv, blur_kernel
from stylecore.styles.encoder import MARGIN_PX, STRIDE_PX, Encoder, PlainConv, seen_reference
from stylecore.styles.mixed import MixedStyle, Way
from stylecore.styles.network import SharedNetwork, whole_numbers
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="style-attention",
    title="any style from an example picture, by attention",
    paper="Park and Lee, 2019, arXiv:1812.02342; Liu et al., 2021, arXiv:2108.03647",
    controls=AROUND_THE_MODEL | {BLEND, STROKE},
    exact_when_tiled=False,
)
STYLE_PLACES = 32
"""At most so many places of the style picture down and across."""
QUERIES_AT_ONCE = 4096
_EPSILON = 1e-5
_BOUNDS = {"encoder_channels": (4, 64), "decoder_channels": (4, 256), "blocks": (1, 16)}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers that fix every shape in the network."""

    encoder_channels: int = 32
    decoder_channels: int = 64
    blocks: int = 3

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Architecture:
        return cls(**whole_numbers(described, _BOUNDS))

    def describe(self) -> dict[str, int]:
        return {name: int(getattr(self, name)) for name in _BOUNDS}


@dataclass(frozen=True, slots=True)
class Places:
    """What a style picture offers at one level: N x C x places, what it is found by and what is taken."""

    keys: Tensor
    values: Tensor

    def to(self, device: torch.device) -> Places:
        return Places(self.keys.to(device), self.values.to(device))


Levels = tuple[Tensor, Tensor, Tensor]
StylePlaces = tuple[Places, Places]


def attended(queries: Tensor, places: Places, at_once: int = QUERIES_AT_ONCE) -> tuple[Tensor, Tensor]:
    """Attention-weighted mean and standard deviation of the style's values for each query, both N x C x queries."""
    means, spreads = [], []
    values = places.values.float().transpose(1, 2)
    both, keys = torch.cat([values, values.square()], dim=2), places.keys.float()
    with torch.autocast(queries.device.type, enabled=False):  # a mean square less a squared mean wants every digit
        for chunk in torch.split(queries.float(), at_once, dim=2):
            mean, square = (torch.softmax(chunk.transpose(1, 2) @ keys, dim=2) @ both).chunk(2, dim=2)
            means.append(mean)
            spreads.append((square - mean.square()).clamp_min(0).add(_EPSILON).sqrt())
    return torch.cat(means, dim=1).transpose(1, 2), torch.cat(spreads, dim=1).transpose(1, 2)


class StyleAttention(nn.Module):
    """One level: content features in, with the statistics of the style where it looks alike."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.key = (nn.Conv2d(channels, channels // 2, 1) for _ in range(2))
        self.value = nn.Conv2d(channels, channels, 1)
        with torch.no_grad():
            # What is taken starts as the features themselves, so there is a signal from the first step.
            self.value.weight.copy_(torch.eye(channels)[..., None, None])
            self.key.weight.copy_(self.query.weight)

    def places(self, style: Tensor) -> Places:
        """Picked on a regular grid and never averaged: a mean of two textures is neither of them."""
        sparse = _picked(style, STYLE_PLACES)
        return Places(self.key(_normal(style, sparse)).flatten(2), self.value(sparse).flatten(2))

    def forward(self, content: Tensor, styles: Sequence[tuple[Places, float]]) -> Tensor:
        normal = functional.instance_norm(content, eps=_EPSILON)
        queries = self.query(normal).flatten(2)
        mean, spread = _weighted([(attended(queries, places), weight) for places, weight in styles])
        return normal * spread.view_as(normal) + mean.view_as(normal)


def _weighted(found: Sequence[tuple[tuple[Tensor, Tensor], float]]) -> tuple[Tensor, Tensor]:
    means = torch.stack([weight * mean for (mean, _), weight in found]).sum(0)
    return means, torch.stack([weight * spread for (_, spread), weight in found]).sum(0)


def _picked(style: Tensor, most: int) -> Tensor:
    height, width = (min(edge, most) for edge in style.shape[2:])
    return functional.interpolate(style, size=(height, width), mode="nearest-exact")


def _normal(style: Tensor, sparse: Tensor) -> Tensor:
    """The picked places, normalised by the statistics of the whole picture."""
    variance, mean = torch.var_mean(style, dim=(2, 3), correction=0, keepdim=True)
    return (sparse - mean) / (variance + _EPSILON).sqrt()


class PlainBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = PlainConv(channels, channels, 3), ReflectConv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.3 * cast(Tensor, self.conv2(self.conv1(x)))


class AttentionDecoder(nn.Module):
    """Attention at two levels, and a decoder without normalisation: that would undo what attention did."""

    def __init__(self, architecture: Architecture, widths: tuple[int, int, int]) -> None:
        super().__init__()
        fine, middle, coarse = widths
        width = architecture.decoder_channels
        self.attend_middle, self.attend_coarse = StyleAttention(middle), StyleAttention(coarse)
        self.from_middle, self.from_coarse = PlainConv(middle, width, 3), PlainConv(coarse, width, 3)
        self.blocks = nn.ModuleList(PlainBlock(width) for _ in range(architecture.blocks))
        self.up = PlainConv(width + fine, fine, 3)
        self.subpixels, self.rgb = ReflectConv(fine, 12, 5), ReflectConv(3, 3, 3)
        with torch.no_grad():
            self.subpixels.weight.mul_(0.5)
            self.rgb.weight.copy_(blur_kernel())

    def places(self, style: Levels) -> StylePlaces:
        return self.attend_middle.places(style[1]), self.attend_coarse.places(style[2])

    def forward(self, content: Levels, styles: Sequence[tuple[StylePlaces, float]]) -> Tensor:
        fine, middle, coarse = content
        middle = self.from_middle(self.attend_middle(middle, [(places[0], weight) for places, weight in styles]))
        coarse = self.from_coarse(self.attend_coarse(coarse, [(places[1], weight) for places, weight in styles]))
        x = middle + functional.interpolate(coarse, scale_factor=2, mode="nearest")
        for block in self.blocks:
            x = block(x)
        # Outlines come past the attention, normalised: they carry no colour of the photograph along.
        outlines = functional.instance_norm(fine, eps=_EPSILON)
        x = self.up(torch.cat([functional.interpolate(x, scale_factor=2, mode="nearest"), outlines], dim=1))
        return cast(Tensor, self.rgb(functional.pixel_shuffle(self.subpixels(x), 2)))


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read off a style picture: its places at both levels, and its colours."""

    places: StylePlaces
    colours: Colours

    def to(self, device: torch.device) -> Reading:
        middle, coarse = (level.to(device) for level in self.places)
        return Reading((middle, coarse), self.colours.to(device))


Mixture = Sequence[tuple[Reading, float]]
"""Styles with their weights, which sum to one."""


class AttentionNetwork(nn.Module):
    """The encoder sees both pictures without their colours; the decoder paints the one with what it finds in the
    other, and the colours of the style are put in again."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.encoder = Encoder(architecture.encoder_channels)
        self.decoder = AttentionDecoder(architecture, self.encoder.widths)

    def read(self, style_pictures: Tensor) -> Reading:
        colours = colours_of(style_pictures)
        return Reading(self.decoder.places(self.encoder(canonical(style_pictures, colours))), colours)

    def forward(self, x: Tensor, styles: Mixture) -> Tensor:
        seen = self.encoder(canonical(x, colours_of(x)))
        white = self.decoder(seen, [(reading.places, weight) for reading, weight in styles])
        (first, own), *others = styles
        return coloured(white, first.colours.mixed(own, [(other.colours, weight) for other, weight in others]))


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The styles of one package: each is its reference picture, read once here. Their indices mean nothing."""
    parsed = Architecture.parse(architecture)
    network = SharedNetwork(lambda: AttentionNetwork(parsed), tensors)
    return [MixedStyle(_WAY, network, [(_read(network, each), 1.0)], each.name, each.reference) for each in styles]


def _read(network: SharedNetwork[AttentionNetwork], source: StyleSource) -> Reading:
    with torch.inference_mode():
        reading = network.on(torch.device("cpu")).read(seen_reference(source.reference))
    if not all(bool(torch.isfinite(each.keys).all() and torch.isfinite(each.values).all()) for each in reading.places):
        raise StyleError(f"style {source.name!r} reads as numbers that are not finite", "a network that was trained")
    return reading


def _paint(network: AttentionNetwork, pictures: Tensor, mixture: Mixture) -> Tensor:
    here = [(reading.to(pictures.device), weight) for reading, weight in mixture]
    return cast(Tensor, network(pictures, here))


def _mix(mixture: Mixture, others: Sequence[tuple[Mixture, float]]) -> Mixture:
    """Each style is attended to by itself; the means and spreads that were found are mixed."""
    own = 1 - sum(weight for _, weight in others)
    weighted = [(mixture, own), *others]
    return [(reading, share * weight) for each, weight in weighted for reading, share in each]


_WAY = Way(FAMILY, _paint, _mix, STRIDE_PX, MARGIN_PX)
