"""Peak signal-to-noise ratio over the three colour channels."""

from __future__ import annotations

import math

from torch import Tensor

MAX_PSNR_DB = 100.0
"""Equal pictures have no noise and an infinite ratio, which no ledger can spell; they are given this."""


def psnr_db(before: Tensor, after: Tensor) -> float:
    """Decibels between two pictures of 0..1; more is more alike."""
    squared_error = float((before - after).double().square().mean())
    if squared_error <= 10 ** (-MAX_PSNR_DB / 10):
        return MAX_PSNR_DB
    return -10.0 * math.log10(squared_error)
