"""From another project's checkpoint to a style package of ours: read safely, recognised, shown, measured and described.

A package without rights or without a picture of its style would be of no use: nothing could say whether it may be used,
or how far it comes through. So both are asked for, and nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from flows.errors import UsageError
from registry.manifest import SLUG, StyleEntry
from registry.package import StylePackage
from registry.packing import write_package
from stylecore.checkpoints import Recognised, read_checkpoint, recognise
from stylecore.data import Digest
from stylecore.image import Limits, Picture, decode, resized
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.training.measuring import Measured, measured
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
from stylecore.weights import MAX_BYTES, read_bounded

_REFERENCE = Limits(max_bytes=50_000_000, max_pixels=100_000_000)
_REFERENCE_EDGE_PX = 1024
_CARD = """# {name}

{title}. {description}

| before | after |
|---|---|
{pictures}

## What it is

{family} ({paper}), trained by others and imported: {source}, {licence}, {holder}.
Every number is as it was stored{notes}.

## What it is not for

- restyle's makers know nothing of what this network was trained on. Ask its makers before anybody sees a rendition.
- A rendition is not a photograph and must not be passed off as one.

`rights.json` names every ingredient with its source, licence and holder.
"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something comes from, under which licence, and who holds the rights."""

    source: str
    licence: str
    holder: str

    def right(self, what: str, digest: Digest) -> Right:
        return Right(what, self.source, self.licence, self.holder, digest)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the style is to be called, the picture that stands for it, and the rights in both."""

    name: str
    title: str
    description: str
    reference: Path
    origin: Origin
    reference_origin: Origin


def import_checkpoint(file: Path, wanted: Wanted, into: Path) -> StylePackage:
    """The package, in a folder that was not there before and is there only when all of it is."""
    if re.fullmatch(SLUG, wanted.name) is None:
        raise UsageError(f"a style named {wanted.name[:80]!a}", "lower-case letters, digits and hyphens")
    if into.exists():
        raise UsageError(f"{into} exists", "a folder to be made", "Move it away, or name another with --to.")
    content = read_bounded(file, MAX_BYTES)
    found = recognise(read_checkpoint(content))
    reference = _reference(wanted.reference)
    sources = [StyleSource(0, wanted.name, reference.pixels)]
    model = build(found.family, found.architecture, found.tensors, sources)[0]
    into.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=into.parent, prefix=".import-") as temporary:
        folder = emptied(Path(temporary) / "package")
        _fill(folder, found, model, wanted, Digest.of(content))
        _described(folder, found, model, wanted, Measured({}, {}))  # what is said is checked before time is spent
        _described(folder, found, model, wanted, measured(model, [sample.picture for sample in samples()]))
        folder.rename(into)
    return StylePackage.read(into)


def _reference(path: Path) -> Picture:
    try:
        with path.open("rb") as file:
            content = file.read(_REFERENCE.max_bytes + 1)
    except OSError as problem:
        raise UsageError(f"{path} cannot be read ({problem.strerror})", "a picture of the style") from problem
    return resized(decode(content, _REFERENCE, _REFERENCE_EDGE_PX), _REFERENCE_EDGE_PX)


def _fill(folder: Path, found: Recognised, model: StyleModel, wanted: Wanted, digest: Digest) -> None:
    """Everything but ``style.json``."""
    write_weights(folder, {name: _stored(tensor) for name, tensor in found.tensors.items()})
    write_references(folder, {wanted.name: model.reference})
    write_previews(folder, [model], samples())
    network = wanted.origin.right("the network, trained by others; the digest is that of their file", digest)
    shown = wanted.reference_origin.right(f"style image of {wanted.name}", reference_digest(folder, wanted.name))
    write_rights(folder, [network, shown, *(sample.right for sample in samples())])
    (folder / "CARD.md").write_text(_card(found, model, wanted), encoding="utf-8")


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    """As it came, but never larger than rendering needs."""
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def _described(folder: Path, found: Recognised, model: StyleModel, wanted: Wanted, known: Measured) -> None:
    entry = StyleEntry(
        name=wanted.name,
        index=0,
        title=wanted.title,
        description=wanted.description,
        reference=f"references/{wanted.name}.jpg",
        preview=f"previews/{wanted.name}.jpg",
        suggested_bounds=known.bounds(),
        measured=known.medians,
    )
    write_package(
        folder,
        package=wanted.name,
        family=found.family,
        architecture=found.architecture,
        styles=[entry],
        controls=model.family.controls,
        licence=wanted.origin.licence,
    )


def _card(found: Recognised, model: StyleModel, wanted: Wanted) -> str:
    after = (wanted.name, *(f"{wanted.name}_{sample.name}" for sample in samples()[1:]))
    rows = zip((sample.name for sample in samples()), after, strict=True)
    return _CARD.format(
        name=wanted.name,
        title=wanted.title,
        description=wanted.description,
        pictures="\n".join(
            f"| ![before](previews/before_{one}.jpg) | ![after](previews/{two}.jpg) |" for one, two in rows
        ),
        family=model.family.title.capitalize(),
        paper=model.family.paper,
        source=wanted.origin.source,
        licence=wanted.origin.licence,
        holder=wanted.origin.holder,
        notes="".join(f"; {note}" for note in found.notes),
    )
