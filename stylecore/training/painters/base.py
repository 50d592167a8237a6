"""What painters share: noise, grids, colours, edges and the way a canvas becomes a picture.

Each painter is a pure function of a size and a seed. They draw at twice the size and shrink, because a style image with
jagged edges teaches a network jagged edges. Every picture spans dark to light on purpose: a style that lacks one end
of the tonal range cannot carry the structure of a photograph.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Field = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]
Painter = Callable[[int, int], Pixels]

STYLE_IMAGE_PX = 512
OVERSAMPLE = 2


def value_noise(size: int, cells: tuple[int, int], rng: np.random.Generator) -> Field:
    """Smooth noise in about -1..1: a random grid of ``cells`` (down, across) enlarged bicubically."""
    grid = rng.uniform(-1, 1, (cells[0] + 3, cells[1] + 3)).astype(np.float32)
    wide = Image.fromarray(grid).resize((size + size // 2, size + size // 2), Image.Resampling.BICUBIC)
    return np.asarray(wide, dtype=np.float32)[size // 4 : size // 4 + size, size // 4 : size // 4 + size]


def cloud(size: int, cells: int, rng: np.random.Generator, octaves: int = 3) -> Field:
    """Several octaves of value noise, each half as strong as the one before."""
    layers = [value_noise(size, (cells << i, cells << i), rng) * np.float32(0.5**i) for i in range(octaves)]
    return np.asarray(np.sum(layers, axis=0), dtype=np.float32)


def grid(size: int) -> tuple[Field, Field]:
    steps = np.linspace(0, 1, size, dtype=np.float32)
    x, y = np.meshgrid(steps, steps)
    return x, y


def rgb(colour: str) -> Field:
    channels = [int(colour[i : i + 2], 16) for i in (0, 2, 4)]
    return np.asarray(np.array(channels, dtype=np.float32) / np.float32(255))


def blurred(mask: Field, radius_px: float) -> Field:
    image = Image.fromarray((np.clip(mask, 0, 1) * 255).astype(np.uint8))
    return fractions(image.filter(ImageFilter.GaussianBlur(radius_px)))


def fractions(image: Image.Image) -> Field:
    """A grey image as 0..1."""
    return np.asarray(np.asarray(image, dtype=np.float32) / np.float32(255))


def shifted(field: Field, down_px: int, right_px: int) -> Field:
    """Moved down and right; what comes in at the edge repeats the edge, where rolling would bring the far side in."""
    padded = np.pad(field, ((down_px, 0), (right_px, 0)), mode="edge")
    return padded[: field.shape[0], : field.shape[1]]


def step(value: Field, edge: float, softness: float) -> Field:
    return np.asarray(np.clip((value - edge) / softness + 0.5, 0, 1), dtype=np.float32)


def soft(field: Field, spread_px: float) -> Field:
    """A Gaussian blur in floats (Pillow's knows bytes alone), by three running means, near enough to one."""
    passes = 3
    width = round(float(np.sqrt(12 * spread_px**2 / passes + 1))) | 1
    for axis in (0, 1):
        for _ in range(passes):
            sides = [(0, 0), (0, 0)]
            sides[axis] = (width // 2 + 1, width // 2)
            sums = np.cumsum(np.pad(field, sides, mode="edge"), axis=axis, dtype=np.float64)
            ahead, behind = (np.delete(sums, cut, axis=axis) for cut in (np.s_[:width], np.s_[-width:]))
            field = ((ahead - behind) / width).astype(np.float32)
    return field


def finished(canvas: Field, size: int) -> Pixels:
    return shrunk(canvas, (size, size))


def shrunk(canvas: Field, size: tuple[int, int]) -> Pixels:
    """The picture of that width and height that a larger canvas was painted for."""
    image = Image.fromarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def over(canvas: Field, colour: Field, coverage: Field) -> Field:
    return canvas + (colour - canvas) * coverage[..., None]
