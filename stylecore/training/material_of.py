"""From a recipe to what a training is given: style images, content with its rights, held-out pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from stylecore.features import SqueezeFeatures
from stylecore.image import Picture
from stylecore.training.augmentation import Augmentation
from stylecore.training.content import ContentSampler
from stylecore.training.errors import TrainingError
from stylecore.training.listing import Listed, Photos, below, decoded, read_listing, split
from stylecore.training.material import Material, StyleImage
from stylecore.training.painters.registry import style_image
from stylecore.training.recipe import StylePart, TrainingRecipe
from stylecore.training.start import Start
from stylecore.training.task import Pixels

_HELD_OUT_EDGE_PX = 512
_LEAST_STYLE_EDGE_PX = 96


@dataclass(frozen=True, slots=True)
class Gathered:
    """The material, and what it was made of: for the card and the rights."""

    material: Material
    trained_on: Photos
    held_out: tuple[Listed, ...]
    judged_by: tuple[Picture, ...] = field(repr=False)


def gathered(
    recipe: TrainingRecipe,
    folder: Path,
    photos: Path | None,
    features: SqueezeFeatures,
    start: Start | None = None,
) -> Gathered:
    """``folder`` is the recipe's own. The pictures of its listing lie below ``photos``, or beside the listing."""
    kept, held, root = _listed(recipe, folder, photos)
    trained_on, held_out = Photos(root, kept), Photos(root, held)
    varied = Augmentation(**recipe.content.augmentation.model_dump())
    sampler = ContentSampler(trained_on, recipe.content.crop_px, recipe.content.synthetic_share, recipe.seed, varied)
    styles = tuple(
        StyleImage(style.name, _pixels(style, folder, recipe.style_image_px), dict(style.pull), style.taught_by)
        for style in recipe.styles
    )
    judged_by = tuple(_judged(image) for image in held_out)
    return Gathered(Material(styles, sampler, features, recipe.seed, start), trained_on, tuple(held), judged_by)


def _listed(
    recipe: TrainingRecipe, folder: Path, photos: Path | None
) -> tuple[Sequence[Listed], Sequence[Listed], Path]:
    content = recipe.content
    if content.listing is None:
        return (), (), folder
    listing = below(folder, content.listing)
    kept, held = split(read_listing(listing), content.held_out, recipe.seed)
    return kept, held, photos or listing.parent


def _pixels(style: StylePart, folder: Path, edge_px: int) -> Pixels:
    """The style's picture, square. One from a file is cut from its middle."""
    if style.image.file is None:
        return style_image(style.image.drawn or style.name, edge_px, style.image.seed)
    picture = decoded(below(folder, style.image.file), 4 * edge_px)
    if min(picture.width_px, picture.height_px) < _LEAST_STYLE_EDGE_PX:
        raise TrainingError(
            f"the style image of {style.name} has {picture.width_px} x {picture.height_px} px",
            f"at least {_LEAST_STYLE_EDGE_PX} px each way",
        )
    square = ImageOps.fit(Image.fromarray(picture.pixels), (edge_px, edge_px), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(square))


def _judged(photo: Image.Image) -> Picture:
    small = photo.copy()
    small.thumbnail((_HELD_OUT_EDGE_PX, _HELD_OUT_EDGE_PX), Image.Resampling.LANCZOS)
    return Picture(np.asarray(small).copy())
