"""A Laplacian pyramid that can be read in parts (Burt & Adelson, 1983).

All levels lie on one grid: a pixel of a level is the mean of exactly 2 x 2 pixels of the finer one, so any part of any
level can be computed from the part of the picture beneath it. Beyond its edges a picture repeats its outermost pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.styles.network import clean
from stylecore.styles.tileable import Box

_STRIP_PIXELS = 1 << 22
"""Levels are made from strips of about this many pixels of the picture, so that no copy of all of it is needed."""


def doubled(part: Tensor) -> Tensor:
    """Bilinear, twice as large, less the outermost pixel of ``part``, whose other neighbours are not known."""
    wide = functional.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)
    return wide[..., 2:-2, 2:-2]


def bands(fine: Tensor, coarse: Tensor) -> Tensor:
    """What ``fine`` has beyond ``coarse``, which covers the same and one pixel more on each side."""
    return fine - doubled(coarse)


def rebuilt(band: Tensor, coarse: Tensor) -> Tensor:
    """The finer level, from what it has beyond the coarse one."""
    return band + doubled(coarse)


def local_mean(part: Tensor, edge_px: int) -> Tensor:
    """The mean of the square of that edge about each pixel, as far as all of the square is known."""
    down = functional.avg_pool2d(part, (edge_px, 1), stride=1)
    return functional.avg_pool2d(down, (1, edge_px), stride=1)


def slopes(painted: Tensor, guide: Tensor, edge_px: int, least_spread: float) -> Tensor:
    """How much each channel of ``painted`` changes where ``guide`` changes by one: the slope of a local regression, as
    in the guided filter (He, Sun & Tang, 2013), and averaged like there. Both squares make it smaller by their edge,
    less one, each. Where the guide is flatter than ``least_spread`` nothing is made of its noise."""
    middle = local_mean(guide, edge_px)
    together = local_mean(painted * guide, edge_px) - local_mean(painted, edge_px) * middle
    alone = local_mean(guide.square(), edge_px) - middle.square()
    return local_mean(together / (alone + least_spread**2), edge_px)


def repeated(part: Tensor, have: Box, wanted: Box) -> Tensor:
    """``wanted`` from its part ``have``: what is missing repeats the nearest edge."""
    missing = [have.left - wanted.left, wanted.right - have.right, have.top - wanted.top, wanted.bottom - have.bottom]
    return functional.pad(part, missing, mode="replicate") if any(missing) else part


def resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """To any height and width, in values of 0..1."""
    if tuple(pictures.shape[2:]) == size:
        return pictures
    return functional.interpolate(pictures, size=size, mode="bicubic", antialias=True).clamp(0, 1)


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The levels of a batch of pictures: 0 is the batch, each next one has half as many pixels each way."""

    batch: Tensor = field(repr=False)

    def size(self, level: int) -> tuple[int, int]:
        """Height and width of a level; where the picture does not divide, its last pixels are partly beyond it."""
        height, width = self.batch.shape[2:]
        return -(-height >> level), -(-width >> level)

    def read(self, level: int, box: Box) -> Tensor:
        """A part of a level, in finite values of 0..1."""
        inside = box.within(*self.size(level))
        rows = max(1, _STRIP_PIXELS // (inside.width << (2 * level)))
        strips = [
            self._strip(level, Box(top, inside.left, min(rows, inside.bottom - top), inside.width))
            for top in range(inside.top, inside.bottom, rows)
        ]
        return repeated(strips[0] if len(strips) == 1 else torch.cat(strips, dim=2), inside, box)

    def _strip(self, level: int, box: Box) -> Tensor:
        beneath = box.scaled(1 << level)
        known = beneath.within(*self.batch.shape[2:])
        part = clean(known.of(self.batch, Box.all_of(self.batch)))
        return functional.avg_pool2d(repeated(part, known, beneath), 1 << level) if level else part
