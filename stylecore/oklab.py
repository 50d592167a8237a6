"""OKLab (Ottosson, 2020), in torch and differentiable: a space in which equal steps look about equal and hues stay put.

CIELAB turns blues to violet when they get lighter; so grades are made and learnt here, and only measured in CIELAB.
"""

from __future__ import annotations

import torch
from torch import Tensor

_CONES = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
          (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
_OPPONENTS = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
              (0.0259040371, 0.7827717662, -0.8086757660))  # fmt: skip
_LEAST = 1e-6
"""The cube root has no slope at nought."""
_GAMUT_STEPS = 14


def to_oklab(colours: Tensor) -> Tensor:
    """sRGB of 0..1, ... x 3, as lightness of 0..1 and the two opponent axes."""
    cones = _linear(colours) @ colours.new_tensor(_CONES).T
    return cones.clamp_min(_LEAST).pow(1 / 3) @ colours.new_tensor(_OPPONENTS).T


def from_oklab(lab: Tensor) -> Tensor:
    """sRGB, beyond 0..1 where sRGB does not have the colour."""
    cones = (lab @ torch.linalg.inv(lab.new_tensor(_OPPONENTS)).T).pow(3)
    return _encoded(cones @ torch.linalg.inv(lab.new_tensor(_CONES)).T)


def within_srgb(lab: Tensor) -> Tensor:
    """sRGB of 0..1: what it does not have is made less colourful until it has it, at the same lightness and hue."""
    light, chroma = lab[..., :1].clamp(0, 1), lab[..., 1:]
    least, most = torch.zeros_like(light), torch.ones_like(light)
    share = most
    for _ in range(_GAMUT_STEPS):
        found = from_oklab(torch.cat([light, share * chroma], dim=-1))
        fits = ((found > -1e-4) & (found < 1 + 1e-4)).all(dim=-1, keepdim=True)
        least, most = torch.where(fits, share, least), torch.where(fits, most, share)
        share = (least + most) / 2
    return from_oklab(torch.cat([light, least * chroma], dim=-1)).clamp(0, 1)


def _linear(colours: Tensor) -> Tensor:
    bright = ((colours.clamp_min(0.04045) + 0.055) / 1.055).pow(2.4)
    return torch.where(colours > 0.04045, bright, colours / 12.92)


def _encoded(linear: Tensor) -> Tensor:
    bright = 1.055 * linear.clamp_min(0.0031308).pow(1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, bright, 12.92 * linear)
