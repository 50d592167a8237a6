"""Measuring a style version on the golden pictures, and holding what was measured against the gates.

Measuring needs torch and takes a second a picture; judging is arithmetic on what was measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np

from flows.gates import LESS_IS_BETTER, GateBound, Gates
from flows.golden_set import GoldenPicture, GoldenSet
from stylecore.data import SCORE_NAMES, Recipe, Scores, Zone
from stylecore.engine import Engine
from stylecore.image import Picture
from stylecore.protect import areas_of
from stylecore.score import Judge, score
from stylecore.styles.base import StyleModel
from stylecore.stylize import stylize

Means = Mapping[str, Mapping[str, float]]
"""By asset class, then by metric."""

_KEPT = "kept"
_PROTECTED = Recipe(protect=(_KEPT,), zones=(Zone(_KEPT, box=(0.3, 0.3, 0.7, 0.7)),))
_CROP_PX = 128


@dataclass(frozen=True, slots=True)
class Measured:
    """What a style does to the golden pictures. ``results`` are there to be looked at."""

    classes: Means
    ms_per_megapixel: float
    changed_where_protected: tuple[str, ...]
    """The pictures in which something changed that must not."""
    results: tuple[tuple[GoldenPicture, Picture], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a gate asks: what it is about, what was found, and whether it holds."""

    code: str
    text: str
    holds: bool

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "text": self.text, "holds": self.holds}


def measure(model: StyleModel, golden: GoldenSet, judge: Judge, engine: Engine) -> Measured:
    """Every golden picture restyled once and scored; a corner of the first of each class twice, for protection."""
    first_of_class = {each.asset_class: each for each in reversed(golden.pictures)}.values()
    changed = tuple(each.name for each in first_of_class if _changes_what_is_protected(model, each.picture, engine))
    results, speeds, scores = [], [], []
    for each in golden.pictures:
        began = time.perf_counter()
        (after,) = stylize(model, [each.picture], Recipe(), engine)
        megapixels = each.picture.width_px * each.picture.height_px / 1e6
        speeds.append((time.perf_counter() - began) * 1000 / megapixels)
        results.append((each, after))
        scores.append((each.asset_class, score(each.picture, after, model, judge)))
    return Measured(_means(scores), round(median(speeds), 1), changed, tuple(results))


def _changes_what_is_protected(model: StyleModel, picture: Picture, engine: Engine) -> bool:
    corner = Picture(np.ascontiguousarray(picture.pixels[:_CROP_PX, :_CROP_PX]))
    protected = areas_of(corner, _PROTECTED).protected
    (after,) = stylize(model, [corner], _PROTECTED, engine)
    return protected is None or bool((after.pixels != corner.pixels)[protected == 255].any())


def _means(scores: Sequence[tuple[str, Scores]]) -> Means:
    classes: dict[str, dict[str, float]] = {}
    for asset_class in sorted({name for name, _ in scores}):
        of_class = [each for name, each in scores if name == asset_class]
        known = {name: [value for each in of_class if (value := each.value(name)) is not None] for name in SCORE_NAMES}
        classes[asset_class] = {name: round(fmean(values), 4) for name, values in known.items() if values}
    return classes


def judged(measured: Measured, gates: Gates, family: str, baseline: Means | None) -> tuple[Finding, ...]:
    """What every gate says; ``baseline`` is what the approved version did to the same pictures."""
    return (
        *_content_and_style(measured.classes, gates, family),
        _protection(measured),
        _speed(measured, gates.slowest_for(family)),
        *(_regressions(measured.classes, gates, baseline) if baseline else ()),
    )


def _content_and_style(classes: Means, gates: Gates, family: str) -> Iterator[Finding]:
    for asset_class, means in classes.items():
        for bound in gates.bounds_for(family, asset_class):
            value = means.get(bound.metric)
            if value is None and bound.where_measured:
                continue
            yield Finding(f"{asset_class}/{bound.metric}", _told(asset_class, bound, value), _holds(bound, value))


def _holds(bound: GateBound, value: float | None) -> bool:
    if value is None:
        return False
    return (bound.at_least is None or value >= bound.at_least) and (bound.at_most is None or value <= bound.at_most)


def _told(asset_class: str, bound: GateBound, value: float | None) -> str:
    found = "could not be measured" if value is None else f"is {value:.3f}"
    ends = (("at least", bound.at_least), ("at most", bound.at_most))
    wanted = " and ".join(f"{word} {end:g}" for word, end in ends if end is not None)
    return f"{bound.metric} of {asset_class} {found}; {wanted}"


def _protection(measured: Measured) -> Finding:
    changed = measured.changed_where_protected
    told = f"changed what is protected in {', '.join(changed)}" if changed else "what is protected stays bit for bit"
    return Finding("protection", told, not changed)


def _speed(measured: Measured, most: float) -> Finding:
    found = measured.ms_per_megapixel
    return Finding("speed", f"{found:,.0f} ms for a megapixel; at most {most:,.0f}", found <= most)


def _regressions(classes: Means, gates: Gates, baseline: Means) -> Iterator[Finding]:
    """Only what both were measured on can have become worse."""
    for asset_class, means in classes.items():
        for metric, tolerance in gates.regressions.items():
            now, before = means.get(metric), baseline.get(asset_class, {}).get(metric)
            if now is None or before is None:
                continue
            worse = round(now - before if metric in LESS_IS_BETTER else before - now, 4)
            told = f"{metric} of {asset_class} is {now:.3f}, of the approved version {before:.3f}; {tolerance:g} worse"
            yield Finding(f"regression:{asset_class}/{metric}", f"{told} at most", worse <= tolerance)
