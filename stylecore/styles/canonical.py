"""Colours taken out of a picture, and put into another: so that a network has to learn marks and never palettes.

Every picture has a middle colour and a spread of colours about it (a covariance). With both taken out, all styles have
the same colours; painted in those, a picture gets a style's own colours in closed form, whichever they are. The idea is
that of whitening and colouring (WCT, Li et al., 2017, arXiv:1705.08086), here on colours alone and in logits, where
nothing leaves the range of a picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_EDGE = 0.02
_LEAST_VARIANCE = 0.02
_REACH = 3.0
"""So many spreads either way are told apart in canonical colours."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The middle (N x 3) and the symmetric root of the covariance (N x 3 x 3) of the logits of colours."""

    middle: Tensor
    root: Tensor

    def to(self, device: torch.device) -> Colours:
        return Colours(self.middle.to(device), self.root.to(device))

    def mixed(self, own: float, others: list[tuple[Colours, float]]) -> Colours:
        """Between these: what is mixed are the middles and the roots."""
        middle = own * self.middle + sum(weight * other.middle for other, weight in others)
        return Colours(middle, own * self.root + sum(weight * other.root for other, weight in others))


def colours_of(pictures: Tensor) -> Colours:
    with _every_digit(pictures):
        return _colours_of(pictures)


def _every_digit(pictures: Tensor) -> torch.autocast:
    """Training computes the networks in bfloat16, in which a covariance may have no root."""
    return torch.autocast(pictures.device.type, enabled=False)


def _colours_of(pictures: Tensor) -> Colours:
    logits = _logits(pictures).flatten(2)
    middle = logits.mean(2)
    centred = logits - middle[..., None]
    least = _LEAST_VARIANCE * torch.eye(3, device=pictures.device)
    covariance = centred @ centred.transpose(1, 2) / logits.shape[2] + least
    variances, axes = torch.linalg.eigh(covariance)
    return Colours(middle, axes @ torch.diag_embed(variances.sqrt()) @ axes.transpose(1, 2))


def canonical(pictures: Tensor, colours: Colours) -> Tensor:
    """The pictures without their colours, in 0..1: middle grey is their middle, and all colours spread alike."""
    centred = _logits(pictures).flatten(2) - colours.middle[..., None]
    with _every_digit(pictures):
        white: Tensor = torch.linalg.solve(colours.root, centred).view_as(pictures)
    return (0.5 + white / (2 * _REACH)).clamp(0, 1)


def coloured(white: Tensor, colours: Colours) -> Tensor:
    """Pictures of these colours, in 0..1, from what was painted without any."""
    count = len(white)
    with _every_digit(white):
        logits = colours.root.expand(count, -1, -1) @ white.float().flatten(2) + colours.middle[..., None]
    return torch.sigmoid(logits).view_as(white)


def _logits(pictures: Tensor) -> Tensor:
    return torch.logit(pictures.float().clamp(_EDGE, 1 - _EDGE))
