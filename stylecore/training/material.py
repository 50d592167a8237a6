"""What a training is given: the styles it should learn, pictures to restyle, and the network that measures losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from stylecore.features import SqueezeFeatures
from stylecore.training.content import ContentSampler
from stylecore.training.start import Start
from stylecore.training.task import Pixels


@dataclass(frozen=True, slots=True)
class StyleImage:
    """One style to learn: the picture that stands for it, and how hard each loss pulls on it.

    With ``taught_by`` it is learnt from a painter that can paint any picture in this style, with ``pairs`` from
    pictures before and after, with ``targets`` from many pictures of its kind; and not from this one.
    """

    name: str
    pixels: Pixels = field(repr=False)
    pull: Mapping[str, float] = field(default_factory=dict)
    taught_by: str | None = None
    pairs: Sequence[tuple[Pixels, Pixels]] = field(default=(), repr=False)
    targets: Sequence[Image.Image] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Material:
    """All that a task may learn from. Held-out pictures are not in ``content``."""

    styles: tuple[StyleImage, ...]
    content: ContentSampler
    features: SqueezeFeatures
    seed: int
    start: Start | None = None
