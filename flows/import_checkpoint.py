"""From another project's checkpoint to a style package of ours: read safely, recognised, shown, measured and described.

A package without rights or without a picture of its style would be of no use: nothing could say whether it may be used,
or how far it comes through. So both are asked for, and nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from flows.errors import UsageError
from flows.one_style import Said, before_and_after, describe, fill, made_whole, refuse_taken
from registry.package import StylePackage
from stylecore.checkpoints import Recognised, read_checkpoint, recognise
from stylecore.data import Digest
from stylecore.image import Limits, Picture, decode, resized
from stylecore.styles.base import StyleModel, StyleSource
from stylecore.styles.build import build
from stylecore.training.measuring import Measured, measured
from stylecore.training.package_content import Right, emptied
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
    refuse_taken(wanted.name, into)
    content = read_bounded(file, MAX_BYTES)
    found = recognise(read_checkpoint(content))
    reference = _reference(wanted.reference)
    sources = [StyleSource(0, wanted.name, reference.pixels)]
    model = build(found.family, found.architecture, found.tensors, sources)[0]
    said = Said(wanted.name, wanted.title, wanted.description, wanted.origin.licence)
    tensors = {name: _stored(tensor) for name, tensor in found.tensors.items()}
    with made_whole(into) as folder:
        rights = partial(_rights, wanted, Digest.of(content))
        fill(emptied(folder), model, tensors, rights, _card(found, model, wanted))
        describe(folder, said, model, found.architecture, Measured({}, {}))
        describe(folder, said, model, found.architecture, measured(model, [sample.picture for sample in samples()]))
    return StylePackage.read(into)


def _reference(path: Path) -> Picture:
    try:
        with path.open("rb") as file:
            content = file.read(_REFERENCE.max_bytes + 1)
    except OSError as problem:
        raise UsageError(f"{path} cannot be read ({problem.strerror})", "a picture of the style") from problem
    return resized(decode(content, _REFERENCE, _REFERENCE_EDGE_PX), _REFERENCE_EDGE_PX)


def _rights(wanted: Wanted, network: Digest, reference: Digest) -> list[Right]:
    """In the network first, then in the picture."""
    what = "the network, trained by others; the digest is that of their file"
    shown = f"style image of {wanted.name}"
    return [wanted.origin.right(what, network), wanted.reference_origin.right(shown, reference)]


def _stored(tensor: torch.Tensor) -> torch.Tensor:
    """As it came, but never larger than rendering needs."""
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def _card(found: Recognised, model: StyleModel, wanted: Wanted) -> str:
    return _CARD.format(
        name=wanted.name,
        title=wanted.title,
        description=wanted.description,
        pictures=before_and_after(wanted.name),
        family=model.family.title.capitalize(),
        paper=model.family.paper,
        source=wanted.origin.source,
        licence=wanted.origin.licence,
        holder=wanted.origin.holder,
        notes="".join(f"; {note}" for note in found.notes),
    )
