"""Pictures to compare: a crop of a photograph and what became of it by changes and by styles.

Every group is a pure function of (seed, iteration), so training can stop anywhere and go on as if it had not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.styles.base import BLEND, STROKE, Brush, StyleModel, StyleSource, blend
from stylecore.styles.build import build
from stylecore.training.content import invented_crop, photo_crop
from stylecore.training.lpips_lite_changes import CHANGES, Pixels, Random
from stylecore.weights import WeightsFolder, load_safetensors

_PHOTO_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
_RESTYLED_SHARE, _TWO_CHANGES_SHARE, _ANOTHER_PICTURE_SHARE = 0.35, 0.15, 0.04


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A photograph and its renditions in several styles, all of one size."""

    photo: Image.Image = field(repr=False)
    renditions: tuple[Image.Image, ...] = field(default=(), repr=False)


def photos_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _PHOTO_SUFFIXES)


def as_batch(pictures: Sequence[Pixels]) -> Tensor:
    """N x 3 x H x W of 0..1."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous().float() / 255


def rendered(model: StyleModel, photo: Pixels, brush: Brush) -> Pixels:
    with torch.inference_mode():
        values = model.render(as_batch([photo]), brush)[0].permute(1, 2, 0).numpy()
    return np.asarray(np.rint(values * 255).clip(0, 255), dtype=np.uint8)


def models_of(package: Path, weights: WeightsFolder | None = None) -> list[StyleModel]:
    """All styles of a package that is trusted: one of our own. Its reference pictures play no part here."""
    told = json.loads((package / "style.json").read_text())
    nothing = np.zeros((64, 64, 3), dtype=np.uint8)
    sources = [StyleSource(style["index"], style["name"], nothing) for style in told["styles"]]
    tensors = load_safetensors(package / "weights.safetensors", None)
    shape = {name: tuple(value) if isinstance(value, list) else value for name, value in told["architecture"].items()}
    return build(told["family"], shape, tensors, sources, weights)


def sights(photos: Sequence[Image.Image], models: Sequence[StyleModel], seed: int) -> Iterator[Sight]:
    """Each photograph in every style, and once more in each with other strokes or mixed with another style."""
    for index, photo in enumerate(photos):
        random = np.random.default_rng([seed, index])
        pixels = np.asarray(photo)
        made = [rendered(model, pixels, Brush()) for model in models]
        made += [_varied(model, models, pixels, random) for model in models]
        yield Sight(photo, tuple(Image.fromarray(each) for each in made))


def _varied(model: StyleModel, models: Sequence[StyleModel], pixels: Pixels, random: Random) -> Pixels:
    others = [other for other in models if other is not model and other.family == model.family]
    if BLEND in model.family.controls and others and random.random() < 0.5:
        other = others[int(random.integers(len(others)))]
        return rendered(blend(model, [(other, float(random.uniform(0.2, 0.8)))]), pixels, Brush())
    stroke = float(np.exp(random.uniform(-0.6, 0.6))) if STROKE in model.family.controls else 1.0
    return rendered(model, pixels, Brush(stroke))


class PairSampler:
    """Groups of pictures: the first is a crop, the others are what became of it."""

    def __init__(self, sights: Sequence[Sight], crop_px: int, members: int, invented_share: float, seed: int) -> None:
        if not sights:
            raise StyleError("no photograph to learn from", "at least one")
        self._sights, self._crop_px, self._members, self._seed = sights, crop_px, members, seed
        self._invented_share = invented_share

    def batch(self, iteration: int, groups: int) -> Tensor:
        """(groups * members) x 3 x crop x crop of 0..1, one group after the other."""
        random = np.random.default_rng([self._seed, iteration])
        return as_batch([member for _ in range(groups) for member in self._group(random)])

    def _group(self, random: Random) -> Iterator[Pixels]:
        sight = self._sights[int(random.integers(len(self._sights)))]
        place = int(random.integers(2**31))  # the same crop of the photograph and of its renditions
        if random.random() < self._invented_share:
            sight = Sight(invented_crop(self._crop_px, random))
        crop = self._cropped(sight.photo, place)
        yield crop
        for _ in range(self._members - 1):
            yield self._changed(crop, sight, place, random)

    def _changed(self, crop: Pixels, sight: Sight, place: int, random: Random) -> Pixels:
        if random.random() < _ANOTHER_PICTURE_SHARE:
            other = self._sights[int(random.integers(len(self._sights)))]
            return self._cropped(other.photo, place + 1)
        changed = crop
        if sight.renditions and random.random() < _RESTYLED_SHARE:
            rendition = self._cropped(sight.renditions[int(random.integers(len(sight.renditions)))], place)
            strength = 1.0 if random.random() < 0.5 else float(random.uniform(0.1, 1))
            changed = np.rint(crop + strength * (rendition.astype(np.float32) - crop)).astype(np.uint8)
            return self._once(changed, 0.4, random) if random.random() < 0.2 else changed
        changed = self._once(changed, 1.0, random)
        return self._once(changed, 1.0, random) if random.random() < _TWO_CHANGES_SHARE else changed

    def _once(self, pixels: Pixels, most: float, random: Random) -> Pixels:
        change = list(CHANGES.values())[int(random.integers(len(CHANGES)))]
        return change(pixels, most * float(random.beta(1.0, 1.4)), random)

    def _cropped(self, picture: Image.Image, place: int) -> Pixels:
        if picture.size == (self._crop_px, self._crop_px):
            return np.asarray(picture)
        return np.asarray(photo_crop(picture, self._crop_px, np.random.default_rng(place)))
