"""From a recipe to what a training is given: style images, content with its rights, held-out pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from stylecore.features import SqueezeFeatures
from stylecore.image import Picture
from stylecore.training.augmentation import Augmentation
from stylecore.training.content import ContentSampler
from stylecore.training.errors import TrainingError
from stylecore.training.examples import Examples, examples_of
from stylecore.training.listing import Listed, Photos, below, decoded, read_listing, split
from stylecore.training.material import Material, StyleImage
from stylecore.training.painters.registry import style_image
from stylecore.training.recipe import ImageSource, StylePart, TrainingRecipe
from stylecore.training.start import Start
from stylecore.training.task import Pixels

_HELD_OUT_EDGE_PX = 512
_LEAST_STYLE_EDGE_PX = 96


@dataclass(frozen=True, slots=True)
class Gathered:
    """The material, and what it was made of: for the card and the rights. ``examples`` by the names of their styles."""

    material: Material
    trained_on: Photos
    held_out: tuple[Listed, ...]
    judged_by: tuple[Picture, ...] = field(repr=False)
    examples: Mapping[str, Examples] = field(default_factory=dict, repr=False)

    def image_of(self, style: StylePart) -> ImageSource:
        """The picture that stands for the style: its own, or the first of its examples."""
        return _image_of(style, self.examples.get(style.name))


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
    examples = {style.name: found for style in recipe.styles if (found := examples_of(style, folder)) is not None}
    styles = tuple(_style(style, examples.get(style.name), folder, recipe.style_image_px) for style in recipe.styles)
    judged_by = tuple(_judged(image) for image in held_out)
    material = Material(styles, sampler, features, recipe.seed, start)
    return Gathered(material, trained_on, tuple(held), judged_by, examples)


def _listed(
    recipe: TrainingRecipe, folder: Path, photos: Path | None
) -> tuple[Sequence[Listed], Sequence[Listed], Path]:
    content = recipe.content
    if content.listing is None:
        return (), (), folder
    listing = below(folder, content.listing)
    kept, held = split(read_listing(listing), content.held_out, recipe.seed)
    return kept, held, photos or listing.parent


def _style(style: StylePart, examples: Examples | None, folder: Path, edge_px: int) -> StyleImage:
    pixels = _pixels(style.name, _image_of(style, examples), folder, edge_px)
    known = StyleImage(style.name, pixels, dict(style.pull), style.taught_by)
    return known if examples is None else replace(known, pairs=examples.pairs, targets=examples.pictures)


def _image_of(style: StylePart, examples: Examples | None) -> ImageSource:
    if style.image is not None:
        return style.image
    if examples is None:
        raise TrainingError(f"{style.name} without a picture", "an image, pairs or targets")
    return examples.image


def _pixels(style: str, image: ImageSource, folder: Path, edge_px: int) -> Pixels:
    """Square. One from a file is cut from its middle."""
    if image.file is None:
        return style_image(image.drawn or style, edge_px, image.seed)
    picture = decoded(below(folder, image.file), 4 * edge_px)
    if min(picture.width_px, picture.height_px) < _LEAST_STYLE_EDGE_PX:
        raise TrainingError(
            f"the style image of {style} has {picture.width_px} x {picture.height_px} px",
            f"at least {_LEAST_STYLE_EDGE_PX} px each way",
        )
    square = ImageOps.fit(Image.fromarray(picture.pixels), (edge_px, edge_px), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(square))


def _judged(photo: Image.Image) -> Picture:
    small = photo.copy()
    small.thumbnail((_HELD_OUT_EDGE_PX, _HELD_OUT_EDGE_PX), Image.Resampling.LANCZOS)
    return Picture(np.asarray(small).copy())
