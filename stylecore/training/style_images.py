"""Four style images drawn by this file alone, so that nobody else holds rights in them.

Each painter is a pure function of a size and a seed. They draw at twice the size and shrink, because a style image with
jagged edges teaches a network jagged edges. Every picture spans dark to light on purpose: a style that lacks one end
of the tonal range cannot carry the structure of a photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Field = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]
Painter = Callable[[int, int], Pixels]

STYLE_IMAGE_PX = 512
_OVERSAMPLE = 2


def value_noise(size: int, cells: tuple[int, int], rng: np.random.Generator) -> Field:
    """Smooth noise in about -1..1: a random grid of ``cells`` (down, across) enlarged bicubically."""
    grid = rng.uniform(-1, 1, (cells[0] + 3, cells[1] + 3)).astype(np.float32)
    wide = Image.fromarray(grid).resize((size + size // 2, size + size // 2), Image.Resampling.BICUBIC)
    return np.asarray(wide, dtype=np.float32)[size // 4 : size // 4 + size, size // 4 : size // 4 + size]


def cloud(size: int, cells: int, rng: np.random.Generator, octaves: int = 3) -> Field:
    """Several octaves of value noise, each half as strong as the one before."""
    layers = [value_noise(size, (cells << i, cells << i), rng) * np.float32(0.5**i) for i in range(octaves)]
    return np.asarray(np.sum(layers, axis=0), dtype=np.float32)


def _grid(size: int) -> tuple[Field, Field]:
    steps = np.linspace(0, 1, size, dtype=np.float32)
    x, y = np.meshgrid(steps, steps)
    return x, y


def _rgb(colour: str) -> Field:
    channels = [int(colour[i : i + 2], 16) for i in (0, 2, 4)]
    return np.asarray(np.array(channels, dtype=np.float32) / np.float32(255))


def _blurred(mask: Field, radius_px: float) -> Field:
    image = Image.fromarray((np.clip(mask, 0, 1) * 255).astype(np.uint8))
    return _fractions(image.filter(ImageFilter.GaussianBlur(radius_px)))


def _fractions(image: Image.Image) -> Field:
    """A grey image as 0..1."""
    return np.asarray(np.asarray(image, dtype=np.float32) / np.float32(255))


def _shifted(field: Field, down_px: int, right_px: int) -> Field:
    """Moved down and right; what comes in at the edge repeats the edge, where rolling would bring the far side in."""
    padded = np.pad(field, ((down_px, 0), (right_px, 0)), mode="edge")
    return padded[: field.shape[0], : field.shape[1]]


def _step(value: Field, edge: float, softness: float) -> Field:
    return np.asarray(np.clip((value - edge) / softness + 0.5, 0, 1), dtype=np.float32)


def _finished(canvas: Field, size: int) -> Pixels:
    image = Image.fromarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))


def _over(canvas: Field, colour: Field, coverage: Field) -> Field:
    return canvas + (colour - canvas) * coverage[..., None]


# --- stained glass ---------------------------------------------------------------------------------------------------

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
    return _step(_fractions(rounded), 0.5, 0.4)


def stained_glass(size: int, seed: int) -> Pixels:
    """Leaded panes: a sun in brick-like rings over three ranges of hills, light falling through streaked glass."""
    rng = np.random.default_rng(seed)
    span = size * _OVERSAMPLE
    x, y = _grid(span)
    x, y = x + 0.012 * value_noise(span, (7, 7), rng), y + 0.012 * value_noise(span, (7, 7), rng)
    labels = _sky_panes(x, y, rng)
    colour_of = {int(pane): _rgb(_SKY[min(int(pane) // 100, 8)]) for pane in np.unique(labels)}
    for depth, (height, palette) in enumerate(zip((0.52, 0.66, 0.80), _HILLS, strict=True)):
        crest = height + 0.06 * np.sin(x * (5 + 2 * depth) + depth * 2.1) + 0.02 * np.sin(x * 13 + depth)
        sites = rng.uniform(0, 1, (230, 2)).astype(np.float32) * np.array([1.6, 2.6], dtype=np.float32)
        panes = 10_000 * (depth + 1) + _voronoi(x * 1.6, (y - crest + height) * 2.6, sites)
        labels = np.where(y > crest, panes, labels)
        colour_of |= {int(p): _rgb(str(rng.choice(palette))) for p in np.unique(labels) if p // 10_000 == depth + 1}
    return _finished(_lit_glass(labels, colour_of, span, rng), size)


def _lit_glass(labels: Labels, colour_of: Mapping[int, Field], span: int, rng: np.random.Generator) -> Field:
    known, index = np.unique(labels, return_inverse=True)
    tints = np.stack([colour_of[int(pane)] * rng.uniform(0.68, 1.3) for pane in known])
    glass = tints[index.reshape(labels.shape)].astype(np.float32)
    streaks = 0.09 * value_noise(span, (60, 14), rng) + 0.05 * value_noise(span, (160, 160), rng)
    lead = _leading(labels, 7.0)
    vignette = 1.16 - 0.5 * _blurred(lead, 7)
    glass = glass * (vignette + streaks)[..., None]
    came = _rgb("15130f") + 0.05 * _step(value_noise(span, (120, 120), rng), 0.5, 0.4)[..., None]
    return np.asarray(_over(glass, came, lead), dtype=np.float32)


# --- risograph -------------------------------------------------------------------------------------------------------


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
    x, y = _grid(span)
    haze = cloud(span, 3, rng)
    warm, cold = np.clip(0.95 - 2.1 * y + 0.12 * haze, 0, 1), np.clip(0.16 - 0.3 * y + 0.1 * haze, 0, 1)
    for index in range(5):
        crest = 0.42 + 0.13 * index + 0.06 * np.sin(x * (5 + index) + rng.uniform(0, 6))
        below = _step(y - crest, 0, 0.003)
        shade = np.clip((y - crest) * 4.5, 0, 1)
        cold = cold + (np.clip((0.0, 0.35, 0.0, 0.75, 0.55)[index] + 0.55 * shade, 0, 1) - cold) * below
        warm = warm + (np.clip((0.9, 0.0, 0.75, 0.1, 1.0)[index] - 0.75 * shade, 0, 1) - warm) * below
    for centre_x, centre_y, radius in ((0.3, 0.26, 0.16), (0.74, 0.56, 0.13), (0.2, 0.78, 0.1), (0.8, 0.16, 0.06)):
        dx, dy = (x - centre_x) / radius, (y - centre_y) / radius
        inside = _step(1 - np.sqrt(dx * dx + dy * dy), 0, 0.02)
        light = np.clip(0.5 - 0.45 * (dx + dy) * 0.8, 0, 1)
        cold = cold + (np.clip(1.0 - 1.7 * light, 0, 1) - cold) * inside
        warm = warm + (np.clip(1.1 - 1.2 * light, 0, 1) - warm) * inside
    return warm.astype(np.float32), cold.astype(np.float32)


def risograph(size: int, seed: int) -> Pixels:
    """Two soy inks, coral and blue, screened at two angles and printed slightly out of register on warm paper."""
    rng = np.random.default_rng(seed)
    span = size * _OVERSAMPLE
    warm, cold = _landscape_tones(span, rng)
    grain = value_noise(span, (span // 4, span // 4), rng)
    canvas = np.broadcast_to(_rgb("f8f1e1"), (span, span, 3)) * (1 + 0.012 * grain[..., None])
    for tone, colour, angle, shift in ((warm, "ff5a4f", 15.0, 0), (cold, "1f4fa3", 75.0, 3)):
        ink = _shifted(_screen(tone, 13.0, angle), shift, shift) * (0.95 + 0.06 * grain)
        canvas = canvas * (1 - ink[..., None] * (1 - _rgb(colour)))
    return _finished(canvas.astype(np.float32), size)


# --- ink hatching ----------------------------------------------------------------------------------------------------


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
    x, y = _grid(span)
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
    span = size * _OVERSAMPLE
    dark, direction, outline = _still_life(span, rng)
    ink = _strokes(dark * 0.9, direction, 11.0, rng)
    ink = np.maximum(ink, _strokes(np.clip((dark - 0.38) * 1.3, 0, 1), direction + 1.25, 10.0, rng))
    ink = np.maximum(ink, _strokes(np.clip((dark - 0.66) * 1.9, 0, 1), direction + 0.6, 9.0, rng))
    ink = np.maximum(ink, _step(outline, 0.4, 0.3))
    paper = _rgb("f6efe0") * (1 + 0.02 * cloud(span, 60, rng, 2)[..., None])
    return _finished(_over(paper.astype(np.float32), _rgb("1b2135"), ink.astype(np.float32)), size)


# --- paper cut -------------------------------------------------------------------------------------------------------

_PAPERS = ("fdf4e3", "f9c784", "f0735a", "b5355f", "47296b", "151a3c")


def _laid(canvas: Field, shape: Field, colour: str, rng: np.random.Generator) -> Field:
    """One sheet over the others: its shadow falls down and to the right, its upper edge catches the light."""
    span = shape.shape[0]
    shadow = _shifted(_blurred(shape, 8), 9, 7) * (1 - shape)
    canvas = canvas * (1 - 0.5 * shadow[..., None])
    fibre = 0.022 * value_noise(span, (span // 6, span // 6), rng) + 0.012 * value_noise(span, (90, 30), rng)
    lit_edge = np.clip(shape - _shifted(shape, 3, 2), 0, 1)
    sheet = _rgb(colour) * (1 + fibre)[..., None] + 0.10 * lit_edge[..., None]
    return np.asarray(_over(canvas, sheet, shape), dtype=np.float32)


def paper_cut(size: int, seed: int) -> Pixels:
    """A relief of stacked papers, cream at the back to midnight at the front, cut along flowing contours."""
    rng = np.random.default_rng(seed)
    span = size * _OVERSAMPLE
    x, y = _grid(span)
    relief = 0.6 * value_noise(span, (5, 5), rng) + 0.3 * value_noise(span, (11, 11), rng) + 0.5 * (y - 0.5)
    relief = relief + 0.15 * np.sin(x * 9 + 3 * y)
    ranks = np.quantile(relief, np.linspace(0.2, 0.84, len(_PAPERS) - 1))
    canvas = np.broadcast_to(_rgb(_PAPERS[0]), (span, span, 3)).astype(np.float32)
    for colour, level in zip(_PAPERS[1:], ranks, strict=True):
        canvas = _laid(canvas, _step(relief.astype(np.float32), float(level), 0.006), colour, rng)
    return _finished(canvas, size)


PAINTERS: Mapping[str, Painter] = MappingProxyType(
    {
        "stained-glass": stained_glass,
        "risograph": risograph,
        "ink-hatching": ink_hatching,
        "paper-cut": paper_cut,
    }
)


def style_image(name: str, size_px: int = STYLE_IMAGE_PX, seed: int = 7) -> Pixels:
    """The style image of that name, RGB, square."""
    return np.ascontiguousarray(PAINTERS[name](size_px, seed))


def style_images(names: Sequence[str], size_px: int = STYLE_IMAGE_PX, seed: int = 7) -> list[Pixels]:
    return [style_image(name, size_px, seed) for name in names]
