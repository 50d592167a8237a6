"""The textures of the zoo. Each paints a square canvas from a palette, a pitch (the size of its marks) and chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from stylecore.training.painters.base import Field
from stylecore.training.zoo.fields import (
    cells,
    clouds,
    coordinates,
    flat,
    graded,
    noise,
    over,
    per_cell,
    ranked,
    tones,
    turned,
)

Texture = Callable[[int, Field, float, np.random.Generator], Field]
"""(span in pixels, palette from dark to light, pitch in pixels, chance) -> span x span x 3 of about 0..1."""


def strokes(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Loaded brush strokes along a flow, light over dark or across one another, each a little off its colour."""
    tone, flow = tones(span, rng), noise(span, rng.uniform(1.5, 6), rng) * rng.uniform(0.5, 3) + rng.uniform(0, np.pi)
    image = Image.fromarray(_levels(graded(tone, colours)))
    draw, length = ImageDraw.Draw(image), pitch * rng.uniform(2, 6)
    for _ in range(min(9000, int(3.2 * (span / pitch) ** 2))):
        x, y = rng.uniform(0, span, 2)
        angle = flow[int(y), int(x)] + rng.normal(0, 0.2)
        reach = length * rng.uniform(0.3, 0.7) * np.array([np.cos(angle), np.sin(angle)])
        value = float(np.clip(tone[int(y), int(x)] + rng.normal(0, 0.1), 0, 1))
        colour = graded(np.array([value], np.float32), colours)[0] + rng.normal(0, 0.05)
        ends = [(x - reach[0], y - reach[1]), (x + reach[0], y + reach[1])]
        draw.line(ends, fill=_colour(colour), width=max(1, round(pitch * rng.uniform(0.5, 1.1))))
    return _fractions(image)


