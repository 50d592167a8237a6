"""How much of the way to the style a picture has come: the share of the gap to the reference that was closed.

The distance is a sliced Wasserstein distance between the patches of two pictures: project all patches on a number of
directions, sort, and compare. It needs no trained weights, knows nothing about where things are, and cannot be pleased
by palette alone: at full size, where a style's texture has the pixel size it was trained at, the directions have no
mean and see only texture; at a quarter they see both; at an eighth they see palette and soft shading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stylecore.image import Picture, mean_visible_colour

_PATCHES = 8192
_DIRECTIONS = 24
_SEED = 20240229
_LEAST_GAP = 1e-3
MIN_EDGE_PX = 32
MIN_VISIBLE_PIXELS = 1024

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Scale:
    """``least_spread`` is about what the projections of photographs have: a reference that is flat at this scale, as a
    fine halftone is at an eighth, would otherwise make every difference there enormous and drown its own texture."""

    shrink: int
    patch_px: int
    only_texture: bool
    least_spread: float
    weight: float


_SCALES = (
    _Scale(1, 7, only_texture=True, least_spread=0.07, weight=0.5),
    _Scale(4, 5, only_texture=False, least_spread=0.4, weight=0.25),
    _Scale(8, 3, only_texture=False, least_spread=0.3, weight=0.25),
)

Signature = tuple[Floats, ...]
"""For each scale: sorted projections, directions x patches."""


def signature(picture: Picture) -> Signature | None:
    """The patches of a picture as sorted projections; ``None`` where too little can be seen to speak of a style."""
    visible = picture.height_px * picture.width_px if picture.alpha is None else int((picture.alpha > 127).sum())
    if min(picture.height_px, picture.width_px) < MIN_EDGE_PX or visible < MIN_VISIBLE_PIXELS:
        return None
    shown = _shown(picture)
    projected = [_projected(shown, scale) for scale in _SCALES]
    known = tuple(each for each in projected if each is not None)
    return known if len(known) == len(_SCALES) else None


def distance(one: Signature, reference: Signature) -> float:
    """0 for equal patches; 1 is about one spread of the reference's own projections. Texture counts for half of it."""
    return sum(
        scale.weight * _scale_distance(mine, its, scale.least_spread)
        for mine, its, scale in zip(one, reference, _SCALES, strict=True)
    )


def gap_closed(before: Signature, after: Signature, reference: Signature) -> float | None:
    """0 for a copy, 1 for the reference itself, negative when it went the other way; ``None`` when there was no gap."""
    gap = distance(before, reference)
    return 1.0 - distance(after, reference) / gap if gap > _LEAST_GAP else None


def _scale_distance(one: Floats, reference: Floats, least_spread: float) -> float:
    spread = np.maximum(reference.std(axis=1), least_spread)
    return float((np.abs(one - reference).mean(axis=1) / spread).mean())


def _shown(picture: Picture) -> Picture:
    """The picture with hidden pixels in its mean visible colour, as the network was shown it: a patch at an outline, or
    a mean over it, reaches under the transparency, and what a file happens to hold there is no part of any style."""
    if picture.alpha is None or picture.alpha.all():
        return picture
    pixels = picture.pixels.copy()
    pixels[picture.alpha == 0] = np.rint(mean_visible_colour(pixels.astype(np.float32), picture.alpha))
    return replace(picture, pixels=pixels)


def _projected(picture: Picture, scale: _Scale) -> Floats | None:
    pixels = _shrunk(picture.pixels, scale.shrink)
    places = _places(picture, pixels.shape, scale)
    if places is None:
        return None
    patches = np.lib.stride_tricks.sliding_window_view(pixels, (scale.patch_px, scale.patch_px), axis=(0, 1))
    chosen = patches[places[0], places[1]].reshape(_PATCHES, -1)
    projections: Floats = (np.divide(chosen, 255, dtype=np.float32) @ _directions(scale)).T
    projections.sort(axis=1)
    return projections


def _shrunk(levels: npt.NDArray[np.uint8], shrink: int) -> npt.NDArray[Any]:
    """The picture area-averaged, still in levels. Rows are summed first: that runs along memory."""
    if shrink == 1:
        return levels
    height, width = (edge // shrink for edge in levels.shape[:2])
    kept = levels[: height * shrink, : width * shrink].reshape(height, shrink, width * shrink, -1)
    sums = kept.sum(axis=1, dtype=np.uint16).reshape(height, width, shrink, -1).sum(axis=2, dtype=np.uint16)
    means: Floats = sums.astype(np.float32) / np.float32(shrink * shrink)
    return means


def _places(picture: Picture, shape: Sequence[int], scale: _Scale) -> tuple[npt.NDArray[np.intp], ...] | None:
    """Random patch positions, the same ones for every picture of this shape; in transparent pictures, visible ones.

    ``None`` where there are none: thin lines are visible pixels enough, and nothing but haze at an eighth of the size.
    """
    rows, columns = shape[0] - scale.patch_px + 1, shape[1] - scale.patch_px + 1
    random = np.random.default_rng(_SEED)
    if picture.alpha is None:
        return random.integers(0, rows, _PATCHES), random.integers(0, columns, _PATCHES)
    centre = scale.patch_px // 2
    cover = _shrunk(picture.alpha[..., None], scale.shrink)[centre : centre + rows, centre : centre + columns, 0]
    candidates = np.flatnonzero(cover > 127)
    if not candidates.size:
        return None
    return np.unravel_index(random.choice(candidates, _PATCHES), (rows, columns))


def _directions(scale: _Scale) -> Floats:
    """Random directions of unit length in the space of patches, each a column."""
    random = np.random.default_rng(_SEED + scale.shrink)
    count = scale.patch_px**2
    directions = random.standard_normal((_DIRECTIONS, 3, count))
    if scale.only_texture:
        directions -= directions.mean(axis=2, keepdims=True)
    else:
        # Half of them look at the mean colour of the patch alone, or white noise would hide the palette.
        directions[::2] = directions[::2].mean(axis=2, keepdims=True)
    flat = directions.reshape(_DIRECTIONS, -1)
    return np.asarray((flat / np.linalg.norm(flat, axis=1, keepdims=True)).T, dtype=np.float32)
