"""What a layer's features say of style, and how far two pictures are apart in it.

Two choices. ``gram``: the Gram matrix of Gatys et al., compared by squared difference. ``wasserstein``: mean and
covariance, compared by the 2-Wasserstein distance of the Gaussians that have them. That one is a squared length and not
a fourth power of the features, so weak features count too, and the optimiser has an easier slope.

Features here are of one picture, C x H x W.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, cast

import torch
from torch import Tensor

from stylecore.losses import gram

Statistics = Literal["wasserstein", "gram"]


@dataclass(frozen=True, slots=True)
class Gaussian:
    """The moments of a style's features, and the root of the covariance, which does not change while a picture does."""

    mean: Tensor
    covariance: Tensor
    root: Tensor


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (C), and centred values (C x places) over the root of their number: X X^T is the covariance."""
    flat = features.flatten(1)
    mean = flat.mean(1)
    return mean, (flat - mean[:, None]) / flat.shape[1] ** 0.5


def gaussian(features: Tensor) -> Gaussian:
    """The target that ``wasserstein`` compares with."""
    mean, centred = moments(features)
    covariance = centred @ centred.T
    return Gaussian(mean, covariance, _root(covariance))


def wasserstein(features: Tensor, target: Gaussian) -> Tensor:
    """The squared 2-Wasserstein distance to the target, as a share of the target's own mean squared length.

    |m - m'|^2 + tr C + tr C' - 2 tr (R C R)^(1/2), where R is the root of the target's covariance C'.
    """
    mean, centred = moments(features)
    spread, own = centred.square().sum(), torch.trace(target.covariance)
    # R C R = (R X)(R X)^T has the eigenvalues of (R X)^T (R X) = X^T C' X, and zeros: the smaller of the two will do.
    if centred.shape[1] < centred.shape[0]:
        product = centred.T @ target.covariance @ centred
    else:
        half = target.root @ centred
        product = half @ half.T
    least = torch.finfo(features.dtype).eps * float(own / len(mean)) ** 2
    squared = (mean - target.mean).square().sum() + spread + own - 2 * trace_of_root(product, least)
    share: Tensor = squared / (own + target.mean.square().sum())
    return share


def gram_target(features: Tensor) -> Tensor:
    return gram(features[None])[0]


def gram_distance(features: Tensor, target: Tensor) -> Tensor:
    """Squared difference of Gram matrices relative to the style's own."""
    share: Tensor = (gram_target(features) - target).square().sum() / target.square().sum()
    return share


class _TraceOfRoot(torch.autograd.Function):
    """The derivative of tr A^(1/2) is A^(-1/2) / 2. Written down, because autograd's way through an eigendecomposition
    divides by the differences of eigenvalues, of which some are always equal. In double precision: a root makes noise
    of 1e-7 into one of 3e-4."""

    @staticmethod
    def forward(context: Any, matrix: Tensor, least: float) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix.double())
        roots = (values.clamp_min(0) + least).sqrt()
        context.save_for_backward(((vectors / roots) @ vectors.T / 2).to(matrix.dtype))
        total: Tensor = roots.sum()
        return total.to(matrix.dtype)

    @staticmethod
    def backward(context: Any, *grads: Any) -> tuple[Tensor, None]:
        (slope,) = context.saved_tensors
        return grads[0] * slope, None


def trace_of_root(matrix: Tensor, least: float) -> Tensor:
    """tr (A + least)^(1/2) of a symmetric matrix without negative eigenvalues; ``least`` bounds its slope."""
    return cast(Tensor, _TraceOfRoot.apply(matrix, least))  # type: ignore[no-untyped-call]


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance.double())
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root.to(covariance.dtype)


@dataclass(frozen=True, slots=True)
class Statistic:
    """How a style's features become a target, and how far features are from one."""

    target: Callable[[Tensor], Any]
    distance: Callable[[Tensor, Any], Tensor]


STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {"wasserstein": Statistic(gaussian, wasserstein), "gram": Statistic(gram_target, gram_distance)}
)
