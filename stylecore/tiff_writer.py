"""TIFF, written here: Pillow compresses through libtiff, which takes no EXIF directory and breaks on odd tags.

Deflate with horizontal differencing, in strips, after one directory that holds the description of the picture and the
EXIF tags alike, as TIFF has it.
"""

from __future__ import annotations

import zlib
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_STRIP_BYTES = 1 << 18
_DEFLATE, _RGB, _CMYK, _INTERLEAVED, _DIFFERENCED, _STRAIGHT_ALPHA = 8, 2, 5, 1, 2, 2
_XMP, _IPTC = 700, 33723
_LEVEL = 4


def tiff_bytes(
    colours: npt.NDArray[Any],
    alpha: npt.NDArray[Any] | None,
    profile: bytes,
    exif: bytes | None = None,
    xmp: bytes | None = None,
    iptc: bytes | None = None,
) -> bytes:
    """The file for H x W x 3 (RGB) or x 4 (CMYK) of 8 or 16 bits, and straight alpha where there is any."""
    samples = colours if alpha is None else np.dstack([colours, alpha])
    height, width, channels = samples.shape
    rows = max(1, _STRIP_BYTES // (width * channels * samples.itemsize))
    strips = [_compressed(samples[top : top + rows]) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    tags = Image.Exif()
    tags.load(exif or b"")
    described = {
        256: width,
        257: height,
        258: (8 * samples.itemsize,) * channels,
        259: _DEFLATE,
        262: _RGB if colours.shape[2] == 3 else _CMYK,
        273: tuple(accumulate(lengths[:-1], initial=0)),  # from the end of the directory; moved there by tobytes
        277: channels,
        278: rows,
        279: tuple(lengths),
        284: _INTERLEAVED,
        317: _DIFFERENCED,
        34675: profile,
    }
    for tag, value in described.items():
        tags[tag] = value
    if alpha is not None:
        tags[338] = _STRAIGHT_ALPHA
    for tag, block in ((_XMP, xmp), (_IPTC, iptc)):
        if block is not None:
            tags[tag] = block
    return tags.tobytes().removeprefix(b"Exif\x00\x00") + b"".join(strips)


def _compressed(rows: npt.NDArray[Any]) -> bytes:
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.astype(differences.dtype.newbyteorder(">")).tobytes(), _LEVEL)
