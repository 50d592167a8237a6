"""An endless zoo of style pictures to learn from: the n-th picture is a pure function of (seed, n) and the given ones.

A network that has seen three styles knows three styles; one that has seen hundreds of textures in hundreds of palettes
has to look at the picture it is given. Most pictures are invented from nothing; a share are our painters' pictures and
pictures that were given (their rights are the giver's to record), each varied in colour, size and section.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from stylecore.training.painters.base import Field, Pixels
from stylecore.training.painters.registry import PAINTERS, style_image
from stylecore.training.painters.textured import TEXTURED
from stylecore.training.zoo.fields import noise, palette
from stylecore.training.zoo.textures import TEXTURES

_PAINTERS = tuple(sorted(set(PAINTERS) - set(TEXTURED)))
_OVERSAMPLE = 1.5
_PAINTED_PX = 512
_LEAST_CONTRAST = 0.35


@dataclass(frozen=True, slots=True)
class StyleZoo:
    """``painted_share`` of the pictures come from our painters, ``given_share`` from ``given`` if there are any."""

    seed: int
    size_px: int = 384
    given: tuple[Pixels, ...] = ()
    painted_share: float = 0.2
    given_share: float = 0.15

    def picture(self, index: int) -> Pixels:
        """The picture of that number: square RGB."""
        rng = np.random.default_rng([self.seed, index])
        kind = rng.random()
        if self.given and kind < self.given_share:
            return _varied(self.given[int(rng.integers(len(self.given)))], self.size_px, rng)
        if kind < self.given_share + self.painted_share:
            return _varied(_painted(str(rng.choice(_PAINTERS)), int(rng.integers(2))), self.size_px, rng)
        return invented(self.size_px, str(rng.choice(sorted(TEXTURES))), rng)


def invented(size_px: int, texture: str, rng: np.random.Generator) -> Pixels:
    """A texture in a palette of its own, sometimes worked over by a second one, on paper or canvas or neither."""
    span, colours = round(size_px * _OVERSAMPLE), palette(rng)
    pitch = _OVERSAMPLE * float(np.exp(rng.uniform(np.log(5), np.log(26))))
    canvas = TEXTURES[texture](span, colours, pitch, rng)
    if rng.random() < 0.25:
        second = TEXTURES[str(rng.choice(sorted(TEXTURES)))](span, colours, pitch * rng.uniform(0.4, 2), rng)
        canvas = canvas + rng.uniform(0.2, 0.6) * (second - canvas)
    if rng.random() < 0.3:
        canvas = canvas + rng.uniform(0.01, 0.06) * noise(span, span / rng.uniform(2, 5), rng)[..., None]
    return _shrunk(_with_contrast(canvas), size_px)


def _with_contrast(canvas: Field) -> Field:
    """Spread out where it has less than a third of the range from dark to light: a flat picture shows no style."""
    dark, light = np.quantile(canvas[::4, ::4].mean(axis=2), (0.03, 0.97))
    if light - dark >= _LEAST_CONTRAST:
        return canvas
    middle = (dark + light) / 2
    stretched = middle + (canvas - middle) * (_LEAST_CONTRAST / max(light - dark, 0.02))
    return np.asarray(stretched + np.clip(0.5 - middle, -0.2, 0.2), dtype=np.float32)


def _shrunk(canvas: Field, size_px: int) -> Pixels:
    image = Image.fromarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(image.resize((size_px, size_px), Image.Resampling.LANCZOS))


@lru_cache(maxsize=64)
def _painted(name: str, seed: int) -> Pixels:
    return style_image(name, _PAINTED_PX, seed)


def _varied(picture: Pixels, size_px: int, rng: np.random.Generator) -> Pixels:
    """A section of it, turned and mirrored, and half the time in other colours."""
    image = Image.fromarray(picture)
    side = min(*image.size, size_px * float(np.exp(rng.uniform(np.log(0.6), np.log(1.6)))))
    left, top = rng.uniform(0, image.width - side), rng.uniform(0, image.height - side)
    section = image.resize((size_px, size_px), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side))
    pixels = np.rot90(np.asarray(section), int(rng.integers(4)))
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(_recoloured(pixels, rng) if rng.random() < 0.5 else pixels)


def _recoloured(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Hue turned, saturation changed, light kept: about the grey axis, so that what is grey stays so."""
    turn, saturation = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.5)
    grey = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    rotation = grey + saturation * (np.cos(turn) * (np.eye(3) - grey) + np.sin(turn) * cross)
    return np.asarray(np.clip(pixels @ rotation.T + 0.5, 0, 255).astype(np.uint8))
