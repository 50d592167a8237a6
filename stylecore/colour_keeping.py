"""A stylized picture in the colours of its original (after Gatys et al., 2016, arXiv:1606.05897).

Where we depart from the paper: it recolours the style image before the transfer; we recolour the result after it, so
that every family of styles has this control.

* ``luminance``: the light of the result, the chroma of the original, pixel by pixel: every thing keeps its colour.
* ``covariance``: the linear map that gives the result the original's mean and covariance, and moves colours least.
* ``histogram``: that map, then curves, first along the original's principal axes and then for each channel: the result
  has the original's histograms. Curves for each channel alone would leave a style's blues in a picture without any.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stylecore.colour_spaces import Colours, fractions
from stylecore.data import ColourKeeping

Mask = npt.NDArray[Any]
Matrix = npt.NDArray[np.float64]

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_BINS = 4096
_LEAST_SPREAD = 1 / 255
"""Along an axis where a picture varies less than a grey level, what there is to stretch is rounding."""
_MOST_GAIN = 8.0


def kept(original: npt.NDArray[Any], styled: Colours, how: ColourKeeping, visible: Mask | None = None) -> Colours:
    """The styled picture, H x W x 3 of 0..1, in the original's colours, which come in 8 bits or as floats.

    Statistics are those of the pixels that ``visible`` marks (all, without it). Without any there is nothing to do.
    """
    if how == "none":
        return styled
    before, after = fractions(original), fractions(styled)
    if how == "luminance":
        return _own_chroma(before, after)
    seen = np.ones(after.shape[:2], dtype=bool) if visible is None else np.asarray(visible) > 0
    if not seen.any():
        return after
    if how == "covariance":
        return _in_range(_matched_moments(before[seen], after, seen))
    if how == "histogram":
        return _in_range(_matched_histograms(before[seen], after, seen))
    raise ValueError(f"colours kept by {how!r}; expected luminance, histogram or covariance")


def _in_range(colours: Colours) -> Colours:
    return colours.clip(0, 1)


def _luma(colours: Colours) -> Colours:
    light: Colours = colours @ _LUMA
    return light


def _own_chroma(before: Colours, after: Colours) -> Colours:
    """Luma of the one, and of the other the differences from its luma: YIQ without its rotation.

    Where the sum leaves the range of colours, chroma is lowered until it fits. Clipping would change luma and hue.
    """
    light, chroma = _luma(after)[..., None], before - _luma(before)[..., None]
    room, size = np.where(chroma > 0, 1 - light, light), np.abs(chroma)
    share = np.divide(room, size, out=np.ones_like(size), where=size > room).min(axis=-1, keepdims=True)
    return _in_range(light + share.clip(0, 1) * chroma)


# --- covariance ------------------------------------------------------------------------------------------------------


def _matched_moments(before: Colours, picture: Colours, seen: Mask) -> Colours:
    after = picture[seen]
    (mean_before, wanted), (mean_after, found) = _moments(before), _moments(after)
    change = _least_change(found, wanted)
    return picture @ change.astype(np.float32) + (mean_before - mean_after @ change).astype(np.float32)


def _moments(colours: Colours) -> tuple[Matrix, Matrix]:
    mean: Matrix = colours.mean(axis=0, dtype=np.float64)
    centred = colours - mean
    return mean, centred.T @ centred / len(centred)


def _least_change(found: Matrix, wanted: Matrix) -> Matrix:
    """The symmetric matrix A with A · found · A = wanted, of all that fit the one that moves colours least (the optimal
    transport between normal distributions; Pitié & Kokaram, 2007). Cholesky factors fit too, but turn hues.

    An axis along which the result does not vary keeps its gain of one, and none gets more than a few: a grey result
    would otherwise become coloured noise.
    """
    spreads, axes = np.linalg.eigh(found)
    some = spreads > _LEAST_SPREAD**2
    root, inverse = (_remade(np.where(some, spreads.clip(_LEAST_SPREAD**2) ** power, 0), axes) for power in (0.5, -0.5))
    inner, inner_axes = np.linalg.eigh(root @ wanted @ root)
    between = inverse @ _remade(np.sqrt(inner.clip(0)), inner_axes) @ inverse + _remade(~some, axes)
    gains, own_axes = np.linalg.eigh((between + between.T) / 2)
    return _remade(gains.clip(0, _MOST_GAIN), own_axes)


def _remade(values: npt.NDArray[Any], axes: Matrix) -> Matrix:
    """The symmetric matrix with these eigenvalues and axes."""
    remade: Matrix = (axes * values) @ axes.T
    return remade


# --- histogram -------------------------------------------------------------------------------------------------------


def _matched_histograms(before: Colours, picture: Colours, seen: Mask) -> Colours:
    moved = _matched_moments(before, picture, seen)
    axes = np.linalg.eigh(_moments(before)[1])[1].astype(np.float32)
    turned = _matched_channels(before @ axes, moved @ axes, seen)
    return _matched_channels(before, turned @ axes.T, seen)


def _matched_channels(before: Colours, picture: Colours, seen: Mask) -> Colours:
    """Each channel through the curve that takes its quantiles to the original's."""
    matched = [_matched(before[:, channel], picture[..., channel], seen) for channel in range(3)]
    return np.stack(matched, axis=-1)


def _matched(before: Colours, channel: Colours, seen: Mask) -> Colours:
    """The curve is known at ``_BINS`` places, finer than an eighth of a grey level, and straight between them.

    The rank of equal values is the middle of theirs, where skimage's ``match_histograms`` takes their last: a flat
    result would become the brightest value of the original, and here becomes its median.
    """
    after = channel[seen]
    lowest = min(float(before.min()), float(after.min()))
    span = max(float(before.max()), float(after.max())) - lowest + 1e-6
    values_before, ranks_before = _ranks((before - lowest) / span)
    values_after, ranks_after = _ranks((after - lowest) / span)
    found = np.interp(ranks_after, ranks_before, values_before)
    curve = np.interp(np.linspace(0, 1, _BINS), values_after, found).astype(np.float32)
    place = ((channel - lowest) * np.float32((_BINS - 1) / span)).clip(0, _BINS - 1.001)
    under = place.astype(np.int32)
    low = curve[under]
    return np.asarray((low + (place - under) * (curve[under + 1] - low)) * span + lowest, dtype=np.float32)


def _ranks(values: Colours) -> tuple[Matrix, Matrix]:
    """The values of 0..1 that occur, in bins, and the share of all pixels that lies below each of them."""
    place = np.rint(values * np.float32(_BINS - 1)).astype(np.int32)
    count = np.bincount(place, minlength=_BINS)
    mean = np.bincount(place, weights=values, minlength=_BINS)
    some = count > 0
    below = np.cumsum(count) - count / 2
    return mean[some] / count[some], below[some] / len(values)
