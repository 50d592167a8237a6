"""Image to image without pairs: the residual generator of CycleGAN (Zhu et al., 2017, arXiv:1703.10593) and of CUT
(Park et al., 2020, arXiv:2007.15651).

CycleGAN halves by strided convolutions and doubles by transposed ones; CUT blurs before it halves and enlarges smoothly
before it convolves (Zhang, 2019, arXiv:1904.11486). The architecture says which. Departures, none of which changes
the function: convolutions before a normalisation have no bias, since it would be subtracted again at once; and CUT's
enlargement by the kernel 1-3-3-1 is written as what it is, bilinear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import StyleError
from stylecore.styles.base import AROUND_THE_MODEL, STROKE, Family, StyleModel, StyleSource
from stylecore.styles.network import whole_numbers
from stylecore.styles.single import load_single
from stylecore.weights import WeightsFolder

FAMILY = Family(
    name="image-to-image",
    title="a residual generator trained without pairs",
    paper="Zhu et al., 2017, arXiv:1703.10593; Park et al., 2020, arXiv:2007.15651",
    controls=AROUND_THE_MODEL | {STROKE},
    exact_when_tiled=False,
)
STRIDE_PX = 4
DOWN, UP = ("strided", "blurred"), ("transposed", "bilinear")
"""How pictures are halved and doubled: CycleGAN's way first, then CUT's."""
_EPSILON = 1e-5
_BOUNDS = {"channels": (1, 128), "blocks": (1, 16)}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The channels at full resolution (twice and four times as many below), the residual blocks, and the resampling."""

    channels: int = 64
    blocks: int = 9
    down: str = "blurred"
    up: str = "bilinear"

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Architecture:
        numbers = whole_numbers({name: each for name, each in described.items() if name not in ("down", "up")}, _BOUNDS)
        return cls(**numbers, down=_word(described, "down", DOWN), up=_word(described, "up", UP))

    def describe(self) -> dict[str, int | str]:
        return asdict(self)


def _word(described: Mapping[str, Any], name: str, words: Sequence[str]) -> str:
    for word in words:
        if described.get(name) == word:
            return word
    raise StyleError(f"{name} = {str(described.get(name))[:80]!r}", " or ".join(words))


def normal(x: Tensor) -> Tensor:
    """Instance normalisation without a scale or a shift, in the form that is fast in channels-last."""
    return functional.group_norm(x, x.shape[1], eps=_EPSILON)


class Conv(nn.Module):
    """A convolution whose normalisation makes a bias idle. ``mirrored`` says what lies beyond the border."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3, mirrored: bool = False) -> None:
        super().__init__()
        self.reach, self.mode = kernel // 2, "reflect" if mirrored else "constant"
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, kernel, kernel))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(x, [self.reach] * 4, mode=self.mode), self.weight)


class StridedConv(Conv):
    """CycleGAN's way to halve a picture."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, stride=2, padding=self.reach)


class TransposedConv(nn.Module):
    """CycleGAN's way to double a picture."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_in, channels_out, 3, 3))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, self.weight, stride=2, padding=1, output_padding=1)


def blur_kernel() -> Tensor:
    """The binomial 3x3 blur that CUT halves with."""
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    return torch.outer(line, line)


def blurred_half(x: Tensor) -> Tensor:
    """Every second pixel of the blurred picture: nothing aliases."""
    channels = x.shape[1]
    kernel = blur_kernel().to(x).expand(channels, 1, 3, 3)
    return functional.conv2d(functional.pad(x, [1] * 4, mode="reflect"), kernel, stride=2, groups=channels)


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Conv(channels, channels, mirrored=True), Conv(channels, channels, mirrored=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + normal(self.conv2(functional.relu(normal(self.conv1(x)))))


class Generator(nn.Module):
    """-1..1 in and out. Both edges must be multiples of four."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        thin, middle, thick = (architecture.channels * factor for factor in (1, 2, 4))
        self.architecture = architecture
        self.stem = Conv(3, thin, 7, mirrored=True)
        halving = StridedConv if architecture.down == "strided" else Conv
        self.down1, self.down2 = halving(thin, middle), halving(middle, thick)
        self.blocks = nn.ModuleList(ResidualBlock(thick) for _ in range(architecture.blocks))
        doubling = TransposedConv if architecture.up == "transposed" else Conv
        self.up1, self.up2 = doubling(thick, middle), doubling(middle, thin)
        self.rgb, self.colour = Conv(thin, 3, 7, mirrored=True), nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        trunk = deque(self._stages(x), maxlen=1)[0][1]
        x = functional.relu(normal(self.up1(self._doubled(trunk))))
        x = functional.relu(normal(self.up2(self._doubled(x))))
        return torch.tanh(self.rgb(x) + self.colour[:, None, None])

    def encoded(self, x: Tensor, wanted: Collection[str]) -> list[Tensor]:
        """What the encoder makes of a picture at these stages, in the encoder's order: ``picture``, ``down1``,
        ``down2``, ``block1``, ``block2`` ..."""
        return list(islice((stage for name, stage in self._stages(x) if name in wanted), len(wanted)))

    def _stages(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The encoder step by step. Named as they are before normalisation, which is where CUT compares patches."""
        yield "picture", x
        x = functional.relu(normal(self.stem(x)))
        for name, halve in (("down1", self.down1), ("down2", self.down2)):
            x = halve(x)
            yield name, x
            x = self._halved(functional.relu(normal(x)))
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            yield f"block{number}", x

    def _halved(self, x: Tensor) -> Tensor:
        return blurred_half(x) if self.architecture.down == "blurred" else x

    def _doubled(self, x: Tensor) -> Tensor:
        if self.architecture.up == "transposed":
            return x
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def load(
    architecture: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    styles: Sequence[StyleSource],
    weights: WeightsFolder | None = None,
) -> list[StyleModel]:
    """The one style of a package, whatever float type its tensors are stored in."""
    parsed = Architecture.parse(architecture)
    return load_single(FAMILY, lambda: Generator(parsed), tensors, styles, paint, STRIDE_PX)


def paint(network: Generator, pictures: Tensor) -> Tensor:
    """From 0..1 to 0..1, by way of the network's own -1..1."""
    return (cast(Tensor, network(pictures * 2 - 1)) + 1) / 2
