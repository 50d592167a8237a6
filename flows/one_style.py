"""A package of one style, made by whatever means: shown, described, pinned, and there whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from flows.errors import UsageError
from registry.manifest import SLUG, StyleEntry
from registry.package import StylePackage
from registry.packing import write_package
from stylecore.data import Digest
from stylecore.styles.base import StyleModel
from stylecore.training.measuring import Measured
from stylecore.training.package_content import (
    Right,
    reference_digest,
    write_previews,
    write_references,
    write_rights,
    write_weights,
)
from stylecore.training.samples import samples


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of the style and of its package, which has the same name."""

    name: str
    title: str
    description: str
    licence: str


def refuse_taken(name: str, into: Path) -> None:
    """Asked before anything is read or made."""
    if re.fullmatch(SLUG, name) is None:
        raise UsageError(f"a style named {name[:80]!a}", "lower-case letters, digits and hyphens")
    refuse_existing(into)


def refuse_existing(into: Path) -> None:
    """Asked before anything is taught, too: nobody wants to hear it an hour later."""
    if into.exists():
        raise UsageError(f"{into} exists", "a folder to be made", "Move it away, or name another with --to.")


@contextmanager
def made_whole(into: Path) -> Iterator[Path]:
    """A folder to fill beside ``into``, which gets that name once nothing can go wrong any more."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=into.parent, prefix=".making-") as temporary:
        folder = Path(temporary) / "package"
        yield folder
        folder.rename(into)


def fill(
    folder: Path,
    model: StyleModel,
    tensors: Mapping[str, Tensor],
    rights: Callable[[Digest], Sequence[Right]],
    card: str,
) -> None:
    """Everything but ``style.json``. ``rights`` are those in the network and in the picture with that digest."""
    write_weights(folder, tensors)
    write_references(folder, {model.name: model.reference})
    write_previews(folder, [model], samples())
    own = rights(reference_digest(folder, model.name))
    write_rights(folder, [*own, *(sample.right for sample in samples())])
    (folder / "CARD.md").write_text(card, encoding="utf-8")


def describe(
    folder: Path, said: Said, model: StyleModel, architecture: Mapping[str, Any], known: Measured
) -> StylePackage:
    """Writes ``style.json``. What is said is checked first: with nothing measured yet, before any time is spent."""
    entry = StyleEntry(
        name=said.name,
        index=0,
        title=said.title,
        description=said.description,
        reference=f"references/{said.name}.jpg",
        preview=f"previews/{said.name}.jpg",
        suggested_bounds=known.bounds(),
        measured=known.medians,
    )
    return write_package(
        folder,
        package=said.name,
        family=model.family.name,
        architecture=architecture,
        styles=[entry],
        controls=model.family.controls,
        licence=said.licence,
    )


def before_and_after(name: str) -> str:
    """The rows of the card's table: each sample photograph beside what the style makes of it."""
    shown = [sample.name for sample in samples()]
    after = [name, *(f"{name}_{each}" for each in shown[1:])]
    rows = zip(shown, after, strict=True)
    return "\n".join(
        f"| ![before](previews/before_{one}.jpg) | ![after](previews/{other}.jpg) |" for one, other in rows
    )
