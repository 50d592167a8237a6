"""Weights in eight bits: half the size of fp16. What that costs is told by ``stylecore.training.rounding``.

Only the stored weights are rounded, symmetrically and with one scale for each output channel; they are floats again
when a package is loaded. Rounding the activations too (static int8) was measured at 25 dB, which anybody sees.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from stylecore.errors import StyleError

_SCALE = ".int8_scale"
_LEVELS = 127
_LEAST_DIMENSIONS = 3
"""Kernels are rounded; normalisations and biases are few numbers that everything hangs on."""


def quantised(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Kernels as int8 with a scale for each output channel beside them, everything else as fp16."""
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.dim() < _LEAST_DIMENSIONS or not tensor.is_floating_point():
            stored[name] = tensor.half() if tensor.is_floating_point() else tensor
            continue
        rows = tensor.float().flatten(1)
        # The scale is rounded first, as it will be stored, and the weights to that.
        scale = (rows.abs().amax(1) / _LEVELS).clamp_min(1e-12).float()
        levels = (rows / scale[:, None]).round().clamp(-_LEVELS, _LEVELS).to(torch.int8)
        stored[name], stored[name + _SCALE] = levels.reshape(tensor.shape), scale
    return stored


def restored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Floats again. What was never rounded stays as it is; a scale that does not fit its weights is refused."""
    floats: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(_SCALE) and name.removesuffix(_SCALE) in tensors:
            continue
        if tensor.dtype != torch.int8:
            floats[name] = tensor
            continue
        scale = tensors.get(name + _SCALE)
        if scale is None or tensor.dim() < 1 or not scale.is_floating_point() or tuple(scale.shape) != tensor.shape[:1]:
            raise StyleError(f"{name} in eight bits without a scale for each channel", "int8 weights with their scales")
        floats[name] = tensor.float() * scale.float().reshape(-1, *[1] * (tensor.dim() - 1))
    return floats
