"""Tensors as a file describes them: views of storages that lie elsewhere in it, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

import torch

from stylecore.errors import WeightsError

MAX_ELEMENTS = 1 << 32
MAX_DIMENSIONS = 8


def refused(
    what: str, next_step: str = "Save the network's state_dict() instead, and nothing with it."
) -> WeightsError:
    return WeightsError(f"a pickle with {what}", "named tensors and nothing else", next_step)


def is_whole(value: object, least: int) -> TypeGuard[int]:
    return type(value) is int and least <= value <= MAX_ELEMENTS


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers kept outside the pickle, as it claims them: under which key, of which type, how many."""

    key: str
    dtype: torch.dtype
    elements: int


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as a view of a storage. Its places are within the storage, and no two of them are the same."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def span(self) -> int:
        """Elements of the storage from its first to its last."""
        return 1 + sum((edge - 1) * step for edge, step in zip(self.size, self.stride, strict=True))


def stored_tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> StoredTensor:
    """What ``torch._utils._rebuild_tensor_v2`` would make; the arguments that follow concern gradients only."""
    if not isinstance(storage, Storage) or not is_whole(offset, 0):
        raise refused("a tensor of something that is no storage")
    if not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride):
        raise refused("a tensor without a size and a stride")
    if len(size) > MAX_DIMENSIONS or not all(is_whole(edge, 1) for edge in size):
        raise refused("a tensor of an impossible size")
    if not all(is_whole(step, 0) for step in stride):
        raise refused("a tensor of an impossible stride")
    tensor = StoredTensor(storage, offset, size, stride)
    if offset + tensor.span > storage.elements or _overlaps(tensor):
        raise refused("a tensor that reaches out of its storage, or reads places of it twice")
    return tensor


def storage(claim: object) -> Storage:
    """Of ('storage', type, key, device, elements), to which the older format adds None for "not part of another"."""
    if not isinstance(claim, tuple) or len(claim) not in (5, 6) or claim[0] != "storage":
        raise refused("a reference to something that is no storage")
    _, dtype, key, _, elements = claim[:5]
    if not isinstance(dtype, torch.dtype) or not isinstance(key, str) or not is_whole(elements, 0):
        raise refused("a storage without a type, a key and a size")
    if len(claim) == 6 and claim[5] is not None:
        raise refused("a storage that is part of another", "Load and save it again with a newer torch.")
    return Storage(key, dtype, elements)


def _overlaps(tensor: StoredTensor) -> bool:
    """From the smallest step to the largest, each must step over all that the smaller ones reach."""
    reached = 1
    for step, edge in sorted(zip(tensor.stride, tensor.size, strict=True)):
        if edge > 1 and step < reached:
            return True
        reached = max(reached, step * edge)
    return False
