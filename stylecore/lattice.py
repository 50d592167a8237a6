"""Colours looked up in a lattice: tetrahedral interpolation in a cube of N x N x N colours, as press and film do it.

A cell of the lattice is cut into six tetrahedra along its grey diagonal. So a grey depends on the lattice's greys alone
and stays as neutral as they are, which trilinear interpolation, with all eight corners, cannot promise.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_PIECE = 65_536


def neutral(size: int) -> Tensor:
    """The lattice that changes nothing: N³ x 3, red fastest, as lattices are laid out here and in .cube files."""
    steps = torch.linspace(0, 1, size)
    blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.stack([red, green, blue], dim=-1).reshape(-1, 3)


def looked_up(lattice: Tensor, size: int, colours: Tensor) -> Tensor:
    """What an N³ x C lattice holds at 3 x M colours of 0..1: M x C. Differentiable in the lattice.

    A piece at a time, so that what each needs on the way stays in a processor's cache.
    """
    if colours.shape[1] <= _PIECE:
        return _interpolated(lattice, size, colours)
    return torch.cat([_interpolated(lattice, size, piece) for piece in torch.split(colours, _PIECE, dim=1)])


def _interpolated(lattice: Tensor, size: int, colours: Tensor) -> Tensor:
    """From the cell's darkest corner to its lightest, first along the axis with the largest rest: four corners,
    weighted by the differences of the rests in that order."""
    scaled = colours * (size - 1)
    cell = scaled.floor().clamp_(max=size - 2)
    red, green, blue = (scaled - cell).unbind()
    most = torch.maximum(torch.maximum(red, green), blue)
    least = torch.minimum(torch.minimum(red, green), blue)
    middle = red + green + blue - most - least
    first, last = _first_and_last_step(red >= green, green >= blue, red >= blue, size)
    darkest = (cell[0] + size * (cell[1] + size * cell[2])).int()
    diagonal = 1 + size + size * size
    corners = torch.stack([darkest, darkest + first, darkest + (diagonal - last), darkest + diagonal], dim=1)
    weights = torch.stack([1 - most, most - middle, middle - least, least], dim=1)
    return functional.embedding_bag(corners, lattice, per_sample_weights=weights, mode="sum")


def _first_and_last_step(red_green: Tensor, green_blue: Tensor, red_blue: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The strides of the axes with the largest and the smallest rest, told from which rest is at least which."""
    along_red, along_green, along_blue = 1, size, size * size
    first = torch.where(red_green & red_blue, along_red, torch.where(green_blue, along_green, along_blue))
    last = torch.where(red_blue & green_blue, along_blue, torch.where(red_green, along_green, along_red))
    return first.int(), last.int()
