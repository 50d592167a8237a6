"""Stained glass: leaded panes of jewel-coloured glass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from stylecore.training.painters.base import (
    OVERSAMPLE,
    Field,
    Labels,
    Pixels,
    blurred,
    finished,
    fractions,
    grid,
    over,
    rgb,
    step,
    value_noise,
)

_SKY = ("fff3c4", "ffe08a", "f7b24a", "8fd0ea", "4ba3dc", "3b82d4", "2558b8", "243a96", "43308c")
_HILLS = (
    ("c9e27a", "8cc152", "4fa35a", "2f8464"),
    ("3fb8a5", "1f8f8a", "156b75", "0f4a5e"),
    ("c83349", "e4572e", "8a1f4d", "5a1a52", "f2a33a"),
)


def _voronoi(x: Field, y: Field, sites: npt.NDArray[np.float32]) -> Labels:
    """The index of the nearest site for every pixel."""
    nearest = np.full(x.shape, np.inf, dtype=np.float32)
    label = np.zeros(x.shape, dtype=np.int64)
    for index, (site_x, site_y) in enumerate(sites):
        distance = (x - site_x) ** 2 + (y - site_y) ** 2
        closer = distance < nearest
        nearest[closer] = distance[closer]
        label[closer] = index
    return label


def _sky_panes(x: Field, y: Field, rng: np.random.Generator) -> Labels:
    """Panes in rings about a sun, offset like bricks; the label is 100 times the ring, and the turn."""
    dx, dy = x - 0.66, y - 0.27
    radius = np.sqrt(dx * dx + dy * dy)
    ring = np.minimum(np.searchsorted(np.cumsum([0.075, 0.05, 0.055, 0.06, 0.065, 0.075, 0.09, 0.11]), radius), 8)
    panes_in_ring = np.array([1, 11, 15, 19, 23, 26, 28, 30, 32])
    offset = rng.uniform(0, 1, 9).astype(np.float32)
    turn = np.arctan2(dy, dx) / (2 * np.pi) + 0.5 + offset[ring] * 0.2
    angle = np.floor((turn + 0.004 * np.sin(turn * 40)) * panes_in_ring[ring]).astype(np.int64) % panes_in_ring[ring]
    return np.asarray(ring * 100 + angle, dtype=np.int64)


def _leading(labels: Labels, width_px: float) -> Field:
    edge = np.zeros(labels.shape, dtype=np.float32)
    edge[:-1] = np.maximum(edge[:-1], labels[:-1] != labels[1:])
    edge[:, :-1] = np.maximum(edge[:, :-1], labels[:, :-1] != labels[:, 1:])
    lines = Image.fromarray((edge * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(int(width_px) | 1))
    rounded = lines.filter(ImageFilter.GaussianBlur(width_px / 3))
    return step(fractions(rounded), 0.5, 0.4)


def stained_glass(size: int, seed: int) -> Pixels:
    """Leaded panes: a sun in brick-like rings over three ranges of hills, light falling through streaked glass."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    x, y = grid(span)
    x, y = x + 0.012 * value_noise(span, (7, 7), rng), y + 0.012 * value_noise(span, (7, 7), rng)
    labels = _sky_panes(x, y, rng)
    colour_of = {int(pane): rgb(_SKY[min(int(pane) // 100, 8)]) for pane in np.unique(labels)}
    for depth, (height, palette) in enumerate(zip((0.52, 0.66, 0.80), _HILLS, strict=True)):
        crest = height + 0.06 * np.sin(x * (5 + 2 * depth) + depth * 2.1) + 0.02 * np.sin(x * 13 + depth)
        sites = rng.uniform(0, 1, (230, 2)).astype(np.float32) * np.array([1.6, 2.6], dtype=np.float32)
        panes = 10_000 * (depth + 1) + _voronoi(x * 1.6, (y - crest + height) * 2.6, sites)
        labels = np.where(y > crest, panes, labels)
        colour_of |= {int(p): rgb(str(rng.choice(palette))) for p in np.unique(labels) if p // 10_000 == depth + 1}
    return finished(_lit_glass(labels, colour_of, span, rng), size)


def _lit_glass(labels: Labels, colour_of: Mapping[int, Field], span: int, rng: np.random.Generator) -> Field:
    known, index = np.unique(labels, return_inverse=True)
    tints = np.stack([colour_of[int(pane)] * rng.uniform(0.68, 1.3) for pane in known])
    glass = tints[index.reshape(labels.shape)].astype(np.float32)
    streaks = 0.09 * value_noise(span, (60, 14), rng) + 0.05 * value_noise(span, (160, 160), rng)
    lead = _leading(labels, 7.0)
    vignette = 1.16 - 0.5 * blurred(lead, 7)
    glass = glass * (vignette + streaks)[..., None]
    came = rgb("15130f") + 0.05 * step(value_noise(span, (120, 120), rng), 0.5, 0.4)[..., None]
    return np.asarray(over(glass, came, lead), dtype=np.float32)
