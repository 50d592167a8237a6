"""The two networks of draft-and-revise, and how a picture is painted with them, in whole or in part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.losses import luminance
from stylecore.styles.base import MIN_EDGE_PX
from stylecore.styles.conditional import STRIDE_PX, ConditionalNetwork
from stylecore.styles.conditional import Architecture as DraftArchitecture
from stylecore.styles.grain import grain
from stylecore.styles.laplacian import Pyramid, bands, doubled, local_mean, repeated, resized, slopes
from stylecore.styles.network import padded_to_multiple, whole_numbers
from stylecore.styles.tileable import Box

_FINE_CHANNELS = 8
_TONE_PX = 17
"""What a revision adds has no mean over squares of this size: tone and colour are the draft's to choose."""
_SLOPE_PX = 5
_LEAST_SPREAD = 0.03
"""The square in which a draft is compared with its content, and the spread of light below which that is flat."""
_BAND_GAIN = 4.0
"""Bands are small numbers; so the first convolution starts out fair to all of its inputs."""
_BOUNDS = {
    "draft_edge_px": (64, 1024),
    "stem_channels": (4, 128),
    "trunk_channels": (4, 256),
    "blocks": (1, 16),
    "revision_channels": (4, 128),
    "revision_blocks": (1, 8),
    "revisions": (1, 4),
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers that fix every shape. The last of the ``revisions`` networks serves all finer levels."""

    draft_edge_px: int = 384
    stem_channels: int = 24
    trunk_channels: int = 48
    blocks: int = 4
    revision_channels: int = 40
    revision_blocks: int = 2
    revisions: int = 2

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Architecture:
        return cls(**whole_numbers(described, _BOUNDS))

    def describe(self) -> dict[str, int]:
        return {name: int(getattr(self, name)) for name in _BOUNDS}

    @property
    def reach_px(self) -> int:
        """How far a revision looks beyond what it paints, in pixels of the coarser level: one for the enlarged content
        at the rim, one for each convolution there, and five for the last one, the blur and the local mean on the finer
        grid."""
        return 2 * self.revision_blocks + 8


class Plain(nn.Module):
    """A 3x3 convolution with a bias and without padding: the result is a pixel smaller on each side."""

    def __init__(self, channels_in: int, channels_out: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        with torch.no_grad():
            self.weight.mul_(gain)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias)


class PlainBlock(nn.Module):
    """A residual block. It starts close to the identity, since nothing normalises what comes out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Plain(channels, channels), Plain(channels, channels, gain=0.3)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.conv2(functional.relu(self.conv1(functional.relu(x))))
        return _inner(x, 2) + added


class Revision(nn.Module):
    """One level's detail. It works on the grid of the coarser level, where a finer one is four times the channels.

    It starts as the enlarged draft with the content's band laid over it as strongly as the draft follows the content
    there, in the draft's colours: what the draft has drawn becomes crisp along the content's edges, with no second edge
    beside its own, and what it has left out does not come back. Training adds what makes it a painting.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels = architecture.revision_channels
        self.first = Plain(3 + 3 + 12 + 4, channels)
        self.blocks = nn.Sequential(*(PlainBlock(channels) for _ in range(architecture.revision_blocks)))
        self.subpixels = Plain(channels, 4 * _FINE_CHANNELS)
        self.rgb = Plain(_FINE_CHANNELS, 3, gain=0.1)
        self.kept = nn.Parameter(torch.ones(3))

    def forward(self, draft: Tensor, content: Tensor, fine: Tensor, noise: Tensor) -> Tensor:
        """``draft`` and ``content`` are of the coarser level and reach ``reach_px`` beyond what is asked for; ``fine``
        (the content) and ``noise`` are of the finer one and reach twice that, less two. The result may leave 0..1."""
        band = bands(fine, content)
        detail = functional.pixel_unshuffle(band, 2) * _BAND_GAIN
        tooth = functional.pixel_unshuffle(noise, 2).expand(len(draft), -1, -1, -1)
        seen = torch.cat([_inner(draft, 1) * 2 - 1, _inner(content, 1) * 2 - 1, detail, tooth], dim=1)
        x = self.blocks(self.first(seen.contiguous(memory_format=torch.channels_last)))
        x = self.rgb(functional.pixel_shuffle(functional.relu(self.subpixels(functional.relu(x))), 2))
        x = _without_grid(x)
        x = _inner(x, _TONE_PX // 2) - local_mean(x, _TONE_PX)
        slope = doubled(slopes(draft, luminance(content), _SLOPE_PX, _LEAST_SPREAD))
        light = luminance(band)
        kept = slope * _centre(light, slope) * self.kept[:, None, None]
        return _centre(doubled(draft), x) + _centre(kept, x) + x


class DraftReviseNetwork(nn.Module):
    """Both networks. Only the draft normalises; its one style is style 0."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        drawing = DraftArchitecture(
            architecture.stem_channels, architecture.trunk_channels, architecture.blocks, styles=1
        )
        self.draft = ConditionalNetwork(drawing)
        self.revisions = nn.ModuleList(Revision(architecture) for _ in range(architecture.revisions))

    def drafted(self, pictures: Tensor) -> Tensor:
        """The draft of small pictures, at their size."""
        height, width = pictures.shape[2:]
        painted = self.draft(padded_to_multiple(pictures, STRIDE_PX), pictures.new_ones(1))
        return cast(Tensor, painted)[..., :height, :width]

    def revision(self, step: int) -> Revision:
        """The network of that revision, counted from the draft."""
        return cast(Revision, self.revisions[min(step, len(self.revisions) - 1)])


