"""sRGB to CIELAB (D65) and back, and how different two colours look: ΔE2000 (Sharma et al., 2005).

The formulas are scikit-image's, which agree with the published pairs. Here they run a piece at a time: their temporary
arrays then fit a processor's cache and never take more than a few megabytes, however large the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage import color

Colours = npt.NDArray[np.float32]
Levels = npt.NDArray[np.uint8]

_PIECE = 65_536


def fractions(colours: npt.NDArray[Any]) -> Colours:
    """Colours as floats of 0..1, whether they came so or in 8 bits. What is not a number is mid grey."""
    if colours.dtype == np.uint8:
        return np.asarray(np.divide(colours, 255, dtype=np.float32))
    return np.asarray(np.nan_to_num(colours.astype(np.float32), nan=0.5).clip(0, 1), dtype=np.float32)


def levels(colours: Colours) -> Levels:
    """Colours as the 8 bits that they are encoded in."""
    rounded: Levels = np.rint(colours * np.float32(255)).clip(0, 255).astype(np.uint8)
    return rounded


def to_lab(colours: npt.NDArray[Any]) -> Colours:
    """sRGB of any shape ending in 3, in 8 bits or as floats of 0..1, as CIELAB under D65."""
    return _piecewise(lambda piece: color.rgb2lab(fractions(piece)), colours)


def from_lab(lab: Colours) -> Colours:
    """CIELAB as sRGB of 0..1; a colour that sRGB does not have is clipped."""

    def converted(piece: Colours) -> npt.NDArray[Any]:
        # A yellow beyond this has a negative Z, of which scikit-image warns before it clips it, as we mean it to.
        yellowest = (piece[:, 0] + 16) * np.float32(200 / 116 * 0.99999)
        known: npt.NDArray[Any] = color.lab2rgb(np.stack([*piece[:, :2].T, np.minimum(piece[:, 2], yellowest)], axis=1))
        return known

    return _piecewise(converted, lab)


def delta_e(one: Colours, other: Colours) -> Colours:
    """ΔE2000 between CIELAB colours, whose shapes must broadcast."""
    one, other = np.broadcast_arrays(one, other)
    return _piecewise(color.deltaE_ciede2000, one, other)


def _piecewise(function: Callable[..., npt.NDArray[Any]], *arrays: npt.NDArray[Any]) -> Colours:
    shape = arrays[0].shape
    flat = [array.reshape(-1, 3) for array in arrays]
    starts = range(0, max(1, len(flat[0])), _PIECE)
    done = [function(*(each[start : start + _PIECE] for each in flat)) for start in starts]
    joined = np.concatenate(done).astype(np.float32, copy=False)
    return joined.reshape(shape if joined.ndim == 2 else shape[:-1])
