"""Ink hatching: crossed pen strokes on cream paper."""

from __future__ import annotations

import numpy as np

from stylecore.training.painters.base import (
    OVERSAMPLE,
    Field,
    Pixels,
    cloud,
    finished,
    grid,
    over,
    rgb,
    step,
    value_noise,
)


def _strokes(tone: Field, angle: Field | float, pitch_px: float, rng: np.random.Generator) -> Field:
    """Parallel pen strokes whose width follows the tone, wobbling and lifting off the paper like a hand's."""
    span = tone.shape[0]
    y, x = np.mgrid[0:span, 0:span].astype(np.float32)
    across = x * np.sin(angle) + y * np.cos(angle) + 2.4 * value_noise(span, (14, 14), rng)
    wave = np.abs(((across / pitch_px) % 1.0) - 0.5) * 2
    pressure = 1 + 0.28 * value_noise(span, (34, 34), rng)
    half_width = np.clip(tone, 0, 1) * 0.62 * pressure
    ink = np.clip((half_width - (1 - wave)) * pitch_px * 0.45 + 0.5, 0, 1) * (tone > 0.04)
    return np.asarray(ink, dtype=np.float32)


def _still_life(span: int, rng: np.random.Generator) -> tuple[Field, Field, Field]:
    """(darkness, stroke direction, outline) of orbs on folded ground under an open sky."""
    x, y = grid(span)
    dark = np.clip(0.34 * (1 - y) + 0.22 * cloud(span, 3, rng), 0, 1)
    direction = np.full((span, span), 0.35, dtype=np.float32)
    outline = np.zeros((span, span), dtype=np.float32)
    for index in range(4):
        crest = 0.46 + 0.14 * index + 0.07 * np.sin(x * (4 + 1.7 * index) + rng.uniform(0, 6))
        below = (y > crest).astype(np.float32)
        fold = 0.5 + 0.5 * np.sin(x * 17 + index * 2 + y * 9)
        dark = dark + (np.clip(0.06 + 1.0 * fold * np.clip(1.2 - (y - crest) * 4, 0.25, 1), 0, 1) - dark) * below
        direction = np.where(below > 0, -0.5 + 0.5 * index + 0.16 * np.sin(x * 6), direction).astype(np.float32)
        outline = np.maximum(outline * (1 - below), np.exp(-(((y - crest) * span / 2.6) ** 2)))
    for centre_x, centre_y, radius in ((0.28, 0.27, 0.17), (0.72, 0.47, 0.2), (0.32, 0.74, 0.14), (0.8, 0.13, 0.08)):
        dx, dy = (x - centre_x) / radius, (y - centre_y) / radius
        reach = np.sqrt(dx * dx + dy * dy)
        inside = (reach < 1).astype(np.float32)
        dark = dark + (np.clip(0.5 + 0.75 * (dx + dy) * 0.75, 0, 1) - dark) * inside
        direction = np.where(inside > 0, 0.9 + 0.5 * dx, direction).astype(np.float32)
        outline = np.maximum(outline * (1 - inside), np.exp(-(((reach - 1) * radius * span / 2.8) ** 2)))
    return dark.astype(np.float32), direction, outline.astype(np.float32)


def ink_hatching(size: int, seed: int) -> Pixels:
    """Iron-gall ink on cream paper: one direction of strokes for half tones, crossed twice more for the darks."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    dark, direction, outline = _still_life(span, rng)
    ink = _strokes(dark * 0.9, direction, 11.0, rng)
    ink = np.maximum(ink, _strokes(np.clip((dark - 0.38) * 1.3, 0, 1), direction + 1.25, 10.0, rng))
    ink = np.maximum(ink, _strokes(np.clip((dark - 0.66) * 1.9, 0, 1), direction + 0.6, 9.0, rng))
    ink = np.maximum(ink, step(outline, 0.4, 0.3))
    paper = rgb("f6efe0") * (1 + 0.02 * cloud(span, 60, rng, 2)[..., None])
    return finished(over(paper.astype(np.float32), rgb("1b2135"), ink.astype(np.float32)), size)
