"""From coarse to fine: the sizes a picture is painted at, and how what was painted is carried from one to the next."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.losses import luminance

Size = tuple[int, int]
"""Height and width."""

LEAST_SHORT_EDGE_PX = 64
"""Below this nothing is left of a picture in the deeper features and at an eighth of the size."""

_STEP = math.sqrt(2)


def working_size(size: Size, most_edge_px: int) -> Size:
    """The size of the finest scale: the picture's own, unless that is larger than allowed."""
    factor = min(1.0, most_edge_px / max(size))
    return round(size[0] * factor) or 1, round(size[1] * factor) or 1


def scale_sizes(size: Size, least_edge_px: int) -> list[Size]:
    """Sizes a factor of the square root of two apart, the last of them this one."""
    least = min(1.0, max(least_edge_px / max(size), LEAST_SHORT_EDGE_PX / min(size)))
    count = math.ceil(math.log(1 / least) / math.log(_STEP) - 0.1)
    factors = [least ** (index / count) for index in range(count, 0, -1)] if count else []
    return [(round(size[0] * factor), round(size[1] * factor)) for factor in factors] + [size]


def resized(x: Tensor, size: Size) -> Tensor:
    if tuple(x.shape[2:]) == size:
        return x
    return functional.interpolate(x, size=size, mode="bicubic", antialias=True).clamp(0, 1)


def widened(x: Tensor, least_edge_px: int = LEAST_SHORT_EDGE_PX) -> Tensor:
    """Mirrored over and over to the right and downwards until both edges are long enough."""
    for dim in (2, 3):
        edge = x.shape[dim]
        if edge < least_edge_px:
            there_and_back = torch.cat([torch.arange(edge), torch.arange(edge - 1, -1, -1)])
            places = there_and_back.repeat(least_edge_px // edge + 1)[:least_edge_px]
            x = x.index_select(dim, places.to(x.device))
    return x


def carried(painted: Tensor, content: Tensor) -> Tensor:
    """What was painted, at the content's larger size, with the content's own fine light and shade over it.

    Fine contrast is taken over in the proportion in which the painting kept the contrast one scale below: where it
    painted flat, nothing is added.
    """
    if painted.shape == content.shape:
        return painted
    small: Size = (painted.shape[2], painted.shape[3])
    large: Size = (content.shape[2], content.shape[3])
    light = luminance(content)
    coarse = resized(light, small)
    fine = light - resized(coarse, large)
    kept = (_contrast(luminance(painted)) / (_contrast(coarse) + 0.02)).clamp(0, 1)
    return (resized(painted, large) + resized(kept, large) * fine).clamp(0, 1)


def _contrast(light: Tensor) -> Tensor:
    """The local spread of light over 5 x 5 pixels."""
    middle = functional.avg_pool2d(light, 5, stride=1, padding=2, count_include_pad=False)
    squares = functional.avg_pool2d(light.square(), 5, stride=1, padding=2, count_include_pad=False)
    return (squares - middle.square()).clamp_min(0).sqrt()
