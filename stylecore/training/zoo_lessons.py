"""Lessons for the families that read a style off a picture: every batch has other styles, from an endless zoo.

What each style wants (its Gram matrices) is measured when it first comes up, and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from stylecore.errors import StyleError
from stylecore.features import SqueezeFeatures
from stylecore.losses import (
    CONTENT_LAYERS,
    STYLE_LAYERS,
    Grams,
    Palette,
    content_loss,
    gram,
    gram_loss,
    halved,
    structure_loss,
    style_grams,
    tone_loss,
    total_variation,
)
from stylecore.styles.conditional import even_phases
from stylecore.training.material import Material
from stylecore.training.start import KeptStyle
from stylecore.training.style_zoo import StyleZoo
from stylecore.training.task import Pixels


@dataclass(frozen=True, slots=True)
class ZooSettings:
    """What such a family learns from, and how hard each loss pulls.

    ``packed`` names the styles of the recipe that are packed and never learnt from, so that what is said of them holds
    for any picture. Without names all are packed, and all are learnt from too.
    """

    packed: tuple[str, ...] = ()
    zoo_pictures: int = 512
    zoo_px: int = 384
    zoo_seed: int = 5
    seen_px: int = 192
    batch: int = 4
    style: float = 8.0
    palette: float = 3.0
    content: float = 1.0
    structure: float = 2.0
    tone: float = 0.5
    smoothness: float = 0.4
    reduced_precision: bool = True

    def weighted(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: getattr(self, name) * loss for name, loss in losses.items()}

    def precision(self) -> torch.autocast:
        """In which the networks are computed; losses are not."""
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.reduced_precision)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One batch: pictures to restyle, the section of its style that each is shown, and what it is measured by."""

    content: Tensor
    seen: Tensor
    styles: Tensor
    grams: Grams
    draws: torch.Generator


class ZooLessons:
    """Lessons on the first so many pictures of a zoo: each a pure function of (seed, iteration)."""

    def __init__(self, zoo: StyleZoo, pictures: int, material: Material, batch: int, seen_px: int) -> None:
        self._zoo, self._material, self._batch = zoo, material, batch
        self._seen_px = min(seen_px, zoo.size_px)
        self._known: list[tuple[Tensor, Grams] | None] = [None] * pictures

    def at(self, iteration: int) -> Lesson:
        """As many pictures as the batch has, each in another style."""
        draws = torch.Generator().manual_seed(self._material.seed * 1_000_003 + iteration)
        chosen = torch.randint(len(self._known), (self._batch,), generator=draws).tolist()
        rows = [self._row(index) for index in chosen]
        grams = tuple(
            {layer: torch.cat([row[scale][layer].float() for _, row in rows]) for layer in STYLE_LAYERS}
            for scale in range(2)
        )
        pictures = [picture.float() / 255 for picture, _ in rows]
        seen = torch.cat([self._section(picture, draws) for picture in pictures])
        content = torch.from_numpy(self._material.content.batch(iteration, self._batch))
        return Lesson(content, seen, torch.cat(pictures), grams, draws)

    def shown(self, count: int) -> Tensor:
        """Sections of the first pictures, as the encoder sees them in lessons."""
        draws = torch.Generator().manual_seed(self._material.seed)
        known = (self._row(index)[0].float() / 255 for index in range(min(count, len(self._known))))
        return torch.cat([self._section(picture, draws) for picture in known])

    def sections_of(self, picture: Pixels, count: int) -> Tensor:
        """Sections of a picture that is none of the zoo's, at the size at which the zoo would show it."""
        draws = torch.Generator().manual_seed(self._material.seed)
        square = ImageOps.fit(Image.fromarray(picture), (self._zoo.size_px,) * 2, Image.Resampling.LANCZOS)
        whole = torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1)[None].float() / 255
        return torch.cat([self._section(whole, draws) for _ in range(count)])

    def _section(self, picture: Tensor, draws: torch.Generator) -> Tensor:
        spare = self._zoo.size_px - self._seen_px
        top, left = torch.randint(spare + 1, (2,), generator=draws).tolist()
        return picture[:, :, top : top + self._seen_px, left : left + self._seen_px]

    def _row(self, index: int) -> tuple[Tensor, Grams]:
        known = self._known[index]
        if known is None:
            picture = torch.from_numpy(np.ascontiguousarray(self._zoo.picture(index).transpose(2, 0, 1)))[None]
            with torch.no_grad():
                grams = style_grams(self._material.features, picture.float() / 255)
            # Half size, for a zoo of hundreds of styles; bfloat16, since a Gram matrix outgrows the range of float16.
            known = picture, tuple({layer: each.bfloat16() for layer, each in scale.items()} for scale in grams)
            self._known[index] = known
        return known


def transfer_losses(rendered: Tensor, lesson: Lesson, features: SqueezeFeatures) -> dict[str, Tensor]:
    """The mixture of ``stylecore.losses`` as means over the batch, not yet weighted."""
    with torch.no_grad():
        wanted = features(lesson.content, CONTENT_LAYERS)
    found, coarse = features(rendered, STYLE_LAYERS), features(halved(rendered), STYLE_LAYERS)
    grams = tuple({layer: gram(f) for layer, f in scale.items()} for scale in (found, coarse))
    rows = torch.arange(len(rendered))
    losses = {
        "style": _rooted(gram_loss(grams, lesson.grams)),
        "palette": _rooted(Palette(lesson.styles).distance(rendered, rows, lesson.draws)),
        "content": content_loss(found, wanted),
        "structure": structure_loss(rendered, lesson.content),
        "tone": tone_loss(rendered, lesson.content),
        "smoothness": total_variation(rendered),
    }
    return {name: loss.mean() for name, loss in losses.items()}


def _rooted(loss: Tensor) -> Tensor:
    """A departure from training on few styles: some textures can hardly be met, and would drown all that can."""
    return (loss + 0.02).sqrt()


def lessons_for(settings: ZooSettings, material: Material) -> ZooLessons:
    zoo = zoo_for(settings, material)
    return ZooLessons(zoo, settings.zoo_pictures, material, settings.batch, settings.seen_px)


def zoo_for(settings: ZooSettings, material: Material) -> StyleZoo:
    """A zoo with a share of the given styles, but for those that are packed by name: they stay unseen."""
    given = tuple(style.pixels for style in material.styles if style.name not in settings.packed)
    return StyleZoo(settings.zoo_seed, settings.zoo_px, given)


def stored(network: nn.Module, subpixels: str) -> dict[str, Tensor]:
    """The tensors of a network as they are packed; those before the shuffle of that name so that they leave no grid."""
    whole = {name: value.detach() for name, value in network.state_dict().items()}
    whole[subpixels] = even_phases(whole[subpixels])
    return {name: value.half().contiguous() for name, value in whole.items()}


def packed_references(settings: ZooSettings, material: Material) -> dict[str, Pixels]:
    """The pictures that become the styles of the package: the named ones, or all."""
    known = {style.name: style.pixels for style in material.styles}
    if unknown := [name for name in settings.packed if name not in known]:
        raise StyleError(f"a style {unknown[0]!r} to be packed", f"one of {', '.join(known)}")
    return {name: known[name] for name in settings.packed or known}


def started_from(material: Material, family: str) -> Mapping[str, Tensor]:
    """The tensors of the package that training goes on from, if it is of that family."""
    return material.start.tensors if material.start is not None and material.start.family == family else {}


def known_styles(material: Material, family: str) -> tuple[KeptStyle, ...]:
    """The styles of the package that training goes on from, if it is of that family."""
    return material.start.styles if material.start is not None and material.start.family == family else ()
