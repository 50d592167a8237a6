"""Impasto: thick oil paint in curved strokes that follow a swirling flow, its ridges catching the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.training.painters.base import OVERSAMPLE, Field, Pixels, cloud, finished, grid, over, rgb, step

_LAYERS = ((34, 96, 21), (24, 74, 14), (17, 52, 9.5))
"""Pitch, length and width of each layer of strokes, in pixels of the large canvas."""
_SWIRLS = ((0.3, 0.24, 0.2, 1.0), (0.62, 0.36, 0.14, -1.0), (0.86, 0.15, 0.13, 1.0), (0.08, 0.45, 0.1, -1.0))
"""Where the sky turns: x, y, reach and sense."""


@dataclass(frozen=True, slots=True)
class Strokes:
    """Where strokes begin, how they lie, and their paint."""

    places: Field
    angles: Field
    colours: Field
    bends: Field


def _scene(span: int, rng: np.random.Generator) -> tuple[Field, Field]:
    """(colours, direction of the strokes): a turning night sky over hills, wheat and a cypress."""
    x, y = grid(span)
    colours, angle = _sky(x, y, cloud(span, 4, rng))
    for index, (height, dark, light) in enumerate(
        ((0.56, "1d3f63", "4f8fa8"), (0.66, "27543f", "8fae4a"), (0.76, "b5761f", "f5cf4e"))
    ):
        crest = height + 0.05 * np.sin(x * (5 + 2 * index) + 2.3 * index) + 0.01 * np.sin(x * 17)
        fold = 0.5 + 0.5 * np.sin(x * 11 - (y - crest) * 30 + index)
        ground = rgb(dark) + (rgb(light) - rgb(dark)) * np.clip(fold + 0.25 * cloud(span, 9, rng), 0, 1)[..., None]
        below = step(y - crest, 0, 0.004)
        colours = over(colours, ground.astype(np.float32), below)
        run = np.arctan(0.05 * (5 + 2 * index) * np.cos(x * (5 + 2 * index) + 2.3 * index)) + (y - crest) * 2.4
        angle = np.where(below > 0.5, run + 0.5 * (index == 2), angle)
    sway = 0.79 + 0.02 * np.sin(y * 22)
    width = 0.085 * np.clip((y - 0.12) * 1.9, 0, 1) ** 0.8
    cypress = step(width - np.abs(x - sway), 0, 0.01) * step(0.93 - y, 0, 0.02)
    flame = np.clip(0.5 + 0.5 * np.sin((x - sway) * 150 + 6 * y) * np.cos(y * 34), 0, 1)[..., None]
    colours = over(colours, (rgb("10231d") + (rgb("3f6b34") - rgb("10231d")) * flame).astype(np.float32), cypress)
    angle = np.where(cypress > 0.5, np.pi / 2 + 0.5 * np.sin(y * 22 + x * 40), angle)
    return colours, np.asarray(angle, dtype=np.float32)


def _sky(x: Field, y: Field, haze: Field) -> tuple[Field, Field]:
    flow_x, flow_y = np.ones_like(x), 0.45 * np.cos(x * 7) + 0.2 * haze
    depth = np.clip(0.35 + 0.9 * y + 0.3 * haze, 0, 1)[..., None]
    colours = rgb("1b2f7a") + (rgb("5fa6cf") - rgb("1b2f7a")) * depth
    for centre_x, centre_y, reach, sense in _SWIRLS:
        dx, dy = x - centre_x, y - centre_y
        away = np.hypot(dx, dy) / reach
        pull = 6.0 * np.exp(-((away / 1.1) ** 2)) / (away + 0.15)
        flow_x, flow_y = flow_x - sense * pull * dy / reach, flow_y + sense * pull * dx / reach
        ring = 0.5 + 0.5 * np.cos(away * 15)
        halo = np.clip(np.exp(-(away**2) * 1.3), 0, 1)
        colours = over(np.asarray(colours, dtype=np.float32), rgb("cfe0c8"), (halo * ring * 0.7).astype(np.float32))
        colours = over(colours, rgb("fbe9a0"), np.clip(1.5 * np.exp(-((away / 0.42) ** 2)), 0, 1).astype(np.float32))
        colours = over(colours, rgb("f2a52c"), np.clip(1.6 * np.exp(-((away / 0.16) ** 2)), 0, 1).astype(np.float32))
    return np.asarray(colours, dtype=np.float32), np.arctan2(flow_y, flow_x)


def _layer(colours: Field, angle: Field, pitch_px: float, rng: np.random.Generator) -> Strokes:
    """Strokes all over, in random order; how much each bends is how the direction changes along it."""
    span = angle.shape[0]
    steps = np.arange(0, span + pitch_px, pitch_px)
    places = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    places = places + rng.uniform(-0.6, 0.6, places.shape) * pitch_px
    rng.shuffle(places)
    rows, columns = np.clip(places.T, 0, span - 1).astype(int)
    turns = angle[rows, columns]
    ahead_rows = np.clip(rows + 12 * np.sin(turns), 0, span - 1).astype(int)
    ahead_columns = np.clip(columns + 12 * np.cos(turns), 0, span - 1).astype(int)
    change = np.angle(np.exp(2j * (angle[ahead_rows, ahead_columns] - turns))) / 2
    paint = colours[rows, columns] * rng.uniform(0.8, 1.22, (len(places), 1)) + rng.normal(0, 0.045, (len(places), 3))
    bends = np.clip(change / 12, -0.02, 0.02)
    return Strokes(places.astype(np.float32), turns, paint.astype(np.float32), bends.astype(np.float32))


def _brushed(
    canvas: Field, relief: Field, strokes: Strokes, length_px: float, width_px: float, rng: np.random.Generator
) -> None:
    """Lays each stroke over what is there: its colour, streaked by the bristles, and its relief."""
    reach = int(length_px / 2 + width_px)
    bristles = rng.normal(0, 1, (64, 96)).astype(np.float32)
    bristles = ((bristles + np.roll(bristles, 1, axis=1)) / 2).astype(np.float32)
    for index, (row, column) in enumerate(strokes.places):
        top, left = max(0, int(row) - reach), max(0, int(column) - reach)
        window = np.s_[top : max(0, int(row) + reach), left : max(0, int(column) + reach)]
        height, width = relief[window].shape
        if not height or not width:
            continue
        down = (np.arange(top, top + height, dtype=np.float32) - row)[:, None]
        right = (np.arange(left, left + width, dtype=np.float32) - column)[None]
        c, s = np.cos(strokes.angles[index]), np.sin(strokes.angles[index])
        along = right * c + down * s
        across = (down * c - right * s - strokes.bends[index] * along * along / 2) / (width_px / 2)
        end = np.abs(along) / (length_px / 2)
        body = np.clip((1 - np.maximum(np.abs(across), end**2.2 + 0.35 * across * across)) * width_px * 0.4, 0, 1)
        hairs = bristles[index % 64][np.clip((across + 1) * 20 + 20, 0, 95).astype(int)]
        canvas[window] += (strokes.colours[index] * (1 + 0.075 * hairs[..., None]) - canvas[window]) * body[..., None]
        ridge = 0.5 + 0.75 * across * across + 0.17 * hairs + 0.25 * along / length_px
        relief[window] += (ridge * (width_px / 14) - relief[window]) * body


def impasto(size: int, seed: int) -> Pixels:
    """A turning night sky over wheat and a cypress, in strokes as thick as they are long."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    colours, angle = _scene(span, rng)
    canvas, relief = colours.copy(), np.zeros((span, span), dtype=np.float32)
    for pitch_px, length_px, width_px in _LAYERS:
        _brushed(canvas, relief, _layer(colours, angle, pitch_px, rng), length_px, width_px, rng)
    down, right = np.gradient(relief)
    light = np.clip(-(down + right) * 1.1, -0.3, 0.42)
    lit = canvas * (1 + 0.75 * light[..., None]) + 0.2 * np.clip(light, 0, 1)[..., None]
    return finished(lit.astype(np.float32), size)