@dataclass(frozen=True, slots=True)
class Plan:
    """How small a picture is drafted, and how often the draft is doubled until it has the picture's size."""

    levels: int
    draft_size: tuple[int, int]
    """Height and width of the draft."""

    @classmethod
    def of(cls, size: tuple[int, int], draft_edge_px: float) -> Plan:
        """For a picture of this height and width. A small picture is drafted as large as it is, and revised once."""
        longer = max(size)
        edge = max(float(MIN_EDGE_PX), min(draft_edge_px, longer))
        levels = max(1, round(math.log2(longer / edge)))
        covered = [-(-side >> levels) << levels for side in size]
        height, width = (max(MIN_EDGE_PX, round(side * edge / longer)) for side in covered)
        return cls(levels, (height, width))


@dataclass(frozen=True, slots=True)
class Painting:
    """Pictures about to be painted: one level of the result is known whole, finer ones are painted where asked."""

    network: DraftReviseNetwork = field(repr=False)
    pyramid: Pyramid = field(repr=False)
    plan: Plan
    seed: int
    level: int
    known: Tensor = field(repr=False)

    @classmethod
    def begun(cls, network: DraftReviseNetwork, pyramid: Pyramid, plan: Plan, seed: int) -> Painting:
        """With the draft alone. It lies exactly over the coarsest level, whatever size it was drawn at."""
        base = pyramid.size(plan.levels)
        small = resized(pyramid.read(plan.levels - 1, Box(0, 0, *base).scaled(2)), plan.draft_size)
        draft = resized(network.drafted(small).float(), base)
        return cls(network, pyramid, plan, seed, plan.levels, draft)

    @property
    def height_px(self) -> int:
        return self.pyramid.size(0)[0]

    @property
    def width_px(self) -> int:
        return self.pyramid.size(0)[1]

    @property
    def margin_px(self) -> int:
        """How far a pixel's content lies from it at most, beyond what the known level holds of the rest."""
        return (self.network.architecture.reach_px + 1) * ((2 << self.level) - 2)

    def advanced(self, most_pixels: int) -> Painting:
        """The same painting with all levels known that have no more pixels than this."""
        painting = self
        while painting.level > 0 and math.prod(self.pyramid.size(painting.level - 1)) <= most_pixels:
            finer = painting.level - 1
            whole = painting.part(finer, Box(0, 0, *self.pyramid.size(finer)))
            painting = Painting(self.network, self.pyramid, self.plan, self.seed, finer, whole)
        return painting

    def tile(self, box: Box) -> Tensor:
        return self.part(0, box)

    def part(self, level: int, box: Box) -> Tensor:
        """A part of a level, which must lie within it. The coarser levels are painted as far as it depends on them."""
        if level == self.level:
            return box.of(self.known, Box.all_of(self.known))
        return self.unclipped(level, box).clamp(0, 1)

    def unclipped(self, level: int, box: Box) -> Tensor:
        """The same before it is clipped to 0..1: what training sees, since clipped values cannot be pulled back."""
        reach = self.network.architecture.reach_px
        beneath = box.shrunk(2)
        wide, around = beneath.grown(reach), beneath.scaled(2).grown(2 * reach - 2)
        inside = wide.within(*self.pyramid.size(level + 1))
        # Detached: each level learns by its own losses, from what it will be given, and changes none of it.
        draft = self.part(level + 1, inside).detach()
        painted = self.network.revision(self.plan.levels - 1 - level)(
            repeated(draft, inside, wide),
            self.pyramid.read(level + 1, wide),
            self.pyramid.read(level, around),
            grain(around, level, self.seed, self.known.device),
        )
        return box.of(painted, beneath.scaled(2))


def _without_grid(x: Tensor) -> Tensor:
    """Through the binomial 3x3 blur, in which a pattern of two pixels is exactly nothing: what the shuffle of
    subpixels, and grain that sets them off, would leave as dotted lines that grow with every level."""
    return local_mean(local_mean(x, 2), 2)


def _centre(x: Tensor, like: Tensor) -> Tensor:
    """The middle of ``x``, as large as ``like``."""
    return _inner(x, (x.shape[-1] - like.shape[-1]) // 2)


def _inner(x: Tensor, px: int) -> Tensor:
    return x[..., px : x.shape[-2] - px, px : x.shape[-1] - px]
