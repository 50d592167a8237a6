"""Gouache: broad, opaque planes laid with a flat brush, breaking over the tooth of the paper where it runs dry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.training.painters.base import OVERSAMPLE, Field, Pixels, cloud, finished, grid, rgb, step, value_noise

_PAPER = "f9f1e1"


@dataclass(frozen=True, slots=True)
class _Plane:
    """One thing in the picture: where it is, how light falls on it (0 dark, 1 light), which way the brush goes there,
    and the pots of paint it takes, dark to light."""

    mask: Field
    light: Field
    direction: Field
    pots: tuple[str, ...]
    brushes: tuple[tuple[float, int], ...]
    """Widths as a share of the picture, broad to fine, with the number of strokes for each."""


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull of the brush, in pixels of the canvas."""

    down: float
    right: float
    angle: float
    length: float
    width: float
    bend: float
    dryness: float


def gouache(size: int, seed: int) -> Pixels:
    """A bay in evening light: peach sky, teal water, ochre slopes and dark pines, from a few pots of opaque paint."""
    rng = np.random.default_rng(seed)
    span = size * OVERSAMPLE
    tooth = 0.7 * value_noise(span, (300, 300), rng) + 0.5 * value_noise(span, (90, 90), rng)
    canvas = np.asarray(rgb(_PAPER) * (1 + 0.03 * tooth[..., None]), dtype=np.float32)
    for plane in _bay(span, rng):
        for width, count in plane.brushes:
            for down, right in _places(plane.mask, count, rng):
                pull = _pull(down, right, float(plane.direction[down, right]), width * span, rng)
                tone = float(plane.light[down, right]) + rng.normal(0, 0.09)
                _lay(canvas, pull, _mixed(plane.pots, tone, rng), plane.mask, tooth, rng)
    return finished(canvas, size)


def _bay(span: int, rng: np.random.Generator) -> list[_Plane]:
    """Back to front, as one paints with a paint that covers."""
    x, y = grid(span)
    haze = cloud(span, 3, rng)
    whole = np.ones((span, span), dtype=np.float32)
    sun = np.hypot(x - 0.68, (y - 0.2) * 1.1)
    sky = _Plane(
        _ragged(0.56 - y, span, rng),
        np.clip(1.05 - 1.5 * sun + 0.25 * haze, 0, 1).astype(np.float32),
        (0.12 * np.sin(x * 4) + 0.25 * haze).astype(np.float32),
        ("79b7b5", "a5cdc2", "e3a684", "f3bf93", "f8d9ac", "fcefd2"),
        ((0.1, 130), (0.06, 150), (0.03, 60)),
    )
    disc = _Plane(_ragged(0.065 - sun, span, rng), whole, 0.6 * whole, ("f6e2a8", "fff6df"), ((0.035, 30),))
    planes = [sky, disc]
    for index, (height, pots) in enumerate(_RANGES):
        crest = height + _ridge(x, index, rng)
        depth = np.clip((y - crest) / 0.22, 0, 1)
        fold = np.sin(x * (11 + 3 * index) + 5 * y + 2 * haze + index)
        planes.append(
            _Plane(
                _ragged(y - crest, span, rng),
                np.clip(0.62 + 0.4 * fold - 0.35 * depth, 0, 1).astype(np.float32),
                (0.75 * np.cos(x * (6 + index) + index) + 0.3 * haze).astype(np.float32),
                pots,
                ((0.075, 110), (0.045, 170), (0.022, 150)),
            )
        )
    planes.insert(4, _water(x, y, haze, span, rng))
    planes += [_tree(x, y, at, foot, tall, span, rng) for at, foot, tall in _TREES]
    return planes


_RANGES = (
    (0.40, ("3c7f88", "5f9fa0", "8fbfb4", "c9d8c2")),
    (0.47, ("8a3a2c", "c4552f", "dd8148", "ecb254")),
    (0.76, ("17323f", "7a2f2b", "b5482e", "d88b3f", "edc063")),
    (0.88, ("0d1a26", "15303d", "1d4a54", "4f7f5a")),
)
_TREES = ((0.1, 0.97, 0.62), (0.22, 0.99, 0.4), (0.87, 0.98, 0.5))


def _ridge(x: Field, index: int, rng: np.random.Generator) -> Field:
    turn = rng.uniform(0, 6, 2)
    wave = 0.07 * np.sin(x * (4.1 + 1.3 * index) + turn[0]) + 0.025 * np.sin(x * (12 + index) + turn[1])
    return np.asarray(wave, dtype=np.float32)


