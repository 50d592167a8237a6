"""Style transfer by optimisation, after Gatys et al., 2016 (CVPR), "Image style transfer using CNNs".

Departures from the paper, most of them after the practice of the years since: from coarse to fine with a warm start;
2-Wasserstein statistics beside Gram matrices; Adam with a running average beside L-BFGS; a palette and a structure term
(stylecore/losses.py), which carry the colours of flat styles and keep faces and products legible with small networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from stylecore.colour_keeping import kept
from stylecore.features import FeatureNetwork
from stylecore.optimisation.descent import Painted, descended
from stylecore.optimisation.objective import Mixture, Objective
from stylecore.optimisation.scales import Size, carried, resized, scale_sizes, widened, working_size
from stylecore.optimisation.settings import Settings


@dataclass(frozen=True, slots=True)
class Step:
    """Where an optimisation is: for those who wait for it."""

    width_px: int
    height_px: int
    loss: float


def optimised(
    network: FeatureNetwork,
    content: Tensor,
    styles: Mixture,
    settings: Settings,
    *,
    stroke: float = 1.0,
    seed: int = 0,
    told: Callable[[Step], None] = lambda _: None,
) -> Tensor:
    """One picture, 1 x 3 x H x W of 0..1, painted in the mixture of these styles, in the same shape and range."""
    # Callers compute in inference mode, whose tensors can carry no gradient: everything is copied out of it first.
    with torch.inference_mode(False), torch.enable_grad():
        styles = [(style.detach().clone(), weight) for style, weight in styles]
        own = content.detach().clone()
        finest = widened(resized(own, working_size((own.shape[2], own.shape[3]), settings.most_edge_px)))
        painted = _through_scales(network, finest, styles, settings, stroke, seed, told)
        return _uncovered(painted, own, settings).detach()


def _through_scales(
    network: FeatureNetwork,
    finest: Tensor,
    styles: Mixture,
    settings: Settings,
    stroke: float,
    seed: int,
    told: Callable[[Step], None],
) -> Tensor:
    painted: Painted | None = None
    for index, size in enumerate(scale_sizes((finest.shape[2], finest.shape[3]), settings.least_edge_px)):
        content = resized(finest, size)
        objective = Objective(network, content, styles, settings, stroke, seed * 1_000_003 + index)
        if painted is None:
            start, steps = Painted(_first(content, styles, settings, seed)), settings.first_steps
        else:
            start, steps = Painted(carried(painted.picture, content), painted.memory), settings.steps
        painted = descended(start, objective.loss, steps, settings, partial(_tell, told, size))
    if painted is None:
        raise ValueError("no scale to paint at")
    return painted.picture


def _tell(told: Callable[[Step], None], size: Size, loss: float) -> None:
    told(Step(size[1], size[0], loss))


def _first(content: Tensor, styles: Mixture, settings: Settings, seed: int) -> Tensor:
    """What the coarsest scale begins with."""
    if settings.start == "noise":
        noise = torch.rand(content.shape, generator=torch.Generator().manual_seed(seed))
        return noise.to(content.device)
    if settings.start == "style-colours":
        size = (content.shape[2], content.shape[3])
        colours = torch.stack([weight * _recoloured(content, resized(style, size)) for style, weight in styles])
        return colours.sum(0).clamp(0, 1)
    return content


def _recoloured(content: Tensor, style: Tensor) -> Tensor:
    """The content with the mean and covariance of the style's colours."""
    mine, its = (x[0].permute(1, 2, 0).cpu().numpy().astype(np.float32) for x in (content, style))
    return torch.from_numpy(kept(its, mine, "covariance").astype(np.float32)).permute(2, 0, 1)[None].to(content)


def _uncovered(painted: Tensor, content: Tensor, settings: Settings) -> Tensor:
    """Without what was mirrored to make it wide enough, and at the content's own size."""
    height, width = working_size((content.shape[2], content.shape[3]), settings.most_edge_px)
    return carried(painted[:, :, :height, :width], content)
