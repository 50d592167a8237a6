"""Structural similarity on luma, at full size and smaller.

A good halftone destroys structure at full size (0.14) and keeps it at an eighth (0.8), so a bound must name its scale.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional

from stylecore.metrics.view import luma
from stylecore.torchvision_bridge import ensure_importable

WINDOW_PX = 11
_STRIP_PIXELS = 100_000
"""Convolutions of this kind need over a kilobyte a pixel at work; strips bound that, and are faster in the caches."""


def ssim(before: Tensor, after: Tensor, shrink: int) -> float | None:
    """Mean SSIM (Gaussian window of 11, sigma 1.5) of two 1 x 3 x H x W pictures of 0..1, averaged ``shrink`` to 1.

    ``None`` where the shrunk picture is smaller than the window. piq's own downsampling is off: it would choose another
    scale for each size of picture.
    """
    if min(before.shape[-2:]) // shrink < WINDOW_PX:
        return None
    first, second = (functional.avg_pool2d(luma(picture), shrink) for picture in (before, after))
    height, width = first.shape[-2:]
    border = WINDOW_PX - 1
    rows = max(1, _STRIP_PIXELS // width)
    total = 0.0
    for top in range(0, height - border, rows):
        here = slice(top, min(top + rows, height - border) + border)
        value = float(_piq().ssim(first[..., here, :], second[..., here, :], data_range=1.0, downsample=False))
        total += value * (here.stop - border - top)
    return total / (height - border)


def ssim_map(before: Tensor, after: Tensor) -> npt.NDArray[np.float32]:
    """scikit-image's SSIM at every pixel of two pictures of 0..1, for a heat map. Tiny ones are padded."""
    height, width = before.shape[-2:]
    spare = ((0, max(0, WINDOW_PX - height)), (0, max(0, WINDOW_PX - width)))
    first, second = (np.pad(luma(picture)[0, 0].numpy(), spare, mode="edge") for picture in (before, after))
    full = _structural_similarity()(
        first, second, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1]
    return np.asarray(full[:height, :width], dtype=np.float32)


@cache
def _piq() -> Any:
    ensure_importable()
    import piq

    return piq


@cache
def _structural_similarity() -> Any:
    # Only the report draws heat maps; workers that score need not load SciPy for it.
    from skimage.metrics import structural_similarity

    return structural_similarity