def dots(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Dots on a ground, large where it is dark: a halftone screen, or dabs set by hand."""
    site = cells(span, pitch, rng, irregular=float(rng.choice([0.0, 0.25, 0.8])))
    tone = tones(span, rng)
    radius = pitch * (0.12 + 0.5 * (1 - tone))
    dab = flat(np.asarray(per_cell(site.label, rng), np.float32), colours[: max(1, len(colours) // 2 + 1)])
    return over(graded(0.75 + 0.25 * tone, colours), dab, (radius - site.middle_px) / 1.5 + 0.5)


def stripes(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Wavering bands whose width follows the tone, hard or soft."""
    _, across = turned(span, rng.uniform(0, np.pi))
    across = across + pitch * rng.uniform(0, 4) * noise(span, rng.uniform(2, 6), rng)
    wave = 0.5 + 0.5 * np.sin(across * np.float32(2 * np.pi / pitch))
    hardness = float(rng.choice([1.2, 4.0, 12.0]))
    tone = tones(span, rng)
    line = np.clip((wave - 1 + tone * 0.9 + 0.1) * hardness + 0.5, 0, 1)
    return over(graded(tone * 0.4, colours), graded(0.6 + 0.4 * tone, colours), line)


def posterised(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Flat patches with clear edges, like camouflage, terrazzo or a map of heights."""
    field = clouds(span, span / (pitch * rng.uniform(3, 8)), rng, int(rng.integers(1, 5)))
    return flat(ranked(field), colours[rng.permutation(len(colours))] if rng.random() < 0.5 else colours)


def panes(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Cells of one colour each, with seams that are dark, light, or not there."""
    site = cells(span, pitch * rng.uniform(1.5, 3), rng, irregular=rng.uniform(0.3, 1.0))
    tone = 0.6 * tones(span, rng) + 0.4 * per_cell(site.label, rng)
    canvas = graded(tone, colours) * (1 + 0.1 * noise(span, span / pitch, rng)[..., None])
    width = pitch * rng.choice([0.0, 0.12, 0.3])
    return over(canvas, colours[0 if rng.random() < 0.6 else -1], width - site.border_px + 0.5 * (width > 0))


def marbling(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Veins of colour drawn out by combing: rings of noise, warped twice."""
    across, down = coordinates(span)
    for scale in (rng.uniform(2, 4), rng.uniform(5, 9)):
        across = across + span / scale * 0.4 * noise(span, scale, rng)
        down = down + span / scale * 0.4 * noise(span, scale, rng)
    wave = 0.5 + 0.5 * np.sin((across * rng.uniform(0.2, 1) + down) / (pitch * rng.uniform(0.8, 2)))
    tone = 0.75 * wave + 0.25 * tones(span, rng)
    return flat(tone, colours) if rng.random() < 0.5 else graded(tone, colours)


def hatching(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Pen lines, one direction for half tones and one more for each darker step."""
    tone, ink = tones(span, rng), np.zeros((span, span), np.float32)
    start = rng.uniform(0, np.pi)
    for step in range(int(rng.integers(1, 4))):
        _, across = turned(span, start + step * rng.uniform(0.6, 1.4))
        across = across + 0.35 * pitch * noise(span, span / (6 * pitch), rng)
        wave = np.abs((across / (0.8 * pitch)) % 1 - 0.5) * 2
        weight = np.clip((1 - tone) * 1.2 - 0.3 * step, 0, 0.9) * (1 + 0.3 * noise(span, span / (3 * pitch), rng))
        ink = np.maximum(ink, np.clip((weight - wave) * pitch * 0.5 + 0.5 * (weight > 0.02), 0, 1))
    paper = np.broadcast_to(colours[-1], (span, span, 3))
    return over(paper, graded(tone * 0.35, colours), ink)


def washes(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Watercolour: translucent pools over each other, darker at their rims, on grained paper."""
    canvas = np.broadcast_to(0.5 + 0.5 * colours[-1], (span, span, 3)).astype(np.float32)
    for colour in colours[rng.permutation(len(colours))].repeat(2, axis=0)[:8]:
        edge = ranked(clouds(span, rng.uniform(2, max(2.5, span / (pitch * 8))), rng, 4)) - rng.uniform(0.45, 0.8)
        pool = np.clip(edge * rng.uniform(15, 60), 0, 1)
        rim = np.exp(-((edge / 0.02) ** 2)) * 0.35
        canvas = canvas * (1 - (0.55 * pool + rim)[..., None] * (1 - colour))
    grain = noise(span, span / 3, rng) * rng.uniform(0, 0.06)
    return np.asarray(canvas + grain[..., None], dtype=np.float32)


def tiles(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """A mosaic: nearly square stones in rows, with grout between them."""
    across, down = turned(span, rng.uniform(0, np.pi))
    bend = pitch * rng.uniform(0, 3)
    across, down = across + bend * noise(span, 3, rng), down + bend * noise(span, 3, rng)
    side = pitch * rng.uniform(1, 2)
    row = np.floor(down / side)
    column = np.floor(across / side + 0.5 * (row % 2) * (rng.random() < 0.5))
    label = ((row.astype(np.int64) % 97) * 89 + column.astype(np.int64) % 89) % 8633
    inside = np.minimum(np.abs((down / side) % 1 - 0.5), np.abs((across / side + 0.5 * (row % 2)) % 1 - 0.5))
    tone = np.clip(tones(span, rng) + 0.5 * (per_cell(label, rng) - 0.5), 0, 1)
    gap = np.maximum(np.abs((down / side) % 1 - 0.5), np.abs((across / side - column) - 0.5)) * 2
    grout = colours[0] if rng.random() < 0.5 else colours[-1]
    return over(flat(tone, colours) * (0.9 + 0.2 * inside[..., None]), grout, (gap - 0.82) * side * 0.3)


def weave(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Threads over and under each other."""
    across, down = turned(span, float(rng.choice([0.0, 0.785, rng.uniform(0, np.pi)])))
    warp, weft = across / (0.6 * pitch), down / (0.6 * pitch)
    on_top = (np.floor(warp) + np.floor(weft)) % 2 < 1
    round_thread = np.where(on_top, np.sin(np.pi * (warp % 1)), np.sin(np.pi * (weft % 1)))
    tone = np.where(on_top, tones(span, rng), tones(span, rng))
    return np.asarray(graded(tone, colours) * (0.45 + 0.6 * round_thread[..., None]), dtype=np.float32)


def impasto(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Thick paint with ridges that catch the light."""
    _, across = turned(span, rng.uniform(0, np.pi))
    across = across + pitch * 6 * noise(span, rng.uniform(2, 6), rng)
    bristles = noise(span, span / pitch, rng) + np.sin(across * (4 / pitch)) * rng.uniform(0, 1)
    light = np.roll(bristles, max(1, round(pitch / 6)), axis=(0, 1)) - bristles
    tone = np.clip(tones(span, rng) + 0.15 * noise(span, span / (2 * pitch), rng, stretch=3), 0, 1)
    return np.asarray(graded(tone, colours) + rng.uniform(0.05, 0.25) * light[..., None], dtype=np.float32)


def crackle(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Batik: dyed patches of two or three colours, and wax that has broken into fine veins."""
    canvas = flat(ranked(clouds(span, span / (8 * pitch), rng, 2)), colours[1:])
    veins = cells(span, pitch * rng.uniform(2, 5), rng)
    width_px = (0.036 + 0.054 * np.abs(noise(span, span / pitch, rng))) * pitch
    return over(canvas, colours[0], np.asarray(width_px - veins.border_px + 0.7, dtype=np.float32))


def shapes(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Cut papers laid over each other."""
    image = Image.fromarray(_levels(np.broadcast_to(colours[-1], (span, span, 3))))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(60, 300))):
        middle, reach = rng.uniform(0, span, 2), pitch * rng.uniform(0.8, 5)
        turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 12))))
        corners = [tuple(middle + reach * rng.uniform(0.6, 1) * np.array([np.cos(t), np.sin(t)])) for t in turns]
        draw.polygon(corners, fill=_colour(colours[int(rng.integers(len(colours)))]))
    return _fractions(image)


def scribble(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Chalk or crayon: long wandering lines on grained paper."""
    ground = colours[0 if rng.random() < 0.4 else -1]
    image = Image.fromarray(_levels(np.broadcast_to(ground, (span, span, 3))))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(60, 200))):
        steps = rng.normal(0, 1, (40, 2)).cumsum(0) * 0.3 + rng.normal(0, 1, 2)
        line = (rng.uniform(0, span, 2) + steps.cumsum(0) * pitch * 0.5).ravel().tolist()
        colour = _colour(colours[int(rng.integers(len(colours)))])
        draw.line(line, fill=colour, width=max(1, round(pitch * rng.uniform(0.15, 0.5))), joint="curve")
    grain = np.clip(noise(span, span / 2.5, rng) * 3 + rng.uniform(0.8, 2.5), 0, 1)
    return over(np.broadcast_to(ground, (span, span, 3)), _fractions(image), grain)


def contours(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Woodcut: gouges that follow the form, wide in the lights and thin in the darks."""
    form = clouds(span, rng.uniform(2, 5), rng, 2)
    height = form * span / (pitch * rng.uniform(4, 9)) + 0.15 * noise(span, span / pitch, rng)
    gouge = np.abs(height % 1 - 0.5) * 2
    tone = tones(span, rng)
    line = np.clip((tone * 1.1 - gouge) * 5 + 0.5, 0, 1)
    return over(graded(0.35 * tone, colours), graded(0.7 + 0.3 * tone, colours), line)


def speckle(span: int, colours: Field, pitch: float, rng: np.random.Generator) -> Field:
    """Spray and splatter over a graded ground: grains of every palette colour, finer than the pitch."""
    grains = ranked(noise(span, span / (0.35 * pitch), rng) + 0.8 * noise(span, span / (0.7 * pitch), rng))
    tone = np.clip(tones(span, rng) + rng.uniform(0.2, 0.7) * (grains - 0.5), 0, 1)
    return flat(tone, colours) if rng.random() < 0.6 else graded(tone, colours)


TEXTURES: Mapping[str, Texture] = MappingProxyType(
    {
        "strokes": strokes,
        "dots": dots,
        "stripes": stripes,
        "posterised": posterised,
        "panes": panes,
        "marbling": marbling,
        "hatching": hatching,
        "washes": washes,
        "tiles": tiles,
        "weave": weave,
        "impasto": impasto,
        "crackle": crackle,
        "shapes": shapes,
        "scribble": scribble,
        "contours": contours,
        "speckle": speckle,
    }
)


def _levels(canvas: Field) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.ascontiguousarray(np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def _colour(colour: Field) -> tuple[int, ...]:
    return tuple(int(c) for c in np.clip(colour, 0, 1) * 255 + 0.5)


def _fractions(image: Image.Image) -> Field:
    """A drawing without the staircases of its edges."""
    return np.asarray(np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), np.float32) / np.float32(255))
