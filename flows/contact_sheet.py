"""Before and after of the golden pictures on one sheet, for people who look before they approve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from stylecore.image import Picture, resized

_CELL_PX, _GAP_PX, _COLUMNS, _MOST = 224, 8, 2, 24
_PAPER = 255


def contact_sheet(pairs: Sequence[tuple[Picture, Picture]]) -> npt.NDArray[np.uint8]:
    """Each picture beside its result, two pairs a row, the first two dozen."""
    cells = [[_shown(each) for each in pair] for pair in pairs[:_MOST]]
    step = _CELL_PX + _GAP_PX
    rows = -(-len(cells) // _COLUMNS)
    sheet = Image.new("RGB", (_GAP_PX + 2 * _COLUMNS * step, _GAP_PX + rows * step), (_PAPER,) * 3)
    for place, pair in enumerate(cells):
        row, column = divmod(place, _COLUMNS)
        for side, cell in enumerate(pair):
            sheet.paste(cell, (_GAP_PX + (2 * column + side) * step, _GAP_PX + row * step))
    return np.asarray(sheet)


def _shown(picture: Picture) -> Image.Image:
    small = resized(picture, _CELL_PX)
    if small.alpha is None:
        return Image.fromarray(small.pixels)
    paper = Image.new("RGB", (small.width_px, small.height_px), (_PAPER,) * 3)
    paper.paste(Image.fromarray(small.pixels), mask=Image.fromarray(small.alpha))
    return paper
