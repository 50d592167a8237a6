"""Changing the pixels of one picture at one scale until a loss is small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from stylecore.optimisation.settings import Settings

Loss = Callable[[Tensor, int], Tensor]
Told = Callable[[float], None]

_BETAS = (0.9, 0.99)
_LAST_RATE = 0.2
_CALM = 0.3
"""A pixel's share of this much slope is little. Adam would make full steps of whatever slope there is, also of noise;
pixels with less than this move less, so flat areas stay calm and what is right stays as it is."""
_MOMENTS = ("exp_avg", "exp_avg_sq")
_HISTORY = 10


@dataclass(frozen=True, slots=True)
class Painted:
    """A picture, and what the optimiser remembers of the way to it."""

    picture: Tensor = field(repr=False)
    memory: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}), repr=False)


def descended(start: Painted, loss: Loss, steps: int, settings: Settings, told: Told) -> Painted:
    """The picture after so many steps, in 0..1."""
    descend = _adam if settings.optimiser == "adam" else _l_bfgs
    return descend(start, loss, steps, settings, told)


def _adam(start: Painted, loss: Loss, steps: int, settings: Settings, told: Told) -> Painted:
    """Adam, whose moments come along from the scale before, and the running average of where it has been."""
    canvas = start.picture.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([canvas], lr=settings.learning_rate, betas=_BETAS, eps=_CALM / canvas.numel())
    if start.memory:
        moved = {name: _at_size(start.memory[name], canvas) for name in _MOMENTS}
        optimiser.state[canvas] = {"step": start.memory["step"].clone(), **moved}
    average, trust = torch.zeros_like(start.picture), 0.0
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * _LAST_RATE ** (step / steps)
        told(_slope(canvas, loss, step))
        optimiser.step()
        with torch.no_grad():
            canvas.clamp_(0, 1)
            average.lerp_(canvas, 1 - settings.average)
        trust = trust * settings.average + 1 - settings.average
    state = optimiser.state[canvas]
    return Painted(average / trust, {name: state[name].detach() for name in ("step", *_MOMENTS)})


def _slope(canvas: Tensor, loss: Loss, step: int) -> float:
    """The loss, with its gradient left in the canvas. What is not a number in it moves nothing."""
    canvas.grad = None
    value = loss(canvas, step)
    value.backward()  # type: ignore[no-untyped-call]
    if canvas.grad is not None:
        canvas.grad.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
    return float(value.detach())


def _at_size(moment: Tensor, canvas: Tensor) -> Tensor:
    return functional.interpolate(moment, size=canvas.shape[2:], mode="bilinear", align_corners=False)


def _l_bfgs(start: Painted, loss: Loss, steps: int, settings: Settings, told: Told) -> Painted:
    """L-BFGS as Gatys et al. had it. It compares gradients of one function, so it always looks from the same place; its
    last picture is its best, so nothing is averaged and nothing remembered."""
    canvas = start.picture.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [canvas], max_iter=steps, max_eval=steps * 2, history_size=_HISTORY, line_search_fn="strong_wolfe"
    )

    def evaluated() -> float:
        value = _slope(canvas, loss, 0)
        told(value)
        return value

    optimiser.step(evaluated)  # type: ignore[no-untyped-call]
    return Painted(canvas.detach().nan_to_num(nan=0.5).clamp(0, 1))
