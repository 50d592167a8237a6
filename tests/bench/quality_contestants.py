"""Who competes: the styles that are bundled, our optimiser, and the networks of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from registry.bundled import bundled_packages
from registry.package import WEIGHTS, StylePackage, load_styles
from stylecore.features.placed import FEATURE_NAMES
from stylecore.optimisation.pictures import packed
from stylecore.styles.base import Reference, StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.weights import WeightsFolder, load_safetensors

OPTIMISATION = "optimisation"
ANY_STYLE = frozenset({"adaptive-instance-norm", "style-attention"})
"""Families whose networks paint in the style of whatever picture they are shown."""
GRADES = "colour-grade"
"""The family that leaves texture alone on purpose: nothing of this is a goal of its."""
PEERS = ("candy", "mosaic", "udnie")
REFERENCE_EDGE_PX = 512
_NO_PICTURE = np.zeros((64, 64, 3), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A style model that paints after one reference, under the name of its family and package."""

    name: str
    family: str
    model: StyleModel = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A style picture, and all who paint after it."""

    style: str
    reference: Reference = field(repr=False)
    contestants: tuple[Contestant, ...]


def matches(paintings: Path | None, weights: WeightsFolder | None) -> Iterator[Match]:
    """One for every style picture that a bundled style was made after, and one for every painting."""
    found = (StylePackage.read(folder) for folder in bundled_packages())
    packages = [package for package in found if package.family != GRADES]
    known = _references(packages, weights)
    for path in sorted(paintings.glob("*.jpg")) if paintings else []:
        known[path.stem] = (_reference(path), ())
    for style, (reference, trained) in known.items():
        source = StyleSource(0, style, reference)
        anyone = tuple(_any_style(packages, source, weights))
        yield Match(style, reference, (*_optimiser(source, weights), *trained, *anyone))


def _references(
    packages: Sequence[StylePackage], weights: WeightsFolder | None
) -> dict[str, tuple[Reference, tuple[Contestant, ...]]]:
    """Every reference of the bundled packages, with the styles that were trained towards it."""
    known: dict[str, tuple[Reference, tuple[Contestant, ...]]] = {}
    for package in packages:
        if package.family in ANY_STYLE:
            continue
        for model in load_styles(package, [entry.name for entry in package.styles], weights):
            same = [style for style, (reference, _) in known.items() if np.array_equal(reference, model.reference)]
            style = same[0] if same else model.name if model.name not in known else f"{model.name} ({package.name})"
            reference, others = known.get(style, (model.reference, ()))
            known[style] = (reference, (*others, Contestant(package.name, package.family, model)))
    return known


def _any_style(
    packages: Sequence[StylePackage], source: StyleSource, weights: WeightsFolder | None
) -> Iterator[Contestant]:
    for package in packages:
        if package.family in ANY_STYLE:
            tensors = load_safetensors(package.folder / WEIGHTS, package.files[WEIGHTS])
            model = build(package.family, package.architecture, tensors, [source], weights)[0]
            yield Contestant(package.name, package.family, model)


def _optimiser(source: StyleSource, weights: WeightsFolder | None) -> Iterator[Contestant]:
    """Our optimiser with the best features that are here; nobody where there are none."""
    if weights is not None and any(weights.find(name) for name in FEATURE_NAMES):
        made = packed({source.name: source.reference}, weights)
        model = build(made.family, made.architecture, made.tensors, [source], weights)[0]
        yield Contestant(OPTIMISATION, OPTIMISATION, model)


def peers(folder: Path | None) -> Iterator[Contestant]:
    """Networks of pytorch/examples. The pictures they were trained after are not ours to have, so they are judged by
    what they keep of the photograph alone."""
    for name in PEERS:
        path = folder / f"peer_{name}.safetensors" if folder else None
        if path is not None and path.is_file():
            source = StyleSource(0, name, _NO_PICTURE)
            tensors = load_safetensors(path, None)
            model = build("feed-forward", {"channels": 32, "blocks": 5}, tensors, [source])[0]
            yield Contestant(f"peer {name}", "feed-forward", model)


def _reference(path: Path) -> Reference:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
        picture.thumbnail((REFERENCE_EDGE_PX, REFERENCE_EDGE_PX), Image.Resampling.LANCZOS)
        return np.asarray(picture)
