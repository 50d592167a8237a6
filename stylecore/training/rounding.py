"""What eight-bit weights would cost, in decibels, before anything is packed with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from stylecore.errors import StyleError
from stylecore.fidelity import Fidelity, fidelity
from stylecore.image import Picture
from stylecore.quantisation import quantised, restored
from stylecore.styles.base import StyleModel

LEAST_PSNR_DB = 40.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What rounding saved, and what it cost in the pictures."""

    bytes_before: int
    bytes_after: int
    fidelity: Fidelity

    def __str__(self) -> str:
        return f"{self.bytes_before / 1000:.0f} kB to {self.bytes_after / 1000:.0f} kB: {self.fidelity}"


def cost(
    build: Callable[[Mapping[str, Tensor]], Sequence[StyleModel]],
    tensors: Mapping[str, Tensor],
    pictures: Sequence[Picture],
) -> Cost:
    """Every style on every picture, with the weights as they are and as they would be. Under 40 dB is refused."""
    smaller = quantised(tensors)
    found = fidelity(build(tensors), build(restored(smaller)), pictures)
    if found.worst_db < LEAST_PSNR_DB:
        raise StyleError(
            f"eight bits at {found.worst_db:.1f} dB", f"{LEAST_PSNR_DB:.0f} dB or more", "Keep fp16 for this style."
        )
    return Cost(_bytes(tensors), _bytes(smaller), found)


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
