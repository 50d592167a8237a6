"""The painters by the names of their styles."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from stylecore.errors import StyleError
from stylecore.training.painters.base import STYLE_IMAGE_PX, Painter, Pixels
from stylecore.training.painters.gouache import gouache
from stylecore.training.painters.impasto import impasto
from stylecore.training.painters.ink_hatching import ink_hatching
from stylecore.training.painters.mosaic import mosaic
from stylecore.training.painters.paper_cut import paper_cut
from stylecore.training.painters.pointillism import pointillism
from stylecore.training.painters.risograph import risograph
from stylecore.training.painters.stained_glass import stained_glass
from stylecore.training.painters.textured import TEXTURED
from stylecore.training.painters.woodblock import woodblock

PAINTERS: Mapping[str, Painter] = MappingProxyType(
    {
        "stained-glass": stained_glass,
        "risograph": risograph,
        "ink-hatching": ink_hatching,
        "mosaic": mosaic,
        "pointillism": pointillism,
        "impasto": impasto,
        "woodblock": woodblock,
        "paper-cut": paper_cut,
        "gouache": gouache,
        **TEXTURED,
    }
)


def style_image(name: str, size_px: int = STYLE_IMAGE_PX, seed: int = 7) -> Pixels:
    """The style image of that name, RGB, square."""
    if name not in PAINTERS:
        raise StyleError(f"a painter named {name!r}", f"one of {', '.join(PAINTERS)}")
    return np.ascontiguousarray(PAINTERS[name](size_px, seed))
