"""A small encoder that is trained with the styles it serves, so that no ImageNet network is needed to see a style.

Three levels at a half, a quarter and an eighth of the size, as the networks of both arbitrary families need them. There
is no normalisation in it on purpose: means and spreads of features *are* the style, and normalising would erase them.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.losses import luminance
from stylecore.styles.base import Reference

STRIDE_PX = 8
TONE_STEPS = 8
REFERENCE_EDGE_PX = 384
"""A style picture is looked at with its short edge at this size: the size of its marks is measured against that."""
MARGIN_PX = 24
"""Of what is painted, so much at each border is cut off: mirrored borders show as lines in some styles."""
_MOST_ELONGATED = 2.0
_EPSILON = 1e-5


class PlainConv(nn.Module):
    """A convolution that mirrors the picture at its border, then a rectifier."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.stride, self.reach, self.groups = stride, kernel // 2, groups
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        if self.reach:
            mirrors = (
                min(x.shape[2:]) > self.reach
            )  # the smallest pictures are too small for that at the coarsest level
            x = functional.pad(x, [self.reach] * 4, mode="reflect" if mirrors else "replicate")
        return functional.relu(functional.conv2d(x, self.weight, self.bias, stride=self.stride, groups=self.groups))


class WideBlock(nn.Module):
    """A wide look at each channel by itself, then all channels together: large marks for few weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.look, self.mix = PlainConv(channels, channels, 5, groups=channels), PlainConv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5 * cast(Tensor, self.mix(self.look(x)))


class Encoder(nn.Module):
    """Features of N x 3 x H x W of 0..1 at three levels; H and W are multiples of eight."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widths = (channels, 2 * channels, 3 * channels)
        self.fine = PlainConv(12, self.widths[0], 5)
        self.middle = PlainConv(self.widths[0], self.widths[1], 3, stride=2)
        self.coarse = PlainConv(self.widths[1], self.widths[2], 3, stride=2)
        self.wide = nn.ModuleList(WideBlock(self.widths[2]) for _ in range(2))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine = self.fine(functional.pixel_unshuffle(pictures * 2 - 1, 2))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        for block in self.wide:
            coarse = block(coarse)
        return fine, middle, coarse


def mean_and_spread(features: Tensor) -> Tensor:
    """The mean of each channel and its standard deviation, over the whole picture: N x 2C."""
    flat = features.float().flatten(2)
    variance, mean = torch.var_mean(flat, dim=2, correction=0)
    return torch.cat([mean, (variance + _EPSILON).sqrt()], dim=1)


def tone_curve(pictures: Tensor) -> Tensor:
    """The mean colour of each eighth of the pixels, from the darkest to the lightest: N x 24.

    A departure from the papers: colours in the order in which a photograph needs them, and how hard contrasts are.
    """
    order = luminance(pictures).flatten(1).argsort(dim=1)
    colours = pictures.flatten(2).gather(2, order[:, None].expand(-1, 3, -1))
    steps = [step.mean(2) for step in colours.tensor_split(TONE_STEPS, dim=2)]
    return torch.cat(steps, dim=1)


def statistics_of(pictures: Tensor, features: tuple[Tensor, ...]) -> Tensor:
    """All that is kept of a style picture: its tones, and the statistics of its features at every level."""
    return torch.cat([tone_curve(pictures) * 2 - 1, *(mean_and_spread(level) for level in features)], dim=1)


def statistics_count(encoder: Encoder) -> int:
    return 3 * TONE_STEPS + 2 * sum(encoder.widths)


def seen_reference(reference: Reference) -> Tensor:
    """A style picture as the encoder sees it: 1 x 3 x H x W of 0..1, short edge of a fixed size, never a long strip."""
    picture = torch.from_numpy(reference.copy()).permute(2, 0, 1)[None].float() / 255
    height, width = picture.shape[2:]
    longest = round(min(height, width) * _MOST_ELONGATED)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    picture = picture[:, :, top : top + longest, left : left + longest]
    return functional.interpolate(picture, size=_seen_size(*picture.shape[2:]), mode="bicubic", antialias=True).clamp(
        0, 1
    )


def _seen_size(height: int, width: int) -> list[int]:
    scale = REFERENCE_EDGE_PX / min(height, width)
    return [max(STRIDE_PX, round(edge * scale / STRIDE_PX) * STRIDE_PX) for edge in (height, width)]