def _water(x: Field, y: Field, haze: Field, span: int, rng: np.random.Generator) -> _Plane:
    glitter = np.exp(-(((x - 0.66) / 0.13) ** 2))
    ripple = 0.22 * np.sin(y * 75 + 4 * np.sin(x * 5) + 3 * haze)
    return _Plane(
        _ragged(np.minimum(y - 0.53 - 0.01 * np.sin(x * 9), 0.9 - y), span, rng),
        np.clip(0.3 + 0.55 * glitter + ripple * (0.6 + y) - 0.35 * (y - 0.55), 0, 1).astype(np.float32),
        (0.06 * np.sin(x * 7)).astype(np.float32),
        ("12485a", "1b6a75", "2f8f92", "67b5ac", "b4d8c8", "fbe7c2"),
        ((0.06, 150), (0.03, 240), (0.014, 200)),
    )


def _tree(x: Field, y: Field, at: float, foot: float, tall: float, span: int, rng: np.random.Generator) -> _Plane:
    """A pine: tiers of boughs, narrower towards the top, dark below and warm where the light strikes."""
    rise = np.clip((foot - y) / tall, 0, 1)
    tier = 0.55 + 0.45 * np.abs(((rise * 6) % 1.0) - 1)
    reach = 0.34 * tall * (1 - rise) * tier
    inside = np.minimum(reach - np.abs(x - at), np.minimum(foot - y, y - foot + tall))
    light = np.clip(0.28 + 4.0 * (x - at) + 0.35 * cloud(span, 14, rng), 0, 1)
    return _Plane(
        _ragged(inside, span, rng),
        light.astype(np.float32),
        (np.sign(x - at) * 0.5).astype(np.float32),
        ("0a131d", "0f2430", "173c46", "2b5f58", "c9873f"),
        ((0.04, 60), (0.022, 120), (0.012, 110)),
    )


def _ragged(inside: Field, span: int, rng: np.random.Generator) -> Field:
    """Where ``inside`` is positive, with an edge as unsteady as a hand."""
    wobble = 0.006 * value_noise(span, (26, 26), rng) + 0.003 * value_noise(span, (80, 80), rng)
    return step((inside + wobble).astype(np.float32), 0, 0.004)


def _places(mask: Field, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    inside = np.flatnonzero(mask > 0.5)
    chosen = rng.choice(inside, count) if inside.size else inside
    return [(int(place) // mask.shape[1], int(place) % mask.shape[1]) for place in chosen]


def _pull(down: int, right: int, angle: float, width: float, rng: np.random.Generator) -> _Pull:
    return _Pull(
        down=down,
        right=right,
        angle=angle + rng.normal(0, 0.22),
        length=width * rng.uniform(1.6, 4.2),
        width=width * rng.uniform(0.7, 1.25),
        bend=rng.normal(0, 0.35),
        dryness=rng.beta(1.3, 2.2),
    )


def _mixed(pots: tuple[str, ...], tone: float, rng: np.random.Generator) -> Field:
    """The nearest pot, barely stirred: neighbouring pulls differ a little, as paint on a palette does."""
    pot = rgb(pots[int(np.clip(round(tone * (len(pots) - 1)), 0, len(pots) - 1))])
    return np.asarray(pot * (1 + rng.normal(0, 0.025)) + rng.normal(0, 0.012, 3), dtype=np.float32)


def _lay(canvas: Field, pull: _Pull, paint: Field, mask: Field, tooth: Field, rng: np.random.Generator) -> None:
    """Paints one pull into the canvas, in the window that it can reach."""
    reach = int(0.6 * (pull.length + pull.width)) + 2
    rows = slice(max(0, int(pull.down) - reach), min(canvas.shape[0], int(pull.down) + reach))
    columns = slice(max(0, int(pull.right) - reach), min(canvas.shape[1], int(pull.right) + reach))
    y, x = np.mgrid[rows, columns].astype(np.float32)
    along = ((x - pull.right) * np.cos(pull.angle) + (y - pull.down) * np.sin(pull.angle)) / (pull.length / 2)
    across = ((y - pull.down) * np.cos(pull.angle) - (x - pull.right) * np.sin(pull.angle)) / (pull.width / 2)
    across = across + pull.bend * along * along - 0.3 * pull.bend
    bristles = rng.uniform(-1, 1, 34)
    streak = np.interp(across, np.linspace(-1.2, 1.2, 34), bristles).astype(np.float32)
    # Each bristle starts and lets go at its own place, and runs dry on its own way.
    body = np.clip((1 - np.abs(across)) * pull.width * 0.12, 0, 1)
    ends = np.clip((1 - np.abs(along + 0.14 * streak)) * pull.length * 0.1, 0, 1)
    load = 1.1 - pull.dryness * (0.55 + 0.6 * along) + 0.45 * streak * pull.dryness
    cover = np.clip((load + 0.55 * tooth[rows, columns] - 0.28) * 5 + 0.5, 0, 1) * body * ends * mask[rows, columns]
    ridge = 1 + 0.035 * streak + 0.02 * tooth[rows, columns]
    window = canvas[rows, columns]
    window += (paint * ridge[..., None] - window) * cover[..., None].astype(np.float32)
