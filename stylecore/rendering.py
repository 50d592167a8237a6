"""Pictures through a style network in batches of one fixed shape. Who the neighbours are never shows in a result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from stylecore.colour_spaces import Colours
from stylecore.engine import Engine
from stylecore.errors import StyleError
from stylecore.image import Picture, mean_visible_colour
from stylecore.styles.base import MIN_EDGE_PX, Brush, StyleModel


def rendered(
    model: StyleModel, pictures: Sequence[Picture], brush: Brush, engine: Engine
) -> Iterator[tuple[int, Colours]]:
    """Each picture's place and its colours in that style. Pictures of one shape share batches, which are always full.

    Where no pixel is visible there is nothing to style, and nothing comes.
    """
    for places in _batches(pictures, engine.batch_size):
        styled = _batch(model, [_visible_colours(pictures[place]) for place in places], brush, engine)
        yield from zip(places, styled, strict=True)


def repeatable(engine: Engine) -> AbstractContextManager[None]:
    if engine.device != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def _batches(pictures: Sequence[Picture], batch_size: int) -> Iterator[list[int]]:
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
    colours = picture.colours
    if picture.alpha is None:
        return colours
    colours[picture.alpha == 0] = mean_visible_colour(colours, picture.alpha)
    return colours


def _batch(model: StyleModel, colours: Sequence[Colours], brush: Brush, engine: Engine) -> list[Colours]:
    height, width, _ = colours[0].shape
    filled = [*colours, *[colours[-1]] * (engine.batch_size - len(colours))]
    batch = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).contiguous().to(engine.device)
    spare = (0, max(0, MIN_EDGE_PX - width), 0, max(0, MIN_EDGE_PX - height))
    batch = torch.nn.functional.pad(batch, spare, mode="replicate")
    styled = model.render(batch, brush)
    if styled.shape != batch.shape:
        raise StyleError(f"style {model.name} gave {tuple(styled.shape)}", f"{tuple(batch.shape)}")
    if not bool(torch.isfinite(styled).all()):
        raise StyleError(f"style {model.name} gave values that are not numbers", "0 to 1", "Retire this style version")
    shown = styled[: len(colours), :, :height, :width].permute(0, 2, 3, 1).float().cpu().numpy()
    return list(shown)
