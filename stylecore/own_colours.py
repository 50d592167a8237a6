"""Between the colours of a file and those that a style sees, in floats, so that neither depth nor gamut is lost.

Styles see sRGB. What lies outside of it is kept beside and put back afterwards, less of it the further a style has
moved a colour: what is left alone comes back exactly, and what is repainted is painted in the style's own colours.
"""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from stylecore.colour import is_srgb, srgb_profile
from stylecore.colour_spaces import Colours, levels
from stylecore.picture import OwnColours, Pixels, Samples

_MODES = {1: "gray", 3: "rgb", 4: "cmyk"}
_PIECE_ROWS = 256
_LINEAR_SLOPE = 12.92

_ROUNDING = 1e-6
"""Levels go through floats of 0 to 255 and back; that is no change."""

Mask = npt.NDArray[np.bool_]


def own_colours(samples: Samples, alpha: Samples | None, profile: bytes | None) -> OwnColours:
    """For grey, RGB or CMYK samples. Grey becomes RGB, since a style has colours; without a profile it is sRGB."""
    wide = to_wide(samples, profile)
    if samples.shape[2] == 1:
        return OwnColours(from_wide(wide, srgb_profile(), 3, samples.dtype), alpha, srgb_profile(), wide)
    return OwnColours(samples, alpha, profile or srgb_profile(), wide)


def as_pixels(own: OwnColours) -> tuple[Pixels, Pixels | None]:
    """What a screen of 8 bits shows of it. What is hardly visible stays visible."""
    if own.alpha is None or own.bits == 8:
        return levels(own.wide), own.alpha
    alpha = np.rint(own.alpha / np.float32(257)).astype(np.uint8)
    return levels(own.wide), np.maximum(alpha, own.alpha > 0)


def in_srgb(own: OwnColours) -> OwnColours:
    """The same depth in sRGB: colours beyond it are clipped."""
    samples = from_wide(own.wide, srgb_profile(), 3, own.samples.dtype)
    return OwnColours(samples, own.alpha, srgb_profile(), np.asarray(own.wide.clip(0, 1)))


def restyled(
    own: OwnColours, after: Colours, protected: Pixels | None, visible: Mask | None, is_bound: bool = False
) -> OwnColours:
    """The colours after a style has made ``after`` of what it saw of them. Where nothing changed, where nothing may and
    where nobody can see it, the samples stay bit for bit. Bound to a palette, nothing is put back beside it."""
    seen = own.wide.clip(0, 1)
    change = np.abs(after - seen).max(axis=2)
    left = (1 - change[..., None]).clip(0, 1) ** 2 * (not is_bound)
    wide = after.clip(0, 1) + (own.wide - seen) * left
    untouched: Mask = (change < _ROUNDING) & (not is_bound)
    if protected is not None:
        wide += protected[..., None].astype(np.float32) / np.float32(255) * (own.wide - wide)
        untouched |= protected == 255
    if visible is not None:
        untouched |= ~visible
    samples = from_wide(wide, own.profile, own.samples.shape[2], own.samples.dtype)
    samples = np.where(untouched[..., None], own.samples, samples)
    return OwnColours(samples, own.alpha, own.profile, np.asarray(wide, dtype=np.float32))


def to_wide(samples: Samples, profile: bytes | None) -> Colours:
    """As sRGB beyond its range. Negative light is coded as the mirror image of positive light: so equal steps look
    about equal on both sides of black."""
    if profile is None or (samples.shape[2] == 3 and is_srgb(profile)):
        plain = samples.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)
        return np.ascontiguousarray(np.broadcast_to(plain, (*samples.shape[:2], 3)))
    wide: Colours = _transformed(samples, profile, srgb_profile(), 3, np.float32)
    below = wide < 0
    wide[below] = -_coded(wide[below] / -np.float32(_LINEAR_SLOPE))
    return wide


def from_wide(wide: Colours, profile: bytes, channels: int, depth: Any) -> Samples:
    most = np.iinfo(depth).max
    if channels == 3 and is_srgb(profile):
        return np.asarray(np.rint(wide.clip(0, 1) * np.float32(most)).astype(depth))
    coded = wide.copy()
    below = coded < 0
    coded[below] = _light(-coded[below]) * -np.float32(_LINEAR_SLOPE)
    shown = _transformed(coded, srgb_profile(), profile, channels, depth)
    return np.asarray(shown.reshape(*wide.shape[:2], channels))


def _coded(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    coded = np.where(light <= 0.0031308, _LINEAR_SLOPE * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(coded, dtype=np.float32)


def _light(coded: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    light = np.where(coded <= 0.04045, coded / _LINEAR_SLOPE, ((coded + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, dtype=np.float32)


def _transformed(samples: npt.NDArray[Any], source: bytes, target: bytes, channels: int, depth: Any) -> Any:
    """A strip at a time: the temporary arrays of the conversion stay small however large the picture."""
    shape = samples.shape[:2] if channels == 1 else (*samples.shape[:2], channels)
    done = np.empty(shape, dtype=depth)
    told = {"colorspace": _MODES[samples.shape[2]], "outcolorspace": _MODES[channels], "outdtype": np.dtype(depth)}
    for top in range(0, len(samples), _PIECE_ROWS):
        piece = np.ascontiguousarray(samples[top : top + _PIECE_ROWS])
        piece = piece[..., 0] if piece.shape[2] == 1 else piece
        done[top : top + _PIECE_ROWS] = imagecodecs.cms_transform(piece, source, target, intent=0, **told)
    return done
