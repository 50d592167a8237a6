"""What stands for a grade: a landscape at evening and a chart of colours, before or after a grader has seen them.

A grade has no texture, so its reference shows what it does to skies, foliage, skin, greys and pure colours.
"""

from __future__ import annotations

import colorsys

import numpy as np
import torch

from stylecore.training.graders import Grader, grader
from stylecore.training.painters.base import OVERSAMPLE, Field, Painter, Pixels, cloud, finished, grid, over, rgb, step

_SKINS = ("ffe0c4", "ecbc96", "d0946c", "a56846", "70422a", "421f1c")
_RANGES = ((0.34, "7f93b3"), (0.43, "5f7f86"), (0.52, "46693f"), (0.61, "8a8f3c"))
_CHART_TOP, _ROWS = 0.72, 4


def graded_chart(size: int, seed: int, look: Grader | None = None) -> Pixels:
    rng = np.random.default_rng(seed)
    x, y = grid(size * OVERSAMPLE)
    canvas = np.where(
        (y < _CHART_TOP)[..., None], _landscape(x, y, rng), _chart(x, (y - _CHART_TOP) / (1 - _CHART_TOP))
    )
    drawn = finished(canvas.astype(np.float32), size)
    return drawn if look is None else graded(drawn, look)


def graded(picture: Pixels, look: Grader) -> Pixels:
    colours = torch.from_numpy(picture.copy()).float() / 255
    levels: Pixels = (look(colours) * 255 + 0.5).to(torch.uint8).numpy()
    return levels


def chart_of(look: str) -> Painter:
    """The painter of the chart as that look shows it."""
    return lambda size, seed: graded_chart(size, seed, grader(look))


def _landscape(x: Field, y: Field, rng: np.random.Generator) -> Field:
    """A sun low over ranges of hills, haze between them."""
    haze = cloud(x.shape[0], 3, rng)
    height = np.clip(y / 0.55 + 0.06 * haze, 0, 1)[..., None]
    canvas = rgb("3f74c4") + (rgb("f3e3cf") - rgb("3f74c4")) * height
    near_sun = np.exp(-(((x - 0.68) ** 2 + (y - 0.3) ** 2) / 0.02))
    canvas = over(canvas, rgb("fff6da"), (0.9 * near_sun).astype(np.float32))
    for index, (crest, colour) in enumerate(_RANGES):
        line = crest + 0.035 * np.sin(x * (7 + 3 * index) + 2.1 * index) + 0.02 * haze
        shade = np.clip(1.1 - 2.2 * (y - line), 0.25, 1.1)[..., None]
        canvas = over(canvas, rgb(colour) * shade, step(y - line, 0, 0.004))
    return np.asarray(canvas, dtype=np.float32)


def _chart(x: Field, y: Field) -> Field:
    """Rows of greys, skins, full colours and quiet ones; the first goes evenly, the others in patches."""
    row = np.minimum((y * _ROWS).astype(int), _ROWS - 1)
    hues = [[colorsys.hsv_to_rgb(turn / 12, saturation, 0.85) for turn in range(12)] for saturation in (0.9, 0.45)]
    patches = [np.array([rgb(colour) for colour in _SKINS]), *map(np.array, hues)]
    canvas = np.repeat(x[..., None], 3, axis=2)
    for index, colours in enumerate(patches, start=1):
        place = np.minimum((x * len(colours)).astype(int), len(colours) - 1)
        canvas = np.where((row == index)[..., None], colours[place], canvas)
    return np.asarray(canvas, dtype=np.float32)
