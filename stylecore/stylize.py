"""Apply a style to pictures. A result depends on the picture, the style and the recipe, never on the neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from stylecore.data import Recipe
from stylecore.engine import ON_CPU, Engine
from stylecore.errors import StyleError
from stylecore.image import Picture, mean_visible_colour
from stylecore.styles.base import MIN_EDGE_PX, StyleModel

Colours = npt.NDArray[np.float32]


def stylize(model: StyleModel, pictures: Sequence[Picture], recipe: Recipe, engine: Engine = ON_CPU) -> list[Picture]:
    """The pictures restyled, in their order. At strength 0 they are the very same objects.

    Alpha is carried untouched, and so are the colours under pixels that nobody can see. Pictures are resized before
    this, not here; pictures of one shape share batches, and a batch is always filled up to the engine's size.
    """
    if not 0.0 <= recipe.strength <= 1.0:
        raise ValueError(f"strength {recipe.strength}; expected 0 to 1")
    if recipe.strength == 0.0:
        return list(pictures)
    engine.claim_thread()
    results = list(pictures)
    with torch.inference_mode(), _repeatable(engine):
        for places in _batches(pictures, engine.batch_size):
            rendered = _rendered(model, [_visible_colours(pictures[place]) for place in places], engine)
            for place, styled in zip(places, rendered, strict=True):
                results[place] = _blended(pictures[place], styled, recipe.strength)
    return results


def _repeatable(engine: Engine) -> AbstractContextManager[None]:
    if engine.device != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def _batches(pictures: Sequence[Picture], batch_size: int) -> Iterator[list[int]]:
    """Places of pictures that share a shape, a batch at a time. Where no pixel is visible there is nothing to style."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for place, picture in enumerate(pictures):
        if picture.alpha is None or picture.alpha.any():
            by_shape.setdefault(picture.pixels.shape, []).append(place)
    for places in by_shape.values():
        for start in range(0, len(places), batch_size):
            yield places[start : start + batch_size]


def _visible_colours(picture: Picture) -> Colours:
    """What the network sees: hidden pixels take the mean visible colour.

    Whatever lies under full transparency (often black) would otherwise bleed through convolutions into visible edges
    and shift the whole picture through the normalisation.
    """
    colours = picture.pixels.astype(np.float32) / 255.0
    if picture.alpha is None:
        return colours
    colours[picture.alpha == 0] = mean_visible_colour(colours, picture.alpha)
    return colours


def _rendered(model: StyleModel, colours: Sequence[Colours], engine: Engine) -> list[Colours]:
    height, width, _ = colours[0].shape
    filled = [*colours, *[colours[-1]] * (engine.batch_size - len(colours))]
    batch = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).contiguous().to(engine.device)
    spare = (0, max(0, MIN_EDGE_PX - width), 0, max(0, MIN_EDGE_PX - height))
    batch = torch.nn.functional.pad(batch, spare, mode="replicate")
    styled = model.render(batch)
    if styled.shape != batch.shape:
        raise StyleError(f"style {model.name} gave {tuple(styled.shape)}", f"{tuple(batch.shape)}")
    if not bool(torch.isfinite(styled).all()):
        raise StyleError(f"style {model.name} gave values that are not numbers", "0 to 1", "Retire this style version")
    shown = styled[: len(colours), :, :height, :width].permute(0, 2, 3, 1).float().cpu().numpy()
    return list(shown)


def _blended(picture: Picture, styled: Colours, strength: float) -> Picture:
    before = picture.pixels.astype(np.float32)
    levels = before + np.float32(strength) * (styled * np.float32(255.0) - before)
    pixels = np.rint(levels).clip(0, 255).astype(np.uint8)
    if picture.alpha is not None:
        pixels = np.where(picture.alpha[..., None] == 0, picture.pixels, pixels)
    return replace(picture, pixels=pixels)
