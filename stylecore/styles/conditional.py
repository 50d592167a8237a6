"""One network, many styles: conditional instance normalisation (Dumoulin et al., 2017, arXiv:1610.07629).

The convolutions are shared; a style is only the scales and shifts of the normalisations and a bias on the colours.
Departures from the paper, all of them for a small CPU: the network works on ``pixel_unshuffle(2)`` input and hands its
last layers to ``pixel_shuffle(2)``, so nothing but one 3x3 convolution runs at full resolution; residual blocks have 64
channels; and that last convolution starts as a blur, which keeps the shuffle from leaving a grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import StyleError
from stylecore.styles.base import MIN_EDGE_PX, Reference

FAMILY = "conditional-instance-norm"
STRIDE_PX = 4
_EPSILON = 1e-5
_REPACK = "The package was altered or is for another architecture: fetch it again, or train it again."
_BOUNDS = {"stem_channels": (4, 128), "trunk_channels": (4, 256), "blocks": (1, 16), "styles": (1, 256)}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The four numbers that fix every shape in the network."""

    stem_channels: int = 32
    trunk_channels: int = 64
    blocks: int = 5
    styles: int = 1

    @classmethod
    def parse(cls, described: Mapping[str, Any]) -> Architecture:
        """Read from a package, which is not trusted: exactly these names, whole numbers, within bounds."""
        if set(described) != set(_BOUNDS):
            raise StyleError(
                f"an architecture with {sorted(map(str, described))}",
                f"exactly {sorted(_BOUNDS)}",
                "Was the package written for another version of restyle?",
            )
        for name, (least, most) in _BOUNDS.items():
            value = described[name]
            if type(value) is not int or not least <= value <= most:
                raise StyleError(f"{name} = {value!r}", f"a whole number from {least} to {most}")
        return cls(**{name: int(described[name]) for name in _BOUNDS})

    def describe(self) -> dict[str, int]:
        return {name: int(getattr(self, name)) for name in _BOUNDS}


class ConditionalNorm(nn.Module):
    """Instance normalisation whose scale and shift are chosen by the style."""

    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(styles, channels))
        self.shift = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        if style.dim() == 0:
            # One style for the whole batch: the same function as below, as a group norm of one channel a group. In
            # channels-last, where convolutions are fastest, it is several times faster than instance norm.
            return functional.group_norm(x, x.shape[1], self.scale[style], self.shift[style], eps=_EPSILON)
        normal = functional.instance_norm(x, eps=_EPSILON)
        return normal * self.scale[style][..., None, None] + self.shift[style][..., None, None]


class ReflectConv(nn.Module):
    """A convolution without bias (the normalisation after it has one) that mirrors the picture at its border."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.reach = stride, kernel // 2
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, [self.reach] * 4, mode="reflect")
        return functional.conv2d(padded, self.weight, stride=self.stride)


class ResidualBlock(nn.Module):
    def __init__(self, styles: int, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = ReflectConv(channels, channels, 3), ReflectConv(channels, channels, 3)
        self.norm1, self.norm2 = ConditionalNorm(styles, channels), ConditionalNorm(styles, channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(x), style))
        return x + cast(Tensor, self.norm2(self.conv2(inner), style))


class ConditionalNetwork(nn.Module):
    """The shared network. ``style`` is one index for each picture (training), or a single one for all (rendering)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        stem, trunk, styles = architecture.stem_channels, architecture.trunk_channels, architecture.styles
        self.stem, self.stem_norm = ReflectConv(12, stem, 5), ConditionalNorm(styles, stem)
        self.down, self.down_norm = ReflectConv(stem, trunk, 3, stride=2), ConditionalNorm(styles, trunk)
        self.blocks = nn.ModuleList(ResidualBlock(styles, trunk) for _ in range(architecture.blocks))
        self.up, self.up_norm = ReflectConv(trunk, stem, 3), ConditionalNorm(styles, stem)
        self.subpixels, self.rgb = ReflectConv(stem, 12, 5), ReflectConv(3, 3, 3)
        self.colour = nn.Parameter(torch.zeros(styles, 3))
        with torch.no_grad():
            self.subpixels.weight.mul_(0.5)
            self.rgb.weight.copy_(_blur_kernel())

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = functional.pixel_unshuffle(x * 2 - 1, 2)
        x = functional.relu(self.stem_norm(self.stem(x), style))
        x = functional.relu(self.down_norm(self.down(x), style))
        for block in self.blocks:
            x = block(x, style)
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = functional.relu(self.up_norm(self.up(x), style))
        x = functional.pixel_shuffle(self.subpixels(x), 2)
        return torch.sigmoid(self.rgb(x) + self.colour[style][..., None, None])


