"""Woodblock: flat colours with graded edges, keyblock lines and the grain of the wood."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from stylecore.training.painters.base import (
    OVERSAMPLE,
    Field,
    Pixels,
    blurred,
    cloud,
    finished,
    fractions,
    grid,
    over,
    rgb,
    shifted,
    step,
    value_noise,
)

_PAPER, _INK = "f4e8cf", "14243f"
_PRUSSIAN, _SEA, _PALE = "1b3f73", "3f77a5", "a9c6cc"
_TERRACOTTA, _OCHRE, _PINE, _ROSE = "c4583a", "dda850", "3b5f4c", "e9a98a"


class Block:
    """A print in the making: each colour is pressed on with the grain of its block, and lines are kept for the end."""

    def __init__(self, span: int, rng: np.random.Generator) -> None:
        self.span, self._rng = span, rng
        self.canvas = np.broadcast_to(rgb(_PAPER), (span, span, 3)).astype(np.float32)
        self.lines = np.zeros((span, span), dtype=np.float32)

    def print(self, shape: Field, colour: str, tone: Field | float = 1.0) -> None:
        """``tone`` is how much ink the printer left on the block: graded by hand (bokashi) where it is a field."""
        self.canvas = over(self.canvas, rgb(_PAPER), shape)
        self.grade(shape, colour, tone)
        self.lines = self.lines * (1 - shape)
        self.outline(shape)

    def grade(self, shape: Field, colour: str, tone: Field | float) -> None:
        """One more ink over what is printed already, without a line of its own."""
        ink = rgb(colour) * (1 + 0.05 * self._grain()[..., None])
        self.canvas = over(self.canvas, np.asarray(ink, dtype=np.float32), np.asarray(shape * tone, dtype=np.float32))

    def outline(self, shape: Field, width_px: int = 5) -> None:
        """The keyblock's line about a shape, swelling and thinning as the knife went."""
        inside = Image.fromarray((shape * 255).astype(np.uint8))
        edge = fractions(inside.filter(ImageFilter.MaxFilter(width_px))) - fractions(
            inside.filter(ImageFilter.MinFilter(width_px - 2))
        )
        self.lines = np.maximum(self.lines, blurred(edge, 1.0))

    def engrave(self, lines: Field, within: Field) -> None:
        self.lines = np.maximum(self.lines, lines * within)

    def _grain(self) -> Field:
        """Long fibres, and the rings of a plank cut along them."""
        x, y = grid(self.span)
        rings = np.sin(230 * (y + 0.02 * value_noise(self.span, (9, 3), self._rng) + 0.03 * x))
        return np.asarray(0.55 * rings + 0.9 * value_noise(self.span, (self.span // 4, 9), self._rng), dtype=np.float32)


def _line(distance: Field, width_px: float) -> Field:
    return np.asarray(np.clip(width_px / 2 - np.abs(distance) + 0.5, 0, 1), dtype=np.float32)


def _sky(block: Block, x: Field, y: Field) -> None:
    span = block.span
    full = np.ones((span, span), dtype=np.float32)
    block.grade(full, _PALE, np.clip(0.2 + 0.75 * y, 0, 0.7))
    block.grade(full, _ROSE, np.clip(1 - np.abs(y - 0.42) * 6, 0, 1) * 0.75)
    block.grade(full, _PRUSSIAN, np.clip(1.05 - y * 5.5, 0, 1) ** 1.3)
    block.print(step(0.105 - np.hypot(x - 0.3, y - 0.235), 0, 0.002), _TERRACOTTA, np.clip(1.3 - 1.6 * y, 0.3, 1))
    for height, left, right in ((0.17, 0.42, 1.05), (0.3, -0.05, 0.22), (0.36, 0.55, 0.83)):
        bank = np.maximum(np.maximum(left - x, x - right), 0)
        lens = 0.015 + 0.005 * np.sin(x * 31 + height * 90)
        block.print(step(lens - np.hypot(y - height, bank * 0.9), 0, 0.002), _PAPER, 0.9)


def _mountain(block: Block, x: Field, y: Field) -> None:
    peak = 0.2 + 0.9 * np.abs(x - 0.66) ** 1.18 / (0.42 + 0.5 * np.abs(x - 0.66))
    slope = step(y - peak, 0, 0.002)
    block.print(slope, _PRUSSIAN, np.clip(1.25 - (y - peak) * 2.6, 0.25, 1))
    snow = 0.29 + 0.055 * np.abs(np.sin(x * 40)) + 0.02 * np.sin(x * 23) + 0.3 * np.abs(x - 0.66)
    block.print(slope * step(snow - y, 0, 0.002), _PAPER, 0.96)
    folds = (x - 0.66) * 60 / (0.25 + 2.4 * np.clip(y - 0.18, 0.02, 1))
    ribs = _line(np.asarray((folds + 0.4 * np.sin(y * 60)) % 3 - 1.5, dtype=np.float32) * 9, 2.4)
    block.engrave(ribs, slope * step(y - snow, 0.01, 0.004) * step(0.52 - y, 0, 0.05))


def _hills(block: Block, x: Field, y: Field, rng: np.random.Generator) -> None:
    for height, colour, light in ((0.5, _OCHRE, 0.95), (0.58, _PINE, 1.0)):
        crest = height + 0.045 * np.sin(x * 6 + height * 40) + 0.008 * np.sin(x * 37)
        hill = step(y - crest, 0, 0.002)
        block.print(hill, colour, np.clip(light - (y - crest) * 4.5, 0.2, 1))
        tufts = np.abs(((x * 44 + 2.5 * np.floor((y - crest) * 46)) % 1) - 0.5) * 20
        rows = ((y - crest) * 46) % 1
        block.engrave(_line((tufts - 7 * rows).astype(np.float32), 2.0) * step(0.62 - rows, 0, 0.1), hill)


def _sea(block: Block, x: Field, y: Field) -> None:
    """Bands of waves, each a row of curling crests with lines along its back."""
    for index in range(5):
        base = 0.655 + 0.075 * index
        turn = x * (17 - 1.8 * index) + 1.9 * index
        crest = base + (0.011 + 0.004 * index) * (np.abs(np.sin(turn)) * 2 - 1.3 + 0.35 * np.sin(2 * turn))
        wave = step(y - crest, 0, 0.002)
        block.print(wave, (_SEA, _PRUSSIAN)[index % 2], np.clip(0.45 + (y - crest) * 9, 0.3, 1))
        block.print(wave * step(crest + 0.011 - y, 0, 0.002), _PAPER, 0.95)
        backs = ((y - crest) * 120) % 1.6 - 0.8
        block.engrave(_line(np.asarray(backs * 8, dtype=np.float32), 2.2), wave * step(y - crest - 0.02, 0, 0.004))


def _pines(block: Block, x: Field, y: Field) -> None:
    """A leaning pine in front: a dark trunk, and flat clouds of needles with their fan of lines."""
    lean = 0.1 + 0.12 * (1 - y) + 0.02 * np.sin(y * 14)
    trunk = step(0.018 + 0.012 * y - np.abs(x - lean), 0, 0.002) * step(y - 0.44, 0, 0.002)
    block.print(trunk.astype(np.float32), "4a3429", np.clip(0.7 + 12 * (lean - x), 0.55, 1))
    for centre_x, centre_y, radius in ((0.11, 0.46, 0.1), (0.24, 0.55, 0.085), (0.04, 0.6, 0.075), (0.27, 0.42, 0.06)):
        dx, dy = (x - centre_x) / radius, (y - centre_y) / (0.48 * radius)
        turn = np.arctan2(dy, dx)
        pad = step(1 + 0.07 * np.cos(turn * 13) - np.hypot(dx, dy), 0, 0.02)
        block.print(pad, _PINE, np.clip(0.75 + 0.35 * dy, 0.35, 1))
        block.engrave(_line(np.asarray(((turn * 9) % 1 - 0.5) * 22, dtype=np.float32), 2.4), pad)


def woodblock(size: int, seed: int) -> Pixels:
    """A mountain over hills and sea in Prussian blue, terracotta and ochre on cream paper."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    x, y = grid(span)
    x, y = x + 0.004 * value_noise(span, (9, 9), rng), y + 0.004 * value_noise(span, (9, 9), rng)
    block = Block(span, rng)
    _sky(block, x, y)
    _mountain(block, x, y)
    _hills(block, x, y, rng)
    _sea(block, x, y)
    _pines(block, x, y)
    pressed = over(block.canvas, rgb(_INK), np.clip(shifted(block.lines, 1, 1) * 1.15, 0, 1).astype(np.float32) * 0.93)
    fibres = 1 + 0.022 * cloud(span, 110, rng, 2)
    return finished((pressed * fibres[..., None]).astype(np.float32), size)
