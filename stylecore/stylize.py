"""Apply a style to pictures. A result depends on the picture, the style and the recipe, never on the neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from stylecore.colour_keeping import kept
from stylecore.colour_spaces import Colours
from stylecore.controls import Styling
from stylecore.data import Recipe
from stylecore.engine import ON_CPU, Engine
from stylecore.image import Picture
from stylecore.own_colours import restyled
from stylecore.palette import within
from stylecore.protect import Areas, areas_of, held
from stylecore.rendering import rendered, repeatable
from stylecore.styles.base import StyleModel


def stylize(
    style: Styling | StyleModel,
    pictures: Sequence[Picture],
    recipe: Recipe,
    engine: Engine = ON_CPU,
    areas: Sequence[Areas] | None = None,
) -> list[Picture]:
    """The pictures restyled, in their order. At strength 0 they are the very same objects.

    Alpha is carried untouched, and so are the colours under pixels that nobody can see. Pictures are resized before
    this, not here. ``areas`` says for each picture what is protected and what gets another style; without it they are
    found here, from the recipe's zones and the picture itself.
    """
    if not 0.0 <= recipe.strength <= 1.0:
        raise ValueError(f"strength {recipe.strength}; expected 0 to 1")
    styling = style if isinstance(style, Styling) else Styling.of(style, recipe)
    if recipe.strength == 0.0:
        return list(pictures)
    where = [areas_of(picture, recipe) for picture in pictures] if areas is None else areas
    if any(picture.motion for picture in pictures):
        return [_moved(styling, *each, recipe, engine) for each in zip(pictures, where, strict=True)]
    engine.claim_thread()
    with torch.inference_mode(), repeatable(engine):
        styled = _rendered(styling, pictures, where, engine)
    return [
        picture if colours is None else _finished(picture, colours, recipe, its)
        for picture, colours, its in zip(pictures, styled, where, strict=True)
    ]


def _moved(styling: Styling, picture: Picture, areas: Areas, recipe: Recipe, engine: Engine) -> Picture:
    """An animation frame by frame. What is protected in the first frame is protected in all."""
    motion, still = picture.motion, replace(picture, motion=None)
    frames = (still, *(motion.frames if motion is not None else ()))
    styled: list[Picture] = []
    for start in range(0, len(frames), engine.batch_size):
        batch = frames[start : start + engine.batch_size]
        styled += stylize(styling, batch, recipe, engine, [areas] * len(batch))
    first, *later = styled
    return replace(first, motion=None if motion is None else replace(motion, frames=tuple(later)))


def _rendered(
    styling: Styling, pictures: Sequence[Picture], areas: Sequence[Areas], engine: Engine
) -> list[Colours | None]:
    """Each picture in the style, and over it the styles of its regions, in the order in which the recipe has them."""
    styled: list[Colours | None] = [None] * len(pictures)
    for place, colours in rendered(styling.model, pictures, styling.brush, engine):
        styled[place] = colours
    for kind, model in styling.regions.items():
        places = [place for place, its in enumerate(areas) if kind in its.regions]
        for number, other in rendered(model, [pictures[place] for place in places], styling.brush, engine):
            below = styled[places[number]]
            if below is not None:
                share = areas[places[number]].regions[kind][..., None].astype(np.float32) / np.float32(255)
                styled[places[number]] = below + share * (other - below)
    return styled


def _finished(picture: Picture, styled: Colours, recipe: Recipe, areas: Areas) -> Picture:
    """Colours first, since they are what the style has changed; then strength; then the palette, a promise about what
    comes out; what must not change comes last."""
    visible = None if picture.alpha is None else picture.alpha > 0
    original = picture.pixels if picture.own is None else picture.colours
    styled = kept(original, styled, recipe.keep_colour, visible)
    before = picture.pixels.astype(np.float32) if picture.own is None else picture.colours * np.float32(255.0)
    levels = np.asarray(before + np.float32(recipe.strength) * (styled * np.float32(255.0) - before))
    if recipe.palette:
        in_palette = within(levels / np.float32(255.0), recipe.palette, recipe.palette_delta_e)
        levels = np.asarray(in_palette * np.float32(255.0))
    pixels = np.rint(levels).clip(0, 255).astype(np.uint8)
    if visible is not None:
        pixels = np.where(visible[..., None], pixels, picture.pixels)
    if areas.protected is not None:
        pixels = held(picture.pixels, pixels, areas.protected)
    if picture.own is None:
        return replace(picture, pixels=pixels)
    shown = np.asarray(levels / np.float32(255.0), dtype=np.float32)
    own = restyled(picture.own, shown, areas.protected, visible, is_bound=bool(recipe.palette))
    return replace(picture, pixels=pixels, own=own)
