"""A perceptual hash: sixteen hex digits that stay nearly the same when a picture is stored, scaled or cut anew.

The luma, averaged down to 32 x 32, goes through a cosine transform; each of its 64 lowest frequencies but the mean
gives one bit, by which side of their median it lies on. That is the DCT hash of Zauner, "Implementation and
Benchmarking of Perceptual Image Hash Functions" (2010); we take frequencies in the order of their sum instead of a
square of them, which keeps different photographs a little farther apart. Distances are counted in bits: 32 is chance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylecore.image import Picture, Pixels

_EDGE_PX = 32
_BITS = 64
_LEAST_CONTRAST = 0.5
"""Standard deviation of the small luma, in grey levels: below it the bits would tell noise."""

_ORDER = sorted(((u, v) for u in range(16) for v in range(16) if u + v > 0), key=lambda each: (sum(each), each))[:_BITS]
_ROWS, _COLUMNS = (list(each) for each in zip(*_ORDER, strict=True))


def fingerprint(picture: Picture) -> str | None:
    """The hash of what can be seen; ``None`` where a picture is too even to be told from another."""
    small = _small_luma(picture.pixels, picture.alpha)
    if small.std() < _LEAST_CONTRAST:
        return None
    from scipy.fft import dctn  # a tenth of a second to import

    frequencies = dctn(small, norm="ortho")[_ROWS, _COLUMNS]
    bits = frequencies > np.median(frequencies)
    return np.packbits(bits).tobytes().hex()


def _small_luma(pixels: Pixels, alpha: Pixels | None) -> npt.NDArray[np.float64]:
    """What is transparent counts as white, as it does when such a picture is stored as JPEG."""
    luma = _averaged(Image.fromarray(pixels).convert("L"))
    if alpha is None:
        return luma
    cover = _averaged(Image.fromarray(alpha)) / 255
    return luma * cover + 255 * (1 - cover)


def _averaged(image: Image.Image) -> npt.NDArray[np.float64]:
    return np.asarray(image.resize((_EDGE_PX, _EDGE_PX), Image.Resampling.BOX), dtype=np.float64)
