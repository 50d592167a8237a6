"""What is different between two style packages: how they are built, their weights, their numbers, their rights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from flows.errors import UsageError
from flows.wiring import Services
from registry.manifest import RightsEntry
from registry.package import StylePackage, weights_of

_VERSION = re.compile(r"(?P<name>[a-z0-9-]+)(/(?P<version>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; ``None`` where a side has none."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class TensorChange:
    """How far two tensors of one name and shape are apart."""

    name: str
    most: float
    mean: float


@dataclass(frozen=True, slots=True)
class PackageDiff:
    """Everything that differs. Empty where both are the same style from the same sources."""

    architecture: tuple[Change, ...]
    weights: tuple[TensorChange, ...]
    shapes: tuple[Change, ...]
    """Tensors that only one side has, or in another shape."""
    metrics: tuple[Change, ...]
    rights: tuple[Change, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, each.name) for each in fields(self))


def package_named(services: Services, named: str) -> StylePackage:
    """A folder, or NAME or NAME/VERSION of a registered style (its newest version without one)."""
    if Path(named).is_dir():
        return StylePackage.read(Path(named))
    found = _VERSION.fullmatch(named)
    if found is None:
        raise UsageError(f"no folder and no style {named[:80]!r}", "a package folder, NAME, or NAME/VERSION")
    version = None if found["version"] is None else int(found["version"])
    return services.catalogue.fetch(services.catalogue.find(found["name"], version))


def differences(before: StylePackage, after: StylePackage) -> PackageDiff:
    shapes, weights = _weights(before, after)
    return PackageDiff(
        architecture=tuple(_changed(_structure(before), _structure(after))),
        weights=weights,
        shapes=shapes,
        metrics=tuple(_changed(_metrics(before), _metrics(after))),
        rights=tuple(_changed(_rights(before), _rights(after))),
    )


def _structure(package: StylePackage) -> dict[str, Any]:
    return {
        "family": package.family,
        "licence": package.licence,
        "controls": sorted(package.controls),
        "styles": [entry.name for entry in package.styles],
        **{f"architecture.{name}": value for name, value in package.architecture.items()},
    }


def _metrics(package: StylePackage) -> dict[str, Any]:
    return {f"{entry.name}/{name}": value for entry in package.styles for name, value in entry.measured.items()}


def _rights(package: StylePackage) -> dict[str, Any]:
    return {entry.what: _told(entry) for entry in package.rights}


def _told(entry: RightsEntry) -> str:
    return f"{entry.licence}; {entry.holder}; {entry.source}; {'no digest' if entry.digest is None else entry.digest}"


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for what in sorted({*before, *after}):
        if before.get(what) != after.get(what):
            yield Change(what, before.get(what), after.get(what))


def _weights(before: StylePackage, after: StylePackage) -> tuple[tuple[Change, ...], tuple[TensorChange, ...]]:
    one, other = weights_of(before), weights_of(after)
    shapes = _changed(_shapes(one), _shapes(other))
    apart = []
    for name in sorted(one.keys() & other.keys()):
        if one[name].shape == other[name].shape and one[name].numel():
            gap = (one[name].double() - other[name].double()).abs()
            if float(gap.max()) > 0:
                apart.append(TensorChange(name, float(gap.max()), float(gap.mean())))
    return tuple(shapes), tuple(apart)


def _shapes(tensors: Mapping[str, Any]) -> dict[str, list[int]]:
    return {name: list(each.shape) for name, each in tensors.items()}
