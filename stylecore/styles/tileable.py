"""What a family offers whose pixels depend on a bounded neighbourhood only: any part of a picture, without the rest.

``prepare`` looks at the whole picture once, small; each tile then costs memory for its own size and no more. Tiles of
any size, in any order, are the same pixels as the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from stylecore.styles.base import PLAIN, Brush, StyleModel


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture or of one level of its pyramid, in pixels; it may reach beyond the edges."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def all_of(cls, picture: Tensor) -> Box:
        return cls(0, 0, picture.shape[-2], picture.shape[-1])

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def right(self) -> int:
        return self.left + self.width

    def grown(self, px: int) -> Box:
        """That much larger on all four sides."""
        return Box(self.top - px, self.left - px, self.height + 2 * px, self.width + 2 * px)

    def scaled(self, factor: int) -> Box:
        """The same part of a level that has that many times as many pixels each way."""
        return Box(self.top * factor, self.left * factor, self.height * factor, self.width * factor)

    def shrunk(self, factor: int) -> Box:
        """The least part of a level with that many times fewer pixels each way that covers this one."""
        top, left = self.top // factor, self.left // factor
        return Box(top, left, -(-self.bottom // factor) - top, -(-self.right // factor) - left)

    def within(self, height: int, width: int) -> Box:
        """What of it lies in a picture of that size, and at least the pixel nearest to it."""
        top, left = min(max(self.top, 0), height - 1), min(max(self.left, 0), width - 1)
        bottom, right = max(top + 1, min(self.bottom, height)), max(left + 1, min(self.right, width))
        return Box(top, left, bottom - top, right - left)

    def of(self, picture: Tensor, at: Box) -> Tensor:
        """This part, out of a tensor that holds the part ``at``, which covers it."""
        top, left = self.top - at.top, self.left - at.left
        return picture[..., top : top + self.height, left : left + self.width]


class Prepared(Protocol):
    """A batch of pictures about to be painted, and all that a tile has to know of the rest."""

    @property
    def height_px(self) -> int: ...

    @property
    def width_px(self) -> int: ...

    @property
    def margin_px(self) -> int:
        """A tile depends on no pixel of the batch that is further from it, but through what has been prepared."""
        ...

    def tile(self, box: Box) -> Tensor:
        """That part of the restyled pictures: N x 3 x height x width of 0..1. ``box`` lies within the picture."""
        ...


class Tileable(StyleModel, Protocol):
    """A style that is exact when it is painted in tiles."""

    def prepare(self, batch: Tensor, brush: Brush = PLAIN) -> Prepared:
        """Reads the whole batch once. It is kept, not copied: leave it unchanged until the last tile is painted."""
        ...


def boxes(height_px: int, width_px: int, tile_px: int) -> Iterator[Box]:
    """The tiles of a picture, row by row."""
    for top in range(0, height_px, tile_px):
        for left in range(0, width_px, tile_px):
            yield Box(top, left, min(tile_px, height_px - top), min(tile_px, width_px - left))


def tiles(prepared: Prepared, tile_px: int) -> Iterator[tuple[Box, Tensor]]:
    """All of the picture, a tile at a time: whoever writes each into its place holds one tile in memory."""
    for box in boxes(prepared.height_px, prepared.width_px, tile_px):
        yield box, prepared.tile(box)
