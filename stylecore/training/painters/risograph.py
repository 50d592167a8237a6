"""Risograph: two inks in halftone on warm paper."""

from __future__ import annotations

import numpy as np

from stylecore.training.painters.base import (
    OVERSAMPLE,
    Field,
    Pixels,
    cloud,
    finished,
    grid,
    rgb,
    shifted,
    step,
    value_noise,
)


def _screen(tone: Field, pitch_px: float, angle_deg: float) -> Field:
    """Halftone dots of the area that ``tone`` (0 no ink, 1 solid) asks for."""
    y, x = np.mgrid[0 : tone.shape[0], 0 : tone.shape[1]].astype(np.float32)
    turn = np.deg2rad(angle_deg)
    u = (x * np.cos(turn) + y * np.sin(turn)) * (np.pi / pitch_px)
    v = (y * np.cos(turn) - x * np.sin(turn)) * (np.pi / pitch_px)
    # A cosine screen: round dots in the lights, a checkerboard at half tone, round holes in the darks.
    height = (np.cos(u * 2) + np.cos(v * 2)) / 4 + 0.5
    area = np.sort(height.ravel())[:: max(1, height.size // 4096)]
    threshold = np.interp(1 - tone, np.linspace(0, 1, area.size), area).astype(np.float32)
    return np.asarray(np.clip((height - threshold) * pitch_px * 0.55 + 0.5, 0, 1), dtype=np.float32)


def _landscape_tones(span: int, rng: np.random.Generator) -> tuple[Field, Field]:
    """(light tone, depth tone) of a graphic still life: orbs, waves and a graded sky."""
    x, y = grid(span)
    haze = cloud(span, 3, rng)
    warm, cold = np.clip(0.95 - 2.1 * y + 0.12 * haze, 0, 1), np.clip(0.16 - 0.3 * y + 0.1 * haze, 0, 1)
    for index in range(5):
        crest = 0.42 + 0.13 * index + 0.06 * np.sin(x * (5 + index) + rng.uniform(0, 6))
        below = step(y - crest, 0, 0.003)
        shade = np.clip((y - crest) * 4.5, 0, 1)
        cold = cold + (np.clip((0.0, 0.35, 0.0, 0.75, 0.55)[index] + 0.55 * shade, 0, 1) - cold) * below
        warm = warm + (np.clip((0.9, 0.0, 0.75, 0.1, 1.0)[index] - 0.75 * shade, 0, 1) - warm) * below
    for centre_x, centre_y, radius in ((0.3, 0.26, 0.16), (0.74, 0.56, 0.13), (0.2, 0.78, 0.1), (0.8, 0.16, 0.06)):
        dx, dy = (x - centre_x) / radius, (y - centre_y) / radius
        inside = step(1 - np.sqrt(dx * dx + dy * dy), 0, 0.02)
        light = np.clip(0.5 - 0.45 * (dx + dy) * 0.8, 0, 1)
        cold = cold + (np.clip(1.0 - 1.7 * light, 0, 1) - cold) * inside
        warm = warm + (np.clip(1.1 - 1.2 * light, 0, 1) - warm) * inside
    return warm.astype(np.float32), cold.astype(np.float32)


def risograph(size: int, seed: int) -> Pixels:
    """Two soy inks, coral and blue, screened at two angles and printed slightly out of register on warm paper."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    warm, cold = _landscape_tones(span, rng)
    grain = value_noise(span, (span // 4, span // 4), rng)
    canvas = np.broadcast_to(rgb("f8f1e1"), (span, span, 3)) * (1 + 0.012 * grain[..., None])
    for tone, colour, angle, shift in ((warm, "ff5a4f", 15.0, 0), (cold, "1f4fa3", 75.0, 3)):
        ink = shifted(_screen(tone, 13.0, angle), shift, shift) * (0.95 + 0.06 * grain)
        canvas = canvas * (1 - ink[..., None] * (1 - rgb(colour)))
    return finished(canvas.astype(np.float32), size)
