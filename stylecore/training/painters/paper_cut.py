"""Paper-cut: a relief of stacked papers with shadows; and the same made of any picture, to teach a network with."""

from __future__ import annotations

import numpy as np
from PIL import Image

from stylecore.training.painters.base import (
    OVERSAMPLE,
    Field,
    Pixels,
    blurred,
    finished,
    fractions,
    grid,
    over,
    rgb,
    shifted,
    shrunk,
    soft,
    step,
    value_noise,
)

_PAPERS = ("fdf4e3", "f9c784", "f0735a", "b5355f", "47296b", "151a3c")


_SMOOTHLY = Image.Resampling.BICUBIC
_CUTS = (-0.9, -0.55, -0.1, 0.35, 0.85)
"""Where the darkness of a picture, less its mean and over its spread, is cut into papers."""
_CUTTING_BLUR_PX = 4.0


def _laid(canvas: Field, shape: Field, colour: str, fibre: Field | float = 0.0) -> Field:
    """One sheet over the others: its shadow falls down and to the right, its upper edge catches the light."""
    shadow = shifted(blurred(shape, 8), 9, 7) * (1 - shape)
    canvas = canvas * (1 - 0.5 * shadow[..., None])
    lit_edge = np.clip(shape - shifted(shape, 3, 2), 0, 1)
    sheet = rgb(colour) * (1 + np.asarray(fibre)[..., None]) + 0.10 * lit_edge[..., None]
    return np.asarray(over(canvas, sheet, shape), dtype=np.float32)


def _fibre(span: int, rng: np.random.Generator) -> Field:
    fine = 0.022 * value_noise(span, (span // 6, span // 6), rng)
    return np.asarray(fine + 0.012 * value_noise(span, (90, 30), rng), dtype=np.float32)


def paper_cut(size: int, seed: int) -> Pixels:
    """A relief of stacked papers, cream at the back to midnight at the front, cut along flowing contours."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    x, y = grid(span)
    relief = 0.6 * value_noise(span, (5, 5), rng) + 0.3 * value_noise(span, (11, 11), rng) + 0.5 * (y - 0.5)
    relief = relief + 0.15 * np.sin(x * 9 + 3 * y)
    ranks = np.quantile(relief, np.linspace(0.2, 0.84, len(_PAPERS) - 1))
    canvas = np.broadcast_to(rgb(_PAPERS[0]), (span, span, 3)).astype(np.float32)
    for colour, level in zip(_PAPERS[1:], ranks, strict=True):
        canvas = _laid(canvas, step(relief.astype(np.float32), float(level), 0.006), colour, _fibre(span, rng))
    return finished(canvas, size)


def cut_from(picture: Pixels) -> Pixels:
    """A picture as papers: the darker a place is for its picture, the nearer the paper. No fibres: nobody could guess
    where they lie, so a network taught with them would learn their mean."""
    height, width, _ = picture.shape
    large = Image.fromarray(picture).convert("L").resize((width * OVERSAMPLE, height * OVERSAMPLE), _SMOOTHLY)
    light = soft(fractions(large), _CUTTING_BLUR_PX)
    darkness = (light.mean() - light) / (light.std() + 0.06)
    # An edge one pixel wide wherever it runs, however gently the light changes there.
    slope = np.maximum(np.hypot(*np.gradient(darkness)), 0.01)
    canvas = np.broadcast_to(rgb(_PAPERS[0]), (*light.shape, 3)).astype(np.float32)
    for colour, level in zip(_PAPERS[1:], _CUTS, strict=True):
        canvas = _laid(canvas, np.clip((darkness - level) / slope + 0.5, 0, 1).astype(np.float32), colour)
    return shrunk(canvas, (width, height))
