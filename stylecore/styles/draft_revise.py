"""Draft, then revise: large shapes small, then detail level by level (LapStyle, Lin et al., 2021, arXiv:2104.05376).

A *draft* network paints the picture small. It alone normalises, so it alone knows anything of the whole picture. A
*revision* network then adds to the enlarged draft what it lacks, from the content's Laplacian bands. It has no
normalisation and a small reach, so that a large picture can be painted in tiles that are exact, and strokes keep their
size relative to the picture however large it is.

Departures from the paper: the draft learns one style end to end instead of pairing AdaIN with a pretrained encoder; no
discriminator, whose texture is noisy where content is flat; a revision starts from the draft made crisp along the
content's edges, adds detail alone (what it adds has no tone of its own), and sees the content's coarser level and grain
(see ``grain``) beside the band; the last one is used again at every finer level, so that any size works; what is added
is blurred by a pixel, which leaves no grid; and its convolutions are not padded: a level reads as much more of the
coarser one as it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.styles.base import (
    AROUND_THE_MODEL,
    PLAIN,
    SEED,
    STROKE,
    Brush,
    Family,
    Reference,
    StyleModel,
    StyleSource,
    check_batch,
)
from stylecore.styles.draft_revise_network import Architecture, DraftReviseNetwork, Painting, Plan
from stylecore.styles.laplacian import Pyramid
from stylecore.styles.network import REPACK, SharedNetwork
from stylecore.styles.tileable import Box, tiles
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="draft-and-revise",
    title="a small draft, revised level by level",
    paper="Lin et al., 2021, arXiv:2104.05376",
    controls=AROUND_THE_MODEL | {STROKE, SEED},
    exact_when_tiled=True,
)
TILE_PX = 1024
_WHOLE_PIXELS = 1 << 20
"""Levels of up to this many pixels are revised once, whole; finer ones tile by tile."""


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The one style of a package, whatever float type its tensors are stored in."""
    parsed = Architecture.parse(architecture)
    network = SharedNetwork(lambda: DraftReviseNetwork(parsed), tensors)
    for source in styles:
        if source.index != 0:
            raise StyleError(f"style {source.name!r} at index {source.index}", "index 0: one style a package", REPACK)
    return [DraftReviseStyle(network, source.name, source.reference) for source in styles]


class DraftReviseStyle:
    """A style that paints pictures of any size, in whole or in tiles."""

    family = FAMILY

    def __init__(self, network: SharedNetwork[DraftReviseNetwork], name: str, reference: Reference) -> None:
        self._network = network
        self.name, self.reference = name, reference

    def render(self, batch: Tensor, brush: Brush = PLAIN) -> Tensor:
        """Tile by tile, so that it takes little memory beyond the pictures before and after."""
        with torch.inference_mode():
            rendered = torch.empty(batch.shape, device=batch.device)
            for box, tile in tiles(self.prepare(batch, brush), TILE_PX):
                box.of(rendered, Box.all_of(rendered)).copy_(tile)
            return rendered

    def prepare(self, batch: Tensor, brush: Brush = PLAIN) -> Painting:
        """Larger strokes come from a smaller draft; the revisions have less to go on and the brush more to say."""
        check_batch(batch)
        network = self._network.on(batch.device)
        with torch.inference_mode():
            plan = Plan.of((batch.shape[2], batch.shape[3]), network.architecture.draft_edge_px / brush.stroke)
            return Painting.begun(network, Pyramid(batch), plan, brush.seed).advanced(_WHOLE_PIXELS)
