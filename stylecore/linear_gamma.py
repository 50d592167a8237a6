"""A PNG's gAMA chunk: the one thing that tells how bright a PNG is when it has neither a profile nor says sRGB."""

from __future__ import annotations

import numpy as np
from PIL import Image

from stylecore.picture import Samples

_SRGB_GAMMA = 0.45455
_ABOUT = 0.02
"""Every program writes sRGB's own value a little differently, and means sRGB."""


def gamma_of(image: Image.Image) -> float | None:
    """The file's gamma where it differs from sRGB's."""
    gamma = image.info.get("gamma")
    if image.format != "PNG" or not isinstance(gamma, float) or not 0.1 <= gamma <= 5:
        return None
    if "srgb" in image.info or image.info.get("icc_profile") or abs(gamma - _SRGB_GAMMA) < _ABOUT:
        return None
    return gamma


def ungamma(samples: Samples, gamma: float) -> Samples:
    """The samples as sRGB codes them."""
    most = np.iinfo(samples.dtype).max
    light = (np.arange(most + 1) / most) ** (1 / gamma)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-12) ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(coded * most).astype(samples.dtype)[samples])


def ungamma_image(image: Image.Image) -> Image.Image:
    if (gamma := gamma_of(image)) is None or image.mode not in ("L", "RGB", "LA", "RGBA"):
        return image
    curve = ungamma(np.arange(256, dtype=np.uint8), gamma).tolist()
    same = list(range(256))
    corrected = image.point([*curve * (len(image.getbands()) - 1), *(same if image.mode.endswith("A") else curve)])
    corrected.info = image.info
    return corrected
