"""A picture within a brand's palette: no pixel further than a bound of ΔE2000 from the nearest of the given colours.

Colours are moved through a lattice made for the palette (``palette_lattice``), which is quick and smooth, and rounded
to 8 bits. Then each colour that occurs is measured, and the few that interpolation or rounding put over the bound are
moved on, so the promise is kept exactly by the pixels as they are encoded. A lossy format moves them again afterwards.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stylecore.colour_spaces import Colours, Levels, delta_e, fractions, from_lab, levels, to_lab
from stylecore.lattice import looked_up
from stylecore.palette_lattice import LATTICE_SIZE, nearest, pulled

MOST_COLOURS = 64
_SIX_HEX_DIGITS = re.compile(r"[0-9a-fA-F]{6}")
_PIECE = 65_536
_STEPS = 16


def within(styled: npt.NDArray[Any], colours: Sequence[str], most_delta_e: float) -> Colours:
    """The picture, H x W x 3 of 0..1, with every pixel within the bound of the nearest colour (six hex digits each).

    What is well within stays as it is; the further away a colour is, the more it is moved. Colours between neighbours
    of the palette go over into each other where the bound lets them. The result is on the 8-bit grid: k / 255.
    """
    if not colours:
        return fractions(styled)
    palette, bound = _checked(colours, most_delta_e)
    flat = fractions(styled).reshape(-1, 3)
    lattice, groups = _lattice(palette, bound)
    with torch.inference_mode():
        pieces = [
            _moved(lattice, groups, piece) for piece in torch.split(torch.from_numpy(flat.T.copy()), _PIECE, dim=1)
        ]
    moved = _within_exactly(levels(torch.cat(pieces).numpy()), to_lab(_levels_of(palette)), bound)
    return fractions(moved).reshape(styled.shape)


def worst_delta_e(picture: npt.NDArray[Any], colours: Sequence[str]) -> float:
    """How far the pixel is from the palette that is furthest from it: ΔE2000 to its nearest colour, as 8 bits."""
    palette, _ = _checked(colours, 0.0)
    occurring = _colours_of(np.unique(_codes(levels(fractions(picture)).reshape(-1, 3))))
    return float(nearest(to_lab(occurring), to_lab(_levels_of(palette)))[1].max(initial=0.0))


def _checked(colours: Sequence[str], most_delta_e: float) -> tuple[tuple[str, ...], float]:
    if not 0 < len(colours) <= MOST_COLOURS or not all(_SIX_HEX_DIGITS.fullmatch(colour) for colour in colours):
        raise ValueError(f"a palette of {list(colours)[:8]}; expected 1 to {MOST_COLOURS} colours, each six hex digits")
    if not math.isfinite(most_delta_e) or most_delta_e < 0:
        raise ValueError(f"a palette bound of {most_delta_e}; expected a ΔE2000 of at least 0")
    return tuple(dict.fromkeys(colour.lower() for colour in colours)), float(most_delta_e)


def _levels_of(palette: Sequence[str]) -> Levels:
    return np.array([list(bytes.fromhex(colour)) for colour in palette], dtype=np.uint8)


@lru_cache(maxsize=8)
def _lattice(palette: tuple[str, ...], bound: float) -> tuple[Tensor, int]:
    return pulled(to_lab(_levels_of(palette)), bound)


def _moved(lattice: Tensor, groups: int, colours: Tensor) -> Tensor:
    """3 x M colours, each where the group that it is nearest to wants it: M x 3."""
    found = looked_up(lattice, LATTICE_SIZE, colours)
    choice = found[:, :groups].argmin(dim=1)
    wanted = found[:, groups:].view(-1, groups, 3)
    return wanted[torch.arange(len(wanted)), choice]


def _within_exactly(moved: Levels, palette: Colours, bound: float) -> Levels:
    """Colours over the bound replaced by the first on their way to the nearest of the palette that is within it."""
    codes = _codes(moved)
    occurring = np.unique(codes)
    over = occurring[nearest(to_lab(_colours_of(occurring)), palette)[1] > bound]
    if not over.size:
        return moved
    place = np.searchsorted(over, codes).clip(max=over.size - 1)
    hit = over[place] == codes
    moved[hit] = _nearer(_colours_of(over), palette, bound)[place[hit]]
    return moved


def _nearer(colours: Levels, palette: Colours, bound: float) -> Levels:
    lab, found = to_lab(colours), colours.copy()
    goal, over = palette[nearest(lab, palette)[0]], np.arange(len(colours))
    for step in range(1, _STEPS + 1):
        found[over] = levels(from_lab(lab[over] + np.float32(step / _STEPS) * (goal[over] - lab[over])))
        over = over[delta_e(to_lab(found[over]), goal[over]) > bound]
    return found


def _codes(colours: Levels) -> npt.NDArray[np.uint32]:
    red, green, blue = colours.astype(np.uint32).T
    return np.asarray(red << 16 | green << 8 | blue, dtype=np.uint32)


def _colours_of(codes: npt.NDArray[np.uint32]) -> Levels:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)
