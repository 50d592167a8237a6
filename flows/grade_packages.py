"""A package of grades from their lattices: shown, measured, described and pinned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from registry.manifest import StyleEntry
from registry.package import StylePackage
from registry.packing import write_package
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.styles.colour_grade import FAMILY
from stylecore.training.measuring import measured
from stylecore.training.package_content import (
    Right,
    emptied,
    reference_digest,
    write_previews,
    write_references,
    write_rights,
    write_weights,
)
from stylecore.training.samples import samples
from stylecore.training.task import Pixels

_BOUNDED = "ssim_eighth"
"""A grade moves no edge, so structure is worth a bound. How near its colours come to one picture's is not."""
_CARD = """# {package}

{description}

{styles}

## What it does

{pictures}

| style | SSIM at full size | SSIM at 1/8 |
|---|---|---|
{numbers}

Medians over the pictures shown.

## What it is for

People, products and pictures with text: every colour becomes another, the same everywhere, and no edge moves.

## What it is not for

- Products whose colour must be right: a grade changes it, if only a little. Protect them, or give it less strength.
- Evening out pictures that were lit differently: a grade does not look at the picture first.
- A rendition is not the photograph as it was taken and must not be passed off as one.

## How it was made

{made}

{family} ({paper}): {count} x {size}³ colours, {kilobytes} kB. `rights.json` names every ingredient with its source,
licence and holder.
"""


@dataclass(frozen=True, slots=True)
class Grade:
    """One lattice, 3 x N x N x N, the picture that stands for it, and the rights in that picture."""

    name: str
    title: str
    description: str
    lattice: Tensor = field(repr=False)
    reference: Pixels = field(repr=False)


@dataclass(frozen=True, slots=True)
class About:
    """What is said of the package as a whole. ``made``: a paragraph of its card."""

    package: str
    description: str
    licence: str
    made: str


def grade_package(folder: Path, about: About, grades: Sequence[Grade], rights: Sequence[Right]) -> StylePackage:
    """``rights`` are those in the lattices; the reference pictures are drawn by us and graded."""
    tensors = {"lut": torch.stack([grade.lattice for grade in grades])}
    architecture = {"styles": len(grades), "size": tensors["lut"].shape[-1]}
    sources = [StyleSource(index, grade.name, grade.reference) for index, grade in enumerate(grades)]
    models = build(FAMILY.name, architecture, tensors, sources)
    write_weights(emptied(folder), tensors)
    write_references(folder, {grade.name: grade.reference for grade in grades})
    write_previews(folder, models, samples())
    drawn = [_drawn(folder, grade) for grade in grades]
    write_rights(folder, [*rights, *drawn, *(sample.right for sample in samples())])
    entries = [_entry(index, grade, model) for index, (grade, model) in enumerate(zip(grades, models, strict=True))]
    (folder / "CARD.md").write_text(_card(folder, about, entries, architecture["size"]), encoding="utf-8")
    return write_package(
        folder,
        package=about.package,
        family=FAMILY.name,
        architecture=architecture,
        styles=entries,
        controls=FAMILY.controls,
        licence=about.licence,
    )


def _drawn(folder: Path, grade: Grade) -> Right:
    what = f"picture that stands for {grade.name}: a landscape and a chart, seen through it"
    source = "drawn by a program: stylecore/training/painters/graded_chart.py"
    return Right(what, source, "Apache-2.0", "the restyle authors", reference_digest(folder, grade.name))


def _entry(index: int, grade: Grade, model: StyleModel) -> StyleEntry:
    known = measured(model, [sample.picture for sample in samples()])
    bounds = {name: value for name, value in known.bounds().items() if name == _BOUNDED}
    pictures = f"references/{grade.name}.jpg", f"previews/{grade.name}.jpg"
    return StyleEntry(grade.name, index, grade.title, grade.description, *pictures, bounds, known.medians)


def _card(folder: Path, about: About, entries: Sequence[StyleEntry], size: int) -> str:
    return _CARD.format(
        package=about.package,
        description=about.description,
        styles="\n".join(f"- **{entry.name}**: {entry.description}" for entry in entries),
        pictures=_pictures(entries),
        numbers="\n".join(
            f"| {entry.name} | {entry.measured['ssim_full']:.2f} | {entry.measured[_BOUNDED]:.2f} |"
            for entry in entries
        ),
        made=about.made,
        family=FAMILY.title.capitalize(),
        paper=FAMILY.paper,
        count=len(entries),
        size=size,
        kilobytes=(folder / "weights.safetensors").stat().st_size // 1000,
    )


def _pictures(entries: Sequence[StyleEntry]) -> str:
    """Before and after, a row a style."""
    names = [sample.name for sample in samples()]
    rows = ["| | " + " | ".join(f"![before](previews/before_{name}.jpg)" for name in names) + " |"]
    rows.append("|---" * (len(names) + 1) + "|")
    for entry in entries:
        shown = [entry.name, *(f"{entry.name}_{name}" for name in names[1:])]
        cells = " | ".join(f"![{entry.title}](previews/{name}.jpg)" for name in shown)
        rows.append(f"| {entry.name} | {cells} |")
    return "\n".join(rows)
