"""A narrower network out of a wide one: whole channels go, those that carry least, and the rest stays as it was.

Structured pruning by norm (Li et al., 2017, arXiv:1608.08710). A departure: how much a channel carries is the norm of
the scales its normalisation gives it in all styles, and not of its kernels, which a normalisation divides out again.
What is left is trained on for a while with the unpruned styles as its teachers (``distil``), and compared with them
(``stylecore.fidelity``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.styles.conditional import Architecture

_LEAST_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class Pruned:
    """The narrower network, not trained on yet."""

    architecture: Architecture
    tensors: Mapping[str, Tensor]
    parameters_before: int

    @property
    def parameters(self) -> int:
        return _parameters(self.tensors)


def pruned(architecture: Architecture, tensors: Mapping[str, Tensor], keep: float) -> Pruned:
    """The share ``keep`` of the channels of the trunk, and of each block's inside, by how much they carry."""
    if not 0 < keep <= 1:
        raise StyleError(f"a share of {keep} of the channels", "more than 0 and at most 1")
    width = max(_LEAST_CHANNELS, round(architecture.trunk_channels * keep))
    left = {name: value.float() for name, value in tensors.items()}
    blocks = range(architecture.blocks)
    # The trunk is one stream that every block adds to: a channel stays in all of them, or in none.
    writers = ["down_norm", *(f"blocks.{i}.norm2" for i in blocks)]
    stream = _best(sum((_carried(left, name) for name in writers), torch.zeros(architecture.trunk_channels)), width)
    _cut(left, ["down.weight", *(f"blocks.{i}.conv2.weight" for i in blocks)], 0, stream)
    _cut(left, ["up.weight", *(f"blocks.{i}.conv1.weight" for i in blocks)], 1, stream)
    _cut(left, _numbers(writers), 1, stream)
    for i in blocks:
        inside = _best(_carried(left, f"blocks.{i}.norm1"), width)
        _cut(left, [f"blocks.{i}.conv1.weight"], 0, inside)
        _cut(left, [f"blocks.{i}.conv2.weight", *_numbers([f"blocks.{i}.norm1"])], 1, inside)
    return Pruned(replace(architecture, trunk_channels=width), left, _parameters(tensors))


def _carried(tensors: Mapping[str, Tensor], norm: str) -> Tensor:
    """What each channel brings to what follows, whichever style: its spread and its level."""
    return tensors[f"{norm}.scale"].square().mean(0) + tensors[f"{norm}.shift"].square().mean(0)


def _best(carried: Tensor, count: int) -> Tensor:
    return carried.topk(count).indices.sort().values


def _numbers(norms: Sequence[str]) -> list[str]:
    return [f"{norm}.{part}" for norm in norms for part in ("scale", "shift")]


def _cut(tensors: dict[str, Tensor], names: Sequence[str], dimension: int, kept: Tensor) -> None:
    for name in names:
        tensors[name] = tensors[name].index_select(dimension, kept).contiguous()


def _parameters(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())
