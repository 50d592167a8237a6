"""A style of a network that many styles share, or any mixture of them: what makes them differ is told by the family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.styles.base import PLAIN, Brush, Family, Reference, StyleModel, check_batch
from stylecore.styles.network import Network, SharedNetwork, at_stroke, clean, padded_to_multiple, within_margin

Look = TypeVar("Look")


@dataclass(frozen=True, slots=True)
class Way(Generic[Network, Look]):
    """How a family paints pictures, whose edges are multiples of its stride, in a look, and mixes looks: the rest of
    the weight is the first one's. So much at each border as ``margin_px`` is painted and cut off again."""

    family: Family
    paint: Callable[[Network, Tensor, Look], Tensor]
    mix: Callable[[Look, Sequence[tuple[Look, float]]], Look]
    stride_px: int
    margin_px: int = 0


class MixedStyle(Generic[Network, Look]):
    """One look of a shared network, ready to render."""

    def __init__(
        self,
        way: Way[Network, Look],
        network: SharedNetwork[Network],
        look: Look,
        name: str,
        reference: Reference,
    ) -> None:
        self._way, self._network, self._look = way, network, look
        self.family, self.name, self.reference = way.family, name, reference

    def render(self, batch: Tensor, brush: Brush = PLAIN) -> Tensor:
        """Pads to a multiple of the network's stride by mirroring, and crops again."""
        check_batch(batch)
        with torch.inference_mode():
            return at_stroke(self._whole, clean(batch), brush.stroke)

    def _whole(self, batch: Tensor) -> Tensor:
        return within_margin(self._painted, batch, self._way.margin_px) if self._way.margin_px else self._painted(batch)

    def _painted(self, batch: Tensor) -> Tensor:
        height, width = batch.shape[2:]
        padded = padded_to_multiple(batch, self._way.stride_px)
        rendered = self._way.paint(self._network.on(batch.device), padded, self._look)
        return rendered[:, :, :height, :width].float().clamp(0, 1)

    def blended(self, others: Sequence[tuple[StyleModel, float]]) -> StyleModel:
        """What the network is told is mixed, which gives pictures between the styles and not one laid over another."""
        look = self._way.mix(self._look, [(self._look_of(other), weight) for other, weight in others])
        return MixedStyle(self._way, self._network, look, self.name, self.reference)

    def _look_of(self, other: StyleModel) -> Look:
        if not isinstance(other, MixedStyle) or other._network is not self._network:
            raise StyleError(f"a blend of {self.name} with {other.name} of another package", "styles of one package")
        look: Look = other._look
        return look
