"""Pointillism: dense dots of pure colours that mix in the eye."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from stylecore.training.painters.base import OVERSAMPLE, Field, Pixels, cloud, finished, grid, over, rgb, step

_PIGMENTS = (
    *("fffbe8", "fde58a", "f9c22e", "f28c28", "e4572e", "c9304f", "8f2d6b", "5b3a8e", "2e3f9e", "1d62b8", "2f93cf"),
    *("7cc5e3", "bfe3e6", "2aa198", "1f7a55", "4f9d3a", "9cc53b", "d8df73", "f4b6a6", "e8899a", "14213d", "23351f"),
)
_LAYERS = ((15.0, 8.6), (11.0, 6.2), (9.0, 4.9))
"""Pitch and radius of each layer of dots, from the ground up."""


def _ramp(position: Field, colours: tuple[str, ...]) -> Field:
    stops = np.stack([rgb(colour) for colour in colours])
    places = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(position, places, stops[:, i]) for i in range(3)], axis=-1).astype(np.float32)


def _landscape(span: int, rng: np.random.Generator) -> Field:
    """A river bank in evening light: sky, far trees, water with reflections, a meadow and trees in shade."""
    x, y = grid(span)
    haze = cloud(span, 4, rng)
    glow = np.exp(-(((x - 0.68) / 0.3) ** 2 + ((y - 0.3) / 0.2) ** 2))
    canvas = _ramp(np.clip(y * 2.3 + 0.12 * haze, 0, 1), ("3f86cf", "8cc4e6", "f7d9b0", "fbe6a2"))
    canvas = over(canvas, rgb("ffe27a"), np.clip(glow * 0.9, 0, 1))
    far = 0.4 + 0.02 * np.sin(x * 9) + 0.02 * cloud(span, 14, rng)
    canvas = over(canvas, rgb("5d7fb0"), step(y - far, 0, 0.01))
    water = _ramp(np.clip((y - 0.44) * 3.2 + 0.1 * np.sin(y * 210 + 4 * haze), 0, 1), ("f5cf93", "6fb0cf", "245a9c"))
    canvas = over(canvas, water, step(y - 0.44, 0, 0.004)[...])
    crest = 0.66 + 0.07 * np.sin(x * 4.2 + 0.6) + 0.012 * haze
    meadow = _ramp(
        np.clip((y - crest) * 2.6 + 0.16 * cloud(span, 7, rng), 0, 1), ("e3d95a", "7db13a", "2c6e3f", "182f3a")
    )
    canvas = over(canvas, meadow, step(y - crest, 0, 0.006))
    for centre_x, centre_y, radius in ((0.14, 0.3, 0.2), (0.3, 0.47, 0.1), (0.93, 0.56, 0.13), (0.55, 0.57, 0.05)):
        canvas = _tree(canvas, x, y, (centre_x, centre_y, radius), rng)
    return canvas


def _tree(canvas: Field, x: Field, y: Field, at: tuple[float, float, float], rng: np.random.Generator) -> Field:
    """A round crown lit from the right, its trunk, and the shade at its foot."""
    span = x.shape[0]
    dx, dy = (x - at[0]) / at[2], (y - at[1]) / (at[2] * 1.1)
    foot = at[1] + at[2] * 1.5
    shade = np.exp(-(((x - at[0] + 0.3 * at[2]) / at[2]) ** 2 + ((y - foot) / (0.3 * at[2])) ** 2) * 1.6)
    canvas = over(canvas, rgb("2b2d6b"), np.clip(shade * 0.85, 0, 1).astype(np.float32))
    trunk = step(0.09 * at[2] - np.abs(x - at[0]), 0, 0.004) * step(foot - y, 0, 0.01) * step(y - at[1], 0, 0.02)
    canvas = over(canvas, rgb("5b2a4e"), trunk.astype(np.float32))
    reach = np.sqrt(dx * dx + dy * dy) + 0.18 * cloud(span, 16, rng)
    light = np.clip(0.5 + 0.42 * (dx - dy) + 0.25 * cloud(span, 20, rng), 0, 1)
    crown = _ramp(light, ("14213d", "1f4d4a", "3f8a3c", "b8c83e", "f6d24a"))
    return over(canvas, crown, step(1 - reach, 0, 0.1))


def _dotted(canvas: Image.Image, scene: Field, pitch_px: float, radius_px: float, rng: np.random.Generator) -> None:
    span = scene.shape[0]
    steps = np.arange(0, span + pitch_px, pitch_px)
    places = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    places = places + rng.uniform(-0.62, 0.62, places.shape) * pitch_px
    rng.shuffle(places)
    seen = scene[tuple(np.clip(places[:, ::-1].T, 0, span - 1).astype(int))]
    pigments = _pigments(seen, rng)
    draw = ImageDraw.Draw(canvas)
    radii = radius_px * rng.uniform(0.72, 1.12, (len(places), 1))
    for (x, y), (wide,), colour in zip(places, radii, pigments, strict=True):
        draw.ellipse((x - wide, y - wide * 0.94, x + wide, y + wide * 0.94), fill=tuple(int(c) for c in colour))


def _pigments(seen: Field, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A pure pigment near each colour seen, strayed by chance, so that neighbours differ and their mean is right."""
    pure = np.stack([rgb(colour) for colour in _PIGMENTS])
    strayed = seen + rng.normal(0, 0.16, seen.shape).astype(np.float32)
    nearest = np.square(strayed[:, None] - pure[None]).sum(2).argmin(1)
    mixed = 0.88 * pure[nearest] + 0.12 * seen
    levels = np.clip(mixed * rng.uniform(0.94, 1.05, (len(seen), 1)), 0, 1) * 255
    return np.asarray(levels, dtype=np.uint8)


def pointillism(size: int, seed: int) -> Pixels:
    """A river bank in evening light, painted in dots of unmixed colour on a warm ground."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    scene = _landscape(span, rng)
    ground = np.clip(0.72 * scene + 0.28 * rgb("f3e3c3"), 0, 1)
    canvas = Image.fromarray((ground * 255).astype(np.uint8))
    for pitch_px, radius_px in _LAYERS:
        _dotted(canvas, scene, pitch_px, radius_px, rng)
    return finished(np.asarray(canvas, dtype=np.float32) / np.float32(255), size)
