"""A package's network, built from what the package says: strictly checked first, then shared by all its styles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from threading import Lock
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import StyleError

REPACK = "The package was altered or is for another architecture: fetch it again, or train it again."

Network = TypeVar("Network", bound=nn.Module)


def whole_numbers(described: Mapping[str, Any], bounds: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """An architecture read from a package, which is not trusted: exactly these names, whole numbers, within bounds."""
    if set(described) != set(bounds):
        raise StyleError(
            f"an architecture with {sorted(map(str, described))}",
            f"exactly {sorted(bounds)}",
            "Was the package written for another version of restyle?",
        )
    for name, (least, most) in bounds.items():
        value = described[name]
        if type(value) is not int or not least <= value <= most:
            raise StyleError(f"{name} = {value!r}", f"a whole number from {least} to {most}")
    return {name: int(described[name]) for name in bounds}


class SharedNetwork(Generic[Network]):
    """One network for every style of a package, copied once to each device that asks for it."""

    def __init__(self, make: Callable[[], Network], tensors: Mapping[str, Tensor]) -> None:
        """Every doubt about the tensors is a StyleError, raised before memory is taken for the network."""
        with torch.device("meta"):
            expected = make().state_dict()
        check_tensors(tensors, {name: tuple(value.shape) for name, value in expected.items()})
        with torch.random.fork_rng(devices=()):
            network = make()  # its random start is thrown away, and must not move anybody's random numbers
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        network.eval().requires_grad_(False)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's overloads forget this form
        self._copies = {torch.device("cpu"): network}
        self._lock = Lock()

    def on(self, device: torch.device) -> Network:
        with self._lock:
            if device not in self._copies:
                self._copies[device] = deepcopy(self._copies[torch.device("cpu")]).to(device)
            return self._copies[device]


def check_tensors(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Exactly these names and shapes, in floats, all finite."""
    _check_names(shapes, tensors)
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise StyleError(f"{name} of type {tensor.dtype}", "floats", REPACK)
        if tuple(tensor.shape) != shapes[name]:
            raise StyleError(f"{name} of shape {tuple(tensor.shape)}", f"{shapes[name]}", REPACK)
        if not bool(torch.isfinite(tensor.float()).all()):
            raise StyleError(f"NaN or infinity in {name}", "finite numbers", "Its training went wrong.")


def _check_names(expected: Iterable[str], found: Iterable[str]) -> None:
    missing, extra = sorted({*expected} - {*found}), sorted({*found} - {*expected})
    if missing:
        raise StyleError(f"weights without {', '.join(missing[:4])} ({len(missing)} missing)", "every tensor", REPACK)
    if extra:
        raise StyleError(f"weights with {', '.join(extra[:4])} ({len(extra)} unknown)", "no other tensors", REPACK)


def clean(batch: Tensor) -> Tensor:
    """Finite values of 0..1: what is not a number is taken as mid grey."""
    return torch.nan_to_num(batch.float(), nan=0.5).clamp(0, 1)


def padded_to_multiple(batch: Tensor, multiple: int) -> Tensor:
    """Mirrored at the right and lower edge until both edges are multiples, in the layout convolutions like best."""
    height, width = batch.shape[2:]
    padded = functional.pad(batch, [0, -width % multiple, 0, -height % multiple], mode="reflect")
    return padded.contiguous(memory_format=torch.channels_last)


def within_margin(render: Callable[[Tensor], Tensor], batch: Tensor, margin_px: int) -> Tensor:
    """Painted with a mirrored margin that is cut off again, so that nothing shows what a network does at a border."""
    margin = min(margin_px, min(batch.shape[2:]) - 1)
    painted = render(functional.pad(batch, [margin] * 4, mode="reflect"))
    return painted[:, :, margin:-margin, margin:-margin]


def at_stroke(render: Callable[[Tensor], Tensor], batch: Tensor, stroke: float, least_edge_px: int = 16) -> Tensor:
    """Larger strokes from a network whose strokes have a fixed size in pixels: paint a smaller picture, enlarge it."""
    if stroke == 1.0:
        return render(batch)
    height, width = batch.shape[2:]
    size = [max(least_edge_px, round(edge / stroke)) for edge in (height, width)]
    painted = render(functional.interpolate(batch, size=size, mode="bicubic", antialias=True).clamp(0, 1))
    return functional.interpolate(painted, size=(height, width), mode="bicubic", antialias=True).clamp(0, 1)
