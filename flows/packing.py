"""Between training, which knows tensors, and the registry, which knows packages: each told in the other's words."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from registry.manifest import StyleEntry
from registry.package import StylePackage, load_styles, weights_of
from registry.packing import write_package

if TYPE_CHECKING:
    from stylecore.training.package_content import PackageContent
    from stylecore.training.start import Start


def packed(content: PackageContent) -> StylePackage:
    """The folder that training filled, described and pinned, read back as any stranger would."""
    return write_package(
        content.folder,
        package=content.package,
        family=content.family,
        architecture=dict(content.architecture),
        styles=[StyleEntry(**asdict(style)) for style in content.styles],
        controls=content.controls,
        licence=content.licence,
    )


def start_of(package: StylePackage) -> Start:
    """A package to go on from, checked to be one whose styles can be built."""
    from stylecore.training.start import KeptStyle, Start

    entries = sorted(package.styles, key=lambda entry: entry.index)
    models = load_styles(package, [entry.name for entry in entries])
    return Start(
        package=package.name,
        digest=package.digest,
        family=package.family,
        architecture=package.architecture,
        tensors=weights_of(package),
        licence=package.licence,
        styles=tuple(
            KeptStyle(entry.name, entry.title, entry.description, model.reference)
            for entry, model in zip(entries, models, strict=True)
        ),
    )
