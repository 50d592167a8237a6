"""Mosaic: small stones set in rows along the contours, in dark grout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from stylecore.training.painters.base import (
    OVERSAMPLE,
    Field,
    Labels,
    Pixels,
    cloud,
    finished,
    grid,
    over,
    rgb,
    soft,
    step,
    value_noise,
)

_STONE_PX = 21.0
_REACH_PX = 26
_ROUNDS = 9
_GROUT = "2b2622"
_SKY = ("f6e7c1", "f2d48b", "e9b44c", "d98e32", "7fb7b2", "4f97a3", "2f6f8f", "1f4e79")
_LAND = (("c8553d", "a63d2f", "d97b4a"), ("7a8b3c", "4d6b35", "a3a94e"), ("1d3557", "16425b", "0f2a47"))
_FOAM = ("f4efe2", "cfe3df", "e3d9c0")


@dataclass(frozen=True, slots=True)
class Stones:
    """Where each stone lies and how it is turned; ``label`` says of every pixel which stone covers it."""

    centres: Field
    turns: Field
    label: Labels
    gap: Field
    """How much farther the second nearest stone is: nothing where two meet."""


def _motif(span: int, rng: np.random.Generator) -> tuple[Labels, npt.NDArray[np.object_]]:
    """Regions and the stones each is laid from: a sun in rings over three ranges of hills and a sea of waves."""
    x, y = grid(span)
    x, y = x + 0.01 * value_noise(span, (6, 6), rng), y + 0.01 * value_noise(span, (6, 6), rng)
    reach = np.hypot(x - 0.36, y - 0.3)
    regions = np.searchsorted(np.array([0.105, 0.15, 0.2, 0.27, 0.36, 0.47, 0.6]), reach).astype(np.int64)
    boxes: list[tuple[str, ...]] = [(colour, _SKY[max(0, i - 1)]) for i, colour in enumerate(_SKY)]
    for depth, stones in enumerate(_LAND):
        crest = 0.5 + 0.15 * depth + 0.075 * np.sin(x * (6 + 2.5 * depth) + 1.7 * depth) + 0.02 * np.sin(x * 19)
        regions = np.where(y > crest, len(boxes), regions)
        boxes.append(stones)
        for band in range(2):
            edge = crest + 0.035 + 0.045 * band
            regions = np.where((y > edge) & (y < edge + 0.017), len(boxes), regions)
            boxes.append(_FOAM if depth == 2 else (stones[2], stones[2 - band]))
    named = np.empty(len(boxes), dtype=object)
    named[:] = boxes
    return regions, named


def _contours(regions: Labels) -> Field:
    edge = np.zeros(regions.shape, dtype=bool)
    edge[:-1] |= regions[:-1] != regions[1:]
    edge[:, :-1] |= regions[:, :-1] != regions[:, 1:]
    return edge.astype(np.float32)


def _directions(contours: Field) -> Field:
    """The way the nearest contour runs, for every pixel: rows of stones follow it."""
    closeness = np.zeros(contours.shape, dtype=np.float32)
    image = Image.fromarray((contours * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(3))
    for radius in (10, 22, 44, 88):
        near = np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
        closeness += near / max(1.0, float(near.max()))
    down, right = np.gradient(closeness)
    # Angles that differ by half a turn are the same row, so they are averaged with twice the angle.
    twice = np.arctan2(down, right) * 2
    weight = np.hypot(down, right)
    c, s = (soft(weight * part, 6.0) for part in (np.cos(twice), np.sin(twice)))
    return np.asarray(np.arctan2(s, c) / 2, dtype=np.float32)


def _laid(centres: Field, direction: Field) -> Stones:
    """Every pixel to its nearest stone, by the distance of which a turned square is the circle (Hausner, 2001)."""
    span = direction.shape[0]
    nearest, second = (np.full((span, span), 1e6, dtype=np.float32) for _ in range(2))
    label = np.zeros((span, span), dtype=np.int64)
    rows, columns = (np.clip(centres[:, i], 0, span - 1).astype(int) for i in (0, 1))
    turns = direction[rows, columns]
    for index, (row, column) in enumerate(zip(rows, columns, strict=True)):
        top, left = max(0, row - _REACH_PX), max(0, column - _REACH_PX)
        window = np.s_[top : row + _REACH_PX + 1, left : column + _REACH_PX + 1]
        height, width = nearest[window].shape
        down = (np.arange(top, top + height, dtype=np.float32) - centres[index, 0])[:, None]
        right = (np.arange(left, left + width, dtype=np.float32) - centres[index, 1])[None]
        c, s = np.cos(turns[index]), np.sin(turns[index])
        distance = np.maximum(np.abs(right * c + down * s), np.abs(down * c - right * s))
        closer = distance < nearest[window]
        second[window] = np.where(closer, nearest[window], np.minimum(second[window], distance))
        nearest[window] = np.where(closer, distance, nearest[window])
        label[window] = np.where(closer, index, label[window])
    return Stones(centres, turns, label, second - nearest)


def _settled(contours: Field, direction: Field, rng: np.random.Generator) -> Stones:
    """Stones moved to the middles of what they cover, away from contours, till they lie in rows."""
    span = direction.shape[0]
    steps = np.arange(_STONE_PX / 2, span, _STONE_PX, dtype=np.float32)
    centres = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    centres = (centres + rng.uniform(-4, 4, centres.shape).astype(np.float32)).astype(np.float32)
    free = np.asarray(Image.fromarray((contours * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(9))) == 0
    y, x = np.mgrid[0:span, 0:span].astype(np.float32)
    for _ in range(_ROUNDS):
        stones = _laid(centres, direction)
        labels, count = stones.label[free], len(centres)
        area = np.maximum(np.bincount(labels, minlength=count), 1)
        middle = np.stack([np.bincount(labels, weights=each[free], minlength=count) / area for each in (y, x)], axis=1)
        centres = np.where((area > 1)[:, None], middle, centres).astype(np.float32)
    return _laid(centres, direction)


def mosaic(size: int, seed: int) -> Pixels:
    """A sun in rings of gold over hills and a lapis sea, laid stone by stone."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    regions, boxes = _motif(span, rng)
    contours = _contours(regions)
    stones = _settled(contours, _directions(contours), rng)
    rows, columns = (np.clip(stones.centres[:, i], 0, span - 1).astype(int) for i in (0, 1))
    tints = np.stack([rgb(str(rng.choice(boxes[region]))) for region in regions[rows, columns]])
    varied = tints * rng.uniform(0.74, 1.22, (len(tints), 1)) + rng.uniform(-0.035, 0.035, tints.shape)
    return finished(_lit(stones, varied.astype(np.float32), span, rng), size)


def _lit(stones: Stones, tints: Field, span: int, rng: np.random.Generator) -> Field:
    """Each stone tilted its own way in the light, its edges rounded, its surface a little rough."""
    y, x = np.mgrid[0:span, 0:span].astype(np.float32)
    own = stones.centres[stones.label]
    tilt = rng.uniform(-0.006, 0.006, (len(tints), 2)).astype(np.float32)[stones.label]
    slope = 1 + tilt[..., 0] * (y - own[..., 0]) + tilt[..., 1] * (x - own[..., 1])
    bevel = 0.8 + 0.2 * np.clip((stones.gap - 3.0) / 5, 0, 1)
    rough = 1 + 0.05 * cloud(span, 90, rng, 2)
    surface = tints[stones.label] * (slope * bevel * rough)[..., None]
    grout = rgb(_GROUT) * (1 + 0.25 * value_noise(span, (200, 200), rng)[..., None])
    return over(grout.astype(np.float32), surface.astype(np.float32), step(stones.gap, 3.0, 2.0))
