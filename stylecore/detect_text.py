"""Where lettering is in a picture: lines of strokes that share their height, width and colour. No learned weights.

After the idea behind stroke-based text detectors (Epshtein et al., 2010; Neumann & Matas, 2012), made of morphology:
what an opening or a closing removes is thinner than its window, so it may be a stroke; connected pieces of it that
stand in a row and look alike are lettering. It finds text that was set on a picture, and some of the text in a picture,
in any script whose letters are separate. It misses script that is joined, text that is turned by more than some 15
degrees, text of fewer than three letters and text under a hundredth of the longer edge; and it takes some windows for
text. Measured on seeds it was not tuned on (tests/stylecore/test_text_trial.py): words 16 to 90 px high, on
photographs, found whole: 0.975 where they stand out at 4.5:1, 0.95 at 3:1. Of the eighteen Kodak photographs at hand,
which show little text, 2.8 % is marked on average, of a half-timbered house 19 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Grey = npt.NDArray[np.int16]
Numbers = npt.NDArray[Any]
Box = tuple[float, float, float, float]

_WINDOW_PX = 11
"""Strokes are at most this wide, at one of the scales."""
_SCALES = (1, 2, 4)
_CONTRASTS = (24, 48, 96)
_LETTER_PX = (7, 44)
_LEAST_LETTER_AREA_PX = 10
_MOST_PIECES = 1500
_LEAST_CONTRAST = 40
_MOST_ODDITY = 4.0
_AROUND = 0.3
"""How much of the height of its letters a line is enlarged by, on each side."""


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What may be letters, one entry for each, sorted from left to right."""

    left: Numbers
    top: Numbers
    right: Numbers
    bottom: Numbers
    stroke: Numbers
    level: Numbers
    unevenness: Numbers
    contrast: Numbers
    area: Numbers

    def __len__(self) -> int:
        return len(self.left)

    @property
    def height(self) -> Numbers:
        return self.bottom - self.top

    def chosen(self, places: Numbers) -> _Pieces:
        return _Pieces(*(getattr(self, name)[places] for name in self.__dataclass_fields__))


def text_boxes(grey: npt.NDArray[np.uint8]) -> list[Box]:
    """Left, top, right and bottom of each line of lettering, in pixels. The same for the same picture."""
    found: list[Box] = []
    for scale in _SCALES:
        smaller = _reduced(grey, scale)
        if min(smaller.shape) >= 2 * _WINDOW_PX:
            found += [tuple(edge * scale for edge in box) for box in _boxes_at_this_scale(smaller)]  # type: ignore[misc]
    return found


def _reduced(grey: npt.NDArray[np.uint8], scale: int) -> Grey:
    height, width = (edge - edge % scale for edge in grey.shape)
    parts = grey[:height, :width].reshape(height // scale, scale, width // scale, scale)
    mean: Grey = parts.mean(axis=(1, 3)).astype(np.int16)
    return mean


def _boxes_at_this_scale(grey: Grey) -> Iterator[Box]:
    window = (_WINDOW_PX, _WINDOW_PX)
    for strokes in (grey - ndimage.grey_opening(grey, window), ndimage.grey_closing(grey, window) - grey):
        for contrast in _CONTRASTS:
            pieces = _pieces(grey, strokes, contrast)
            for line in _lines(pieces):
                if _is_lettering(letters := pieces.chosen(line)):
                    yield _around(_with_the_rest(letters, pieces))


def _pieces(grey: Grey, strokes: Grey, contrast: int) -> _Pieces:
    """Connected pieces of the strokes with at least this contrast, of a letter's size and shape."""
    inside = strokes > contrast
    labels, count = ndimage.label(inside, structure=np.ones((3, 3)))
    boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)]).reshape(-1, 4)
    rim = inside & ~ndimage.binary_erosion(inside)
    measured = _measured(labels[inside], grey[inside], strokes[inside], rim[inside], count)
    left, top, right, bottom = boxes.T
    found = _Pieces(left, top, right, bottom, *measured)
    order = np.lexsort((top, left))
    letters = found.chosen(order[_could_be_letters(found)[order]])
    if len(letters) <= _MOST_PIECES:
        return letters
    clearest = np.argsort(-letters.contrast, kind="stable")[:_MOST_PIECES]
    return letters.chosen(np.sort(clearest))


def _measured(labels: Numbers, grey: Numbers, strokes: Numbers, rim: Numbers, count: int) -> tuple[Numbers, ...]:
    """Stroke width, level, unevenness of the level, contrast and area of each piece.

    The level is taken where the stroke is strongest, since its edges are mixed with what is around it.
    """

    def summed(chosen: Numbers, weights: Numbers | None = None) -> Numbers:
        return np.bincount(labels[chosen], None if weights is None else weights[chosen], count + 1)[1:]

    everywhere = np.ones(len(labels), dtype=bool)
    area = summed(everywhere)
    mean = np.concatenate([[0], summed(everywhere, strokes) / area])
    strong = strokes >= mean[labels]
    number, floats = summed(strong), grey.astype(np.float64)
    level, contrast = summed(strong, floats) / number, summed(strong, strokes) / number
    spread = np.sqrt(np.maximum(0, summed(strong, floats**2) / number - level**2))
    return 2 * area / summed(rim), level, spread / contrast, contrast, area


