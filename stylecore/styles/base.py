"""The small interface that every family of style models answers to."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

Reference = npt.NDArray[np.uint8]
"""A style's reference image: height x width x 3, sRGB."""

MIN_EDGE_PX = 16


class StyleModel(Protocol):
    """One style, ready to render. It keeps no state between calls, so threads may share it."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> str: ...

    @property
    def controls(self) -> frozenset[str]: ...

    @property
    def reference(self) -> Reference: ...

    def render(self, batch: torch.Tensor) -> torch.Tensor:
        """Restyle N x 3 x H x W floats of 0..1 into the same shape and range, for any H and W of at least 16."""
        ...
