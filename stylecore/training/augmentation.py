"""Crops varied with torchvision's transforms: a library is not all well exposed, sharp and well compressed.

The transforms' functions are called with values drawn here, from (seed, iteration): their own draw from torch's global
generator, and training could not be continued as if it had never stopped.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from stylecore.torchvision_bridge import ensure_importable

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Shares of crops and ranges of factors. What is off (0, or 1 to 1) draws no random number and changes nothing."""

    mirror: float = 0.5
    brightness: Range = (0.75, 1.3)
    contrast: Range = (0.7, 1.3)
    saturation: Range = (0.4, 1.4)
    blur: float = 0.0
    jpeg: float = 0.0

    def __call__(self, crop: Image.Image, rng: np.random.Generator) -> Image.Image:
        functions = _functions()
        if self.mirror and rng.random() < self.mirror:
            crop = functions.horizontal_flip(crop)
        for name in ("brightness", "contrast", "saturation"):
            least, most = getattr(self, name)
            if (least, most) != (1.0, 1.0):
                crop = getattr(functions, f"adjust_{name}")(crop, float(rng.uniform(least, most)))
        if self.blur and rng.random() < self.blur:
            crop = functions.gaussian_blur(crop, [9, 9], [float(rng.uniform(0.4, 1.8))] * 2)
        if self.jpeg and rng.random() < self.jpeg:
            crop = _compressed(crop, int(rng.integers(25, 80)))
        return crop


def _compressed(crop: Image.Image, quality: int) -> Image.Image:
    # Not torchvision's jpeg: that is a compiled operator, which cannot load beside every torch.
    file = io.BytesIO()
    crop.save(file, "jpeg", quality=quality)
    return Image.open(file).convert("RGB")


@cache
def _functions() -> Any:
    ensure_importable()
    from torchvision.transforms.v2 import functional

    return functional
