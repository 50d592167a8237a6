"""Three looks as functions of colour, which grades are taught by. Made by eye, in OKLab.

What they share: pure white stays white and neutral, since text, paper and cut-out products stand on it; hues are turned
only where no skin is; and what sRGB does not have becomes less colourful, never another hue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.oklab import to_oklab, within_srgb

Grader = Callable[[Tensor], Tensor]

_TOE = (0.206, 0.03, 1.206 / 1.03)
_SKIN, _YELLOW, _GREEN, _BLUE = 0.95, 1.9, 2.5, 4.5
"""Hues in OKLab, in radians."""


def golden_hour(colours: Tensor) -> Tensor:
    """Low sun: honey in the lights, teal in the shadows, soft contrast, deep skies."""
    light, hue, chroma = _apart(colours)
    toned = _curve(light, black=0.01, contrast=0.10)
    away = 1 - 0.55 * _skin(hue, chroma)
    sun = _smooth(light, 0.25, 0.75) * (1 - _smooth(light, 0.93, 1.0)) * away
    shade = _smooth(light, 0.0, 0.2) * (1 - _smooth(light, 0.2, 0.6)) * away
    hue = hue - 0.14 * _near(hue, _GREEN, 3.0) - 0.18 * _near(hue, _BLUE, 4.0)
    chroma = chroma * (1.03 + 0.04 * _near(hue, _YELLOW, 3.0) - 0.12 * _near(hue, _BLUE, 3.0))
    return _together(toned, hue, chroma, sun * 0.009 - shade * 0.018, sun * 0.032 - shade * 0.013)


def nordic_light(colours: Tensor) -> Tensor:
    """An overcast morning by the sea: airy, cool, quiet colours, no black."""
    light, hue, chroma = _apart(colours)
    toned = _curve(light.pow(0.92), black=0.07, contrast=0.04)
    cool = (1 - _smooth(light, 0.86, 1.0)) * (1 - 0.5 * _skin(hue, chroma))
    chroma = chroma * (0.70 + 0.14 * _near(hue, _SKIN, 4.0) + 0.08 * _near(hue, _BLUE, 3.0))
    return _together(toned, hue, chroma, -0.007 * cool, -0.016 * cool)


def matte_film(colours: Tensor) -> Tensor:
    """A print from negative film: faded blacks, gentle contrast, green in the shadows, rose in the lights."""
    light, hue, chroma = _apart(colours)
    toned = _curve(light, black=0.11, contrast=0.16)
    away = 1 - 0.6 * _skin(hue, chroma)
    lights = _smooth(light, 0.45, 0.85) * (1 - _smooth(light, 0.93, 1.0)) * away
    shade = (1 - _smooth(light, 0.1, 0.6)) * away
    chroma = chroma * (0.84 + 0.06 * _near(hue, _SKIN, 4.0))
    return _together(toned, hue, chroma, lights * 0.013 - shade * 0.018, lights * 0.012 + shade * 0.009)


GRADERS: Mapping[str, Grader] = MappingProxyType(
    {"golden-hour": golden_hour, "nordic-light": nordic_light, "matte-film": matte_film}
)


def grader(name: str) -> Grader:
    if name not in GRADERS:
        raise StyleError(f"a grade taught by {name!r}", f"one of {', '.join(GRADERS)}")
    return GRADERS[name]


def _apart(colours: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(lightness with a toe, hue of 0..2π, chroma)"""
    light, a, b = to_oklab(colours).unbind(dim=-1)
    return _toed(light.clamp(0, 1)), torch.atan2(b, a) % (2 * torch.pi), (a.square() + b.square()).sqrt()


def _together(light: Tensor, hue: Tensor, chroma: Tensor, tint_a: Tensor, tint_b: Tensor) -> Tensor:
    lab = [_untoed(light), chroma * hue.cos() + tint_a, chroma * hue.sin() + tint_b]
    return within_srgb(torch.stack(lab, dim=-1))


def _toed(light: Tensor) -> Tensor:
    """OKLab's lightness with a toe (Ottosson, 2021), about CIELAB's. Without one, the first grey level above black is
    seven hundredths of the way to white: blacks that are lifted would show every grain of noise."""
    rest = _TOE[2] * light - _TOE[0]
    return 0.5 * (rest + (rest.square() + 4 * _TOE[1] * _TOE[2] * light).sqrt())


def _untoed(light: Tensor) -> Tensor:
    return (light.square() + _TOE[0] * light) / (_TOE[2] * (light + _TOE[1]))


def _curve(light: Tensor, black: float, contrast: float) -> Tensor:
    """Lightness from ``black`` to 1, through an S: steeper in the middle for contrast above 0."""
    curved = light - contrast * (2 * torch.pi * light).sin() / (2 * torch.pi)
    return black + (1 - black) * curved


def _skin(hue: Tensor, chroma: Tensor) -> Tensor:
    """1 for the colours of skin, of every skin, and 0 for greys."""
    return _near(hue, _SKIN, 4.0) * _smooth(chroma, 0.02, 0.07)


def _smooth(value: Tensor, low: float, high: float) -> Tensor:
    """0 below, 1 above, and no corner between."""
    part = ((value - low) / (high - low)).clamp(0, 1)
    return part * part * (3 - 2 * part)


def _near(hue: Tensor, centre: float, narrowness: float) -> Tensor:
    """1 at this hue, falling off on both sides."""
    return (narrowness * ((hue - centre).cos() - 1)).exp()
