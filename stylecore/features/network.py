"""What the losses ask of a feature network, and how one is filled with weights that came from a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TypeVar

import torch
from torch import Tensor, nn

from stylecore.errors import WeightsError

_MEAN = (0.485, 0.456, 0.406)
_SPREAD = (0.229, 0.224, 0.225)


class FeatureNetwork(nn.Module):
    """A frozen network for photographs, asked for the values between its layers.

    Layers have the numbers of torchvision's ``features``; each network says which of them speak of style and which, how
    strongly, of content. Pictures are N x 3 x H x W of 0..1.
    """

    title: str = ""
    style_layers: tuple[int, ...] = ()
    content_layers: Mapping[int, float] = MappingProxyType({})
    stride_px: int = 1
    """How far two neighbouring values of the deepest style layer are apart in the picture."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN)[None, :, None, None], persistent=False)
        self.register_buffer("spread", torch.tensor(_SPREAD)[None, :, None, None], persistent=False)

    def frozen(self) -> None:
        """At the end of building: nothing here is ever trained."""
        self.eval().requires_grad_(False)

    def standardised(self, pictures: Tensor) -> Tensor:
        """As the networks of torchvision were trained on them."""
        return (pictures - self.mean) / self.spread

    def forward(self, x: Tensor, wanted: Collection[int]) -> dict[int, Tensor]:
        """The features of the wanted layers; layers beyond the last wanted one are not computed."""
        raise NotImplementedError


Network = TypeVar("Network", bound=FeatureNetwork)


def mirrored(x: Tensor, reach: int) -> Tensor:
    """The picture continued by its own mirror image: zeros at the border would be an edge to every filter.

    Written with slices and not as reflection padding, whose gradient is summed in no fixed order on a GPU.
    """
    x = torch.cat([x[:, :, 1 : reach + 1].flip(2), x, x[:, :, -reach - 1 : -1].flip(2)], dim=2)
    return torch.cat([x[..., 1 : reach + 1].flip(3), x, x[..., -reach - 1 : -1].flip(3)], dim=3)


def with_weights(make: Callable[[], Network], tensors: Mapping[str, Tensor]) -> Network:
    """The network with these weights; a key too many, too few or of another shape is refused before it is built."""
    with torch.device("meta"):
        outline = make()
    expected = {key: tuple(value.shape) for key, value in outline.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    if found != expected:
        odd = sorted({*found.items()} ^ {*expected.items()})[:3]
        raise WeightsError(
            f"weights that are not {outline.title}'s features (differing at {odd})", f"its {len(expected)} tensors"
        )
    # Also where the caller computes without gradients: tensors of inference mode could never carry one again.
    with torch.inference_mode(False), torch.random.fork_rng(devices=()):
        network = make()
        network.load_state_dict({key: value.detach().clone().float() for key, value in tensors.items()})
    return network
