"""Grain: noise that is a function of the place and a seed alone, so that every tile of a picture sees the same.

A network without chance paints nothing where nothing is, since a flat wall gives it nothing to start from. Grain is
what a brush starts from there: the tooth of the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stylecore.styles.tileable import Box

_WORD = 0xFFFFFFFF
_ROW, _COLUMN, _LEVEL = 0x2C1B3C6D, 0x297A2D39, 0x1B873593
_FIRST, _SECOND = 0x7FEB352D, 0x46AC78CD
"""Odd numbers below 2**31: a product with a 32-bit word stays within 63 bits, so it is exact on every device."""


def grain(box: Box, level: int, seed: int, device: torch.device) -> Tensor:
    """1 x 1 x height x width of -1..1, evenly spread and without any pattern that an eye could find."""
    rows = torch.arange(box.top, box.bottom, device=device)[:, None] & _WORD
    columns = torch.arange(box.left, box.right, device=device)[None] & _WORD
    start = ((seed & _WORD) * _LEVEL + level * _SECOND) & _WORD
    word = _stirred(_stirred((rows * _ROW + start) & _WORD) ^ (columns * _COLUMN & _WORD))
    return (word.to(torch.float32) * (2.0 / _WORD) - 1.0)[None, None]


def _stirred(word: Tensor) -> Tensor:
    """A 32-bit finaliser: every bit of the result depends on every bit of the word."""
    word = ((word ^ (word >> 16)) * _FIRST) & _WORD
    word = ((word ^ (word >> 15)) * _SECOND) & _WORD
    return word ^ (word >> 16)
