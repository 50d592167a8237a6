"""Where each colour goes so that it comes within a bound of ΔE2000 of a palette, as a lattice to look colours up in.

A colour moves in CIELAB, straight towards a colour of the palette. Within half the bound it stays; beyond, its distance
is compressed, so that no gradient becomes flat: a plain "just enough" would make one colour of all that lies outside.

Colours of the palette that are near each other form a group, and between them a colour moves to a mixture of where each
would have it: no contour. Between groups the bound leaves a gap that nothing may lie in, and there a contour must be.
So the lattice has for each group how far off it is and where a colour goes in it: both are smooth, and only the choice
between groups, made for each pixel, is not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stylecore.colour_spaces import Colours, delta_e, from_lab, to_lab
from stylecore.lattice import neutral

Measure = Callable[[Colours], Colours]

LATTICE_SIZE = 33
_MARGIN = 0.06
"""Of the bound: left for interpolation and rounding, which are put right one by one where this does not do."""
_JOINED = 1.9
"""Groups: the mixture of two colours is within the bound up to nearly this many bounds apart."""
_BLEND = 0.4
"""Over which difference of distances, in bounds, the pull goes over from one colour to the other."""
_LIGHT = 0.75
"""The weight of lightness in that: below one, a bright blue goes to a navy sooner than to a mauve of its lightness."""
_FAR = 50.0
"""A group that is this much further off than another is chosen nowhere near such a node."""
_FURTHEST = 80.0
_NO_PULL = 1e-3
_STEPS = 16


def nearest(lab: Colours, palette: Colours) -> tuple[npt.NDArray[np.intp], Colours]:
    """For each colour, which one of the palette is nearest, and how far it is."""
    which, least = np.zeros(len(lab), dtype=np.intp), np.full(len(lab), np.inf, dtype=np.float32)
    for index, colour in enumerate(palette):
        distance = delta_e(lab, colour)
        which[distance < least] = index
        least = np.minimum(distance, least)
    return which, least


def pulled(palette: Colours, most_delta_e: float) -> tuple[Tensor, int]:
    """(lattice, number of groups G): for each node how far off each of the G groups is, and the G colours in sRGB."""
    bound = most_delta_e * (1 - _MARGIN)
    nodes = to_lab(neutral(LATTICE_SIZE).numpy())
    groups = [palette[members] for members in _groups(palette, bound)]
    apart = [np.stack([_apart(nodes, colour, bound) for colour in group]) for group in groups]
    offs = np.stack([each.min(axis=0) for each in apart], axis=1)
    chosen_near = offs <= offs.min(axis=1, keepdims=True) + _FAR
    columns = [offs]
    for group, distances, some in zip(groups, apart, chosen_near.T, strict=True):
        moved = np.repeat(group[:1], len(nodes), axis=0)
        moved[some] = _towards(nodes[some], group, distances[:, some], bound)
        columns.append(from_lab(moved))
    return torch.from_numpy(np.concatenate(columns, axis=1)), len(groups)


def _apart(nodes: Colours, colour: Colours, bound: float) -> Colours:
    """How far off a colour of the palette is: ΔE2000 near it, further away HyAB (Abasi et al., 2020).

    ΔE2000 was fitted to small differences. Among large ones it makes so little of chroma that to it a mid grey is
    nearer to coral than to a darker grey.
    """
    small, difference = delta_e(nodes, colour), np.abs(nodes - colour)
    large = _LIGHT * difference[:, 0] + np.hypot(difference[:, 1], difference[:, 2])
    part = ((small - bound / 2) / max(bound, 1.0)).clip(0, 1)
    return np.asarray(small + part * np.maximum(large - small, 0), dtype=np.float32)


def _groups(palette: Colours, bound: float) -> list[npt.NDArray[np.intp]]:
    """Colours that are linked, one to the next, by less than ``_JOINED`` bounds."""
    linked = delta_e(palette[:, None], palette[None]) <= _JOINED * bound
    label = np.arange(len(palette))
    for _ in palette:
        label = np.where(linked, label[None], len(palette)).min(axis=1)
    return [np.flatnonzero(label == each) for each in np.unique(label)]


def _towards(nodes: Colours, group: Colours, distances: Colours, bound: float) -> Colours:
    """Where the nodes go, given how far off (colours x nodes) the colours of the group are."""
    weights = np.exp((distances.min(axis=0) - distances) / max(_BLEND * bound, 1e-6))
    weights = np.where(weights > _NO_PULL, weights, 0)
    weights /= weights.sum(axis=0)
    moved = np.zeros_like(nodes)
    for colour, weight in zip(group, weights, strict=True):
        some = weight > 0
        start, measure = nodes[some], partial(delta_e, other=colour)
        goal = np.broadcast_to(colour, start.shape)
        moved[some] += weight[some, None] * _pulled_until(start, goal, measure, _compressed(measure(start), bound))
    return _inside(moved, (weights.T @ group).astype(np.float32), group, bound)


def _compressed(distance: Colours, bound: float) -> Colours:
    """The same up to half the bound; from there to the bound ever slower, as the logarithm."""
    knee = max(bound / 2, 1e-6)
    beyond = np.log1p(np.maximum(distance / knee - 1, 0)) / np.log1p(_FURTHEST / knee)
    return np.asarray(np.minimum(distance, knee) + knee * np.minimum(beyond, 1), dtype=np.float32)


def _inside(moved: Colours, middle: Colours, group: Colours, bound: float) -> Colours:
    """A mixture may lie between the balls around two colours: then it goes on towards the same mixture of the colours
    themselves, or, if the bound does not reach even there, to the nearest of them."""

    def measure(lab: Colours) -> Colours:
        return nearest(lab, group)[1]

    for goal in (middle, group[nearest(moved, group)[0]]):
        outside = measure(moved) > bound
        if outside.any():
            moved[outside] = _pulled_until(moved[outside], goal[outside], measure, bound)
    return moved


def _pulled_until(start: Colours, goal: Colours, measure: Measure, target: Colours | float) -> Colours:
    """Each colour moved towards its goal by the least step after which it measures no more than its target.

    ΔE2000 is no norm and may rise on the way to the goal: what is compared is the most it is from there on.
    """
    shares = np.linspace(0, 1, _STEPS + 1, dtype=np.float32)
    measured = np.stack([measure(start + share * (goal - start)) for share in shares])
    ahead = np.maximum.accumulate(measured[::-1])[::-1]
    place = (ahead > target).sum(axis=0).clip(1, _STEPS)
    over, under = (np.take_along_axis(ahead, at[None], axis=0)[0] for at in (place - 1, place))
    part = ((over - target) / np.maximum(over - under, 1e-6)).clip(0, 1)
    share = np.where(ahead[0] > target, (place - 1 + part) / _STEPS, 0).astype(np.float32)
    return np.asarray(start + share[:, None] * (goal - start), dtype=np.float32)
