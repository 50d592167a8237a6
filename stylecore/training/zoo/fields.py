"""What the textures of the zoo are made of: smooth noise, warped coordinates, cells, and random palettes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.training.painters.base import Field, Labels, value_noise


def noise(span: int, cells: float, rng: np.random.Generator, stretch: float = 1.0) -> Field:
    """Smooth noise in about -1..1 with ``cells`` hills across; stretched, the hills are longer than wide."""
    return value_noise(span, (max(2, round(cells)), max(2, round(cells / stretch))), rng) * np.float32(1.4)


def clouds(span: int, cells: float, rng: np.random.Generator, octaves: int = 3) -> Field:
    layers = [noise(span, cells * 2**octave, rng) * np.float32(0.5**octave) for octave in range(octaves)]
    return np.asarray(np.sum(layers, axis=0), dtype=np.float32)


def ranked(field: Field) -> Field:
    """The same hills and valleys with every height from 0 to 1 equally common: no picture is all dark or all light."""
    heights = np.quantile(field[::4, ::4], np.linspace(0, 1, 33))
    return np.asarray(np.interp(field, heights, np.linspace(0, 1, 33)), dtype=np.float32)


def tones(span: int, rng: np.random.Generator) -> Field:
    """Where it is light and dark, 0..1: a few large soft shapes, as a picture has."""
    return ranked(clouds(span, rng.uniform(1.5, 5), rng, 2))


def coordinates(span: int) -> tuple[Field, Field]:
    """(across, down) in pixels."""
    down, across = np.mgrid[0:span, 0:span].astype(np.float32)
    return across, down


def turned(span: int, angle: float) -> tuple[Field, Field]:
    across, down = coordinates(span)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return across * cosine + down * sine, down * cosine - across * sine


@dataclass(frozen=True, slots=True)
class Cells:
    """For each pixel the cell it is in, how far (px) the cell's middle is, and how far the border of the cell."""

    label: Labels
    middle_px: Field
    border_px: Field


def cells(span: int, pitch_px: float, rng: np.random.Generator, irregular: float = 1.0) -> Cells:
    """A Voronoi diagram of a jittered grid: nine candidates a pixel, however many cells there are."""
    across, down = coordinates(span)
    count = int(span / pitch_px) + 4
    sites = rng.uniform(0.5 - irregular / 2, 0.5 + irregular / 2, (count, count, 2)).astype(np.float32)
    column, row = (across / pitch_px).astype(np.int64) + 1, (down / pitch_px).astype(np.int64) + 1
    nearest, second = np.full((span, span), np.inf, np.float32), np.full((span, span), np.inf, np.float32)
    label = np.zeros((span, span), np.int64)
    for step in range(9):
        at_row, at_column = row + step // 3 - 1, column + step % 3 - 1
        site = sites[at_row, at_column]
        away = np.hypot(at_column - 1 + site[..., 0] - across / pitch_px, at_row - 1 + site[..., 1] - down / pitch_px)
        closer = away < nearest
        second = np.where(closer, nearest, np.minimum(second, away))
        label = np.where(closer, at_row * count + at_column, label)
        nearest = np.where(closer, away, nearest)
    return Cells(label, nearest * np.float32(pitch_px), (second - nearest) * np.float32(pitch_px / 2))


def per_cell(label: Labels, rng: np.random.Generator) -> Field:
    """One random number of 0..1 for each cell."""
    return rng.uniform(0, 1, int(label.max()) + 1).astype(np.float32)[label]


def palette(rng: np.random.Generator) -> Field:
    """Three to eight colours from dark to light: one hue, neighbours, opposites, or anything."""
    count = int(rng.integers(3, 9))
    light = np.linspace(rng.uniform(0.02, 0.25), rng.uniform(0.75, 1.0), count) + rng.normal(0, 0.03, count)
    spread = float(rng.choice([0.3, 1.2, np.pi, 2 * np.pi, 2 * np.pi]))
    hue = rng.uniform(0, 2 * np.pi) + spread * rng.choice(rng.uniform(-0.5, 0.5, int(rng.integers(2, 9))), count)
    chroma = rng.uniform(0.2, 1, count) * rng.choice([0.1, 0.3, 0.5, 0.6]) * (1 - np.abs(2 * light - 1) ** 3)
    angles = hue[:, None] + np.array([0, 2, 4]) * np.pi / 3
    return np.asarray(np.clip(light[:, None] + chroma[:, None] * np.cos(angles), 0, 1), dtype=np.float32)


def graded(tone: Field, colours: Field) -> Field:
    """A tone of 0..1 as a colour between those of the palette."""
    place = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(tone, place, channel) for channel in colours.T], axis=-1).astype(np.float32)


def flat(tone: Field, colours: Field) -> Field:
    """A tone of 0..1 as the nearest colour of the palette."""
    return colours[np.clip((tone * len(colours)).astype(np.int64), 0, len(colours) - 1)]


def over(canvas: Field, colour: Field, coverage: Field) -> Field:
    return np.asarray(canvas + (colour - canvas) * np.clip(coverage, 0, 1)[..., None], dtype=np.float32)
