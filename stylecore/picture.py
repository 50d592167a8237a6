"""A picture in memory: what everybody sees of it and, where its file holds more than that, the colours of the file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stylecore.colour_spaces import Colours, fractions

Pixels = npt.NDArray[np.uint8]
Samples = npt.NDArray[Any]
"""8 or 16 unsigned bits."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnColours:
    """The picture in its file's own colour space and depth, for a result that keeps both."""

    samples: Samples = field(repr=False)
    """H x W x 3 of RGB or H x W x 4 of CMYK."""
    alpha: Samples | None = field(repr=False)
    """H x W, of the same depth."""
    profile: bytes = field(repr=False)
    wide: Colours = field(repr=False)
    """The same colours as sRGB, where those that sRGB does not have lie below 0 or above 1."""

    @property
    def is_cmyk(self) -> bool:
        return int(self.samples.shape[2]) == 4

    @property
    def bits(self) -> int:
        return int(self.samples.dtype.itemsize) * 8


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What follows the first frame of an animation: frames of the same size, with alpha where the first has it."""

    frames: tuple[Picture, ...] = field(repr=False)
    durations_ms: tuple[int, ...]
    """Of all frames, the first among them."""
    loops: int
    """0 is for ever."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Upright 8-bit sRGB pixels, H x W x 3, with straight (not premultiplied) alpha, H x W, where there is any.

    ``format`` is that of the file it came from, ``exif``, ``xmp`` and ``iptc`` what is worth keeping of its metadata,
    ``notes`` what had to be assumed to read it.
    """

    pixels: Pixels = field(repr=False)
    alpha: Pixels | None = field(default=None, repr=False)
    format: str = "png"
    exif: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    own: OwnColours | None = field(default=None, repr=False)
    """More than ``pixels`` can hold: a wider gamut, inks, or 16 bits."""
    xmp: bytes | None = field(default=None, repr=False)
    iptc: bytes | None = field(default=None, repr=False)
    motion: Motion | None = None

    @property
    def width_px(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def colours(self) -> Colours:
        """As floats of 0..1, as finely as they are known. The array is the caller's."""
        if self.own is None:
            return fractions(self.pixels)
        return np.asarray(self.own.wide.clip(0, 1))

    def as_shown(self) -> Picture:
        """What a screen shows of it: 8 bits of sRGB."""
        return self if self.own is None else replace(self, own=None)
