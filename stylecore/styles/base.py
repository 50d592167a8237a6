"""The small interface that every family of style models answers to, and what a family declares about itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch

from stylecore.errors import StyleError

Reference = npt.NDArray[np.uint8]
"""A style's reference image: height x width x 3, sRGB."""

MIN_EDGE_PX = 16

STRENGTH, REGIONS, PROTECTION, COLOUR, PALETTE = "strength", "regions", "protection", "colour", "palette"
BLEND, STROKE, SEED = "blend", "stroke", "seed"
AROUND_THE_MODEL = frozenset({STRENGTH, REGIONS, PROTECTION, COLOUR, PALETTE})
"""Controls that work on pixels before and after the model: every family honours them."""
CONTROLS = AROUND_THE_MODEL | {BLEND, STROKE, SEED}


@dataclass(frozen=True, slots=True)
class Family:
    """What a kind of style model says of itself.

    ``exact_when_tiled``: a pixel depends on a bounded neighbourhood only, so tiles with enough margin give the whole
    picture. ``features``: the networks of which it needs one at rendering time, by their names in the weights folder.
    """

    name: str
    title: str
    paper: str
    controls: frozenset[str]
    exact_when_tiled: bool
    deterministic: bool = True
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Brush:
    """How a picture is painted: the size of the strokes as a factor of the style's own, and the seed of all chance."""

    stroke: float = 1.0
    seed: int = 0


PLAIN = Brush()


@dataclass(frozen=True, slots=True)
class StyleSource:
    """One style of a package, as its family's loader gets it."""

    index: int
    name: str
    reference: Reference


class StyleModel(Protocol):
    """One style, ready to render. It keeps no state between calls, so threads may share it."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> Family: ...

    @property
    def reference(self) -> Reference: ...

    def render(self, batch: torch.Tensor, brush: Brush = PLAIN) -> torch.Tensor:
        """Restyle N x 3 x H x W floats of 0..1 into the same shape and range, for any H and W of at least 16."""
        ...


class Blendable(StyleModel, Protocol):
    """A style that can be mixed with others of its package into a style between them."""

    def blended(self, others: Sequence[tuple[StyleModel, float]]) -> StyleModel:
        """This style with the rest of the weight, the others with theirs. Weights are positive, in sum less than 1."""
        ...


def blend(model: StyleModel, others: Sequence[tuple[StyleModel, float]]) -> StyleModel:
    """The style between these; a family that cannot mix styles is refused."""
    if not others:
        return model
    weights = [weight for _, weight in others]
    if not all(weight > 0 for weight in weights) or not sum(weights) < 1:  # so written, NaN is refused too
        raise StyleError(f"blend weights {weights}", "each above 0, their sum below 1: the rest is the style's own")
    if BLEND not in model.family.controls or {other.family.name for other, _ in others} != {model.family.name}:
        raise StyleError(
            f"a blend of {model.name} with {', '.join(other.name for other, _ in others)}", "one family that blends"
        )
    return cast(Blendable, model).blended(others)


def check_batch(batch: torch.Tensor) -> None:
    """What every family expects of the pictures it is given."""
    if batch.dim() != 4 or batch.shape[1] != 3 or not batch.is_floating_point():
        raise StyleError(f"a batch of {tuple(batch.shape)} {batch.dtype}", "N x 3 x height x width floats")
    if min(batch.shape[2:]) < MIN_EDGE_PX:
        raise StyleError(f"pictures of {batch.shape[3]} x {batch.shape[2]} px", f"at least {MIN_EDGE_PX} px each way")
