"""What a ControlNet is shown of the content, so that its forms stay while everything else may change."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.losses import luminance

_GAIN, _LEAST = 12.0, 0.2
"""Light lines begin where luminance changes by a sixtieth a pixel."""


def control_picture(picture: Tensor, kind: str) -> Tensor:
    """Light alone (``luma``), or light lines on black where it changes (``edges``), as three equal channels."""
    light = luminance(picture)
    if kind == "edges":
        smooth = functional.avg_pool2d(functional.pad(light, [2] * 4, mode="replicate"), 5, stride=1)
        (down,), (across,) = torch.gradient(smooth, dim=2), torch.gradient(smooth, dim=3)
        light = (_GAIN * (across.square() + down.square()).sqrt() - _LEAST).clamp(0, 1)
    return light.expand(-1, 3, -1, -1).contiguous()