def _blur_kernel() -> Tensor:
    """Each colour from itself alone, through the binomial 3x3 blur."""
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    return torch.eye(3)[:, :, None, None] * torch.outer(line, line)


def load_network(described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SharedNetwork:
    """The network with these weights, whatever float type they are stored in. Every doubt is a StyleError."""
    network = ConditionalNetwork(Architecture.parse(described))
    expected = network.state_dict()
    _check_names(expected.keys(), tensors.keys())
    for name, tensor in tensors.items():
        _check_tensor(name, tensor, expected[name])
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return SharedNetwork(network)


def _check_names(expected: Iterable[str], found: Iterable[str]) -> None:
    missing, extra = sorted({*expected} - {*found}), sorted({*found} - {*expected})
    if missing:
        raise StyleError(f"weights without {', '.join(missing[:4])} ({len(missing)} missing)", "every tensor", _REPACK)
    if extra:
        raise StyleError(f"weights with {', '.join(extra[:4])} ({len(extra)} unknown)", "no other tensors", _REPACK)


def _check_tensor(name: str, tensor: Tensor, expected: Tensor) -> None:
    if not tensor.is_floating_point():
        raise StyleError(f"{name} of type {tensor.dtype}", "floats", _REPACK)
    if tensor.shape != expected.shape:
        raise StyleError(f"{name} of shape {tuple(tensor.shape)}", f"{tuple(expected.shape)}", _REPACK)
    if not bool(torch.isfinite(tensor.float()).all()):
        raise StyleError(f"NaN or infinity in {name}", "finite numbers", "Its training went wrong.")


class SharedNetwork:
    """One network for every style of a package, copied once to each device that asks for it."""

    def __init__(self, network: ConditionalNetwork) -> None:
        network.eval().requires_grad_(False)
        self.styles = network.architecture.styles
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's overloads forget this form
        self._copies = {torch.device("cpu"): network}
        self._lock = Lock()

    def on(self, device: torch.device) -> ConditionalNetwork:
        with self._lock:
            if device not in self._copies:
                self._copies[device] = deepcopy(self._copies[torch.device("cpu")]).to(device)
            return self._copies[device]


class ConditionalStyle:
    """One style of a shared network, ready to render."""

    family = FAMILY
    controls = frozenset({"strength"})

    def __init__(self, network: SharedNetwork, index: int, name: str, reference: Reference) -> None:
        if not 0 <= index < network.styles:
            raise StyleError(f"style {name!r} at index {index}", f"an index from 0 to {network.styles - 1}", _REPACK)
        self._network, self._index = network, index
        self.name, self.reference = name, reference

    def render(self, batch: Tensor) -> Tensor:
        """Pads to a multiple of four by mirroring, and crops again; what is not a number is taken as mid grey."""
        _check_batch(batch)
        height, width = batch.shape[2:]
        clean = torch.nan_to_num(batch.float(), nan=0.5).clamp(0, 1)
        padded = functional.pad(clean, [0, -width % STRIDE_PX, 0, -height % STRIDE_PX], mode="reflect")
        network = self._network.on(batch.device)
        with torch.inference_mode():
            rendered = network(
                padded.contiguous(memory_format=torch.channels_last), torch.tensor(self._index, device=batch.device)
            )
        return cast(Tensor, rendered)[:, :, :height, :width].float().clamp(0, 1)


def _check_batch(batch: Tensor) -> None:
    if batch.dim() != 4 or batch.shape[1] != 3 or not batch.is_floating_point():
        raise StyleError(f"a batch of {tuple(batch.shape)} {batch.dtype}", "N x 3 x height x width floats")
    if min(batch.shape[2:]) < MIN_EDGE_PX:
        raise StyleError(f"pictures of {batch.shape[3]} x {batch.shape[2]} px", f"at least {MIN_EDGE_PX} px each way")
