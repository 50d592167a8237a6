"""A package of one style whose network takes pictures and gives pictures, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic

import torch
from torch import Tensor

from stylecore.errors import StyleError
from stylecore.styles.base import PLAIN, Brush, Family, StyleModel, StyleSource, check_batch
from stylecore.styles.network import REPACK, Network, SharedNetwork, at_stroke, clean, padded_to_multiple


def load_single(
    family: Family,
    make: Callable[[], Network],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    paint: Callable[[Network, Tensor], Tensor],
    stride_px: int,
) -> list[StyleModel]:
    """The styles asked for, which can only be the one at index 0; ``make`` gives its network, still untrained."""
    for source in styles:
        if source.index != 0:
            raise StyleError(f"style {source.name!r} at index {source.index}", "index 0: there is one style", REPACK)
    network = SharedNetwork(make, tensors)
    return [SingleStyle(family, network, source, paint, stride_px) for source in styles]


class SingleStyle(Generic[Network]):
    """``paint`` takes the network and pictures of 0..1 and gives pictures that should be in that range, too."""

    def __init__(
        self,
        family: Family,
        network: SharedNetwork[Network],
        source: StyleSource,
        paint: Callable[[Network, Tensor], Tensor],
        stride_px: int,
    ) -> None:
        self.family, self.name, self.reference = family, source.name, source.reference
        self._network, self._paint, self._stride_px = network, paint, stride_px

    def render(self, batch: Tensor, brush: Brush = PLAIN) -> Tensor:
        """Pads to a multiple of the network's stride by mirroring, and crops again."""
        check_batch(batch)
        with torch.inference_mode():
            return at_stroke(self._painted, clean(batch), brush.stroke)

    def _painted(self, batch: Tensor) -> Tensor:
        height, width = batch.shape[2:]
        rendered = self._paint(self._network.on(batch.device), padded_to_multiple(batch, self._stride_px))
        return rendered[:, :, :height, :width].float().clamp(0, 1)