def _could_be_letters(pieces: _Pieces) -> npt.NDArray[np.bool_]:
    height, width = pieces.height, pieces.right - pieces.left
    fill = pieces.area / (height * width)
    sized = (height >= _LETTER_PX[0]) & (height <= _LETTER_PX[1]) & (width >= 2) & (width <= 6 * height)
    return np.asarray(sized & (fill > 0.12) & (fill < 0.98) & (pieces.area >= _LEAST_LETTER_AREA_PX))


def _lines(pieces: _Pieces) -> list[Numbers]:
    """Pieces that follow each other to the right and look alike, as their places; three of them at least."""
    line = np.arange(len(pieces))
    for here in range(len(pieces)):
        for there in _neighbours(pieces, here):
            first, second = sorted((line[here], line[there]))
            line[line == second] = first
    return [places for name in np.unique(line) if len(places := np.flatnonzero(line == name)) >= 3]


def _neighbours(pieces: _Pieces, here: int) -> Numbers:
    reach = pieces.right[here] + 1.1 * _LETTER_PX[1]
    there = np.arange(here + 1, np.searchsorted(pieces.left, reach, side="right"))
    near = pieces.chosen(there)
    height, own = near.height, pieces.height[here]
    low, high = np.minimum(height, own), np.maximum(height, own)
    beside = np.minimum(near.bottom, pieces.bottom[here]) - np.maximum(near.top, pieces.top[here]) >= 0.5 * low
    gap = near.left - pieces.right[here]
    narrow = np.minimum(near.right - near.left, pieces.right[here] - pieces.left[here])
    apart = np.minimum(near.right, pieces.right[here]) - near.left <= 0.5 * narrow
    thin, thick = np.minimum(near.stroke, pieces.stroke[here]), np.maximum(near.stroke, pieces.stroke[here])
    alike = (high <= 2.1 * low) & (thick <= 2 * thin) & (np.abs(near.level - pieces.level[here]) <= 30)
    return np.asarray(there[beside & apart & alike & (gap <= 1.1 * high)])


def _is_lettering(letters: _Pieces) -> bool:
    """Letters of a line are as high, as thick, as dark and as evenly filled as each other, and stand on one line."""
    height, number = letters.height, len(letters)
    width = letters.right.max() - letters.left.min()
    middle = (letters.left + letters.right) / 2
    slope, _ = np.polyfit(middle, letters.bottom, 1)
    contrast = float(np.median(letters.contrast))
    box_height = letters.bottom.max() - letters.top.min()
    if contrast < _LEAST_CONTRAST or abs(slope) > 0.3 or width < 1.5 * box_height:
        return False
    if letters.area.sum() < 0.15 * width * box_height or (letters.right - letters.left).sum() < 0.5 * width:
        return False
    off_line = min(_off_line(middle, edge) for edge in (letters.bottom, letters.top)) / np.median(height)
    oddity = (
        letters.level.std() / contrast / 0.06
        + np.median(letters.unevenness) / 0.12
        + off_line / 0.08
        + letters.contrast.std() / contrast / 0.12
        + letters.stroke.std() / letters.stroke.mean() / 0.25
        + height.std() / height.mean() / 0.3
    )
    # Three things in a row that look alike may be chance; five hardly are.
    return bool(oddity < _MOST_ODDITY * min(1.0, 0.2 + 0.16 * number))


def _off_line(x: Numbers, y: Numbers) -> float:
    return float(np.median(np.abs(y - np.polyval(np.polyfit(x, y, 1), x))))


def _with_the_rest(letters: _Pieces, pieces: _Pieces) -> _Pieces:
    """The line with what is left of it beyond a gap: words of which a letter or two are lost in what is behind them."""
    height, stroke = float(np.median(letters.height)), float(np.median(letters.stroke))
    bottom, top = letters.bottom.max(), letters.top.min()
    inside = np.minimum(pieces.bottom, bottom) - np.maximum(pieces.top, top) >= 0.8 * pieces.height
    alike = inside & (np.abs(pieces.level - np.median(letters.level)) <= 12)
    alike &= (pieces.height >= 0.5 * height) & (np.abs(pieces.stroke - stroke) <= 0.5 * stroke)
    left, right = letters.left.min(), letters.right.max()
    while True:
        near = alike & (pieces.left <= right + 2 * height) & (pieces.right >= left - 2 * height)
        found = pieces.chosen(np.flatnonzero(near))
        if not len(found) or (found.left.min() >= left and found.right.max() <= right):
            return found if len(found) > len(letters) else letters
        left, right = min(left, found.left.min()), max(right, found.right.max())


def _around(letters: _Pieces) -> Box:
    more = _AROUND * float(np.median(letters.height))
    left, top = float(letters.left.min()) - more, float(letters.top.min()) - more
    return left, top, float(letters.right.max()) + more, float(letters.bottom.max()) + more
