"""Painters that lay one texture of the zoo in chosen colours. Their pictures are what ``any-style`` shows itself with:
the zoo it learns from never draws them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from stylecore.training.painters.base import OVERSAMPLE, Field, Painter, Pixels, finished, rgb
from stylecore.training.zoo.textures import Texture, crackle, marbling, strokes


def _painter(texture: Texture, colours: tuple[str, ...], pitch_px: float) -> Painter:
    palette: Field = np.stack([rgb(colour) for colour in colours])

    def paint(size: int, seed: int) -> Pixels:
        canvas = texture(size * OVERSAMPLE, palette, pitch_px * OVERSAMPLE, np.random.default_rng(seed))
        return finished(canvas, size)

    return paint


TEXTURED: Mapping[str, Painter] = MappingProxyType(
    {
        "marbling": _painter(marbling, ("16213f", "234e70", "3f88a5", "e08e5b", "f2d6a2", "fbf6ea"), 7.0),
        "gouache-strokes": _painter(strokes, ("2b1233", "7a1f4b", "d1495b", "f2a65a", "fbe3b5", "fff7e6"), 10.0),
        "batik": _painter(crackle, ("10163a", "1f3a7d", "4f7cb8", "b9d3e6", "f5f0e1"), 9.0),
    }
)
