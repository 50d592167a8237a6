"""What a package says of its ingredients: where each came from, under which licence, and who holds the rights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stylecore.data import Digest
from stylecore.training.families import has_loss_network
from stylecore.training.listing import Listed
from stylecore.training.material_of import Gathered
from stylecore.training.package_content import Right, reference_digest
from stylecore.training.recipe import ImageSource, StylePart, TrainingRecipe

LOSS_NETWORK = Right(
    what="SqueezeNet 1.1 features: measured the losses in training, no part of this package",
    source="https://github.com/pytorch/vision",
    licence="BSD-3-Clause",
    holder="the torchvision authors",
)


def rights_of(recipe: TrainingRecipe, given: Gathered, folder: Path, shown: Sequence[Right]) -> list[Right]:
    """Style images with the digests of their files in the folder, what was trained on, and what is shown."""
    pictures = [_style(style, given.image_of(style), folder) for style in recipe.styles]
    judges = [LOSS_NETWORK] if has_loss_network(recipe.family) else []
    return [*pictures, *_learnt_from(given), *_begun_from(given), *_photographs(given), *shown, *judges]


def _style(style: StylePart, image: ImageSource, folder: Path) -> Right:
    packed = (folder / "references" / f"{style.name}.jpg").exists()
    digest = reference_digest(folder, style.name) if packed else None
    what = (
        f"{'style image of' if packed else 'learnt from, no part of this package:'} {style.name}: {style.description}"
    )
    rights = image.rights
    if rights is None:
        source = f"drawn by a program: {image.drawn}, seed {image.seed}, of stylecore/training/painters"
        return Right(what, source, "Apache-2.0", "the restyle authors", digest)
    return Right(what, rights.source, rights.licence, rights.holder, digest)


def _begun_from(given: Gathered) -> list[Right]:
    start = given.material.start
    if start is None:
        return []
    what = "the package that training went on from; its own rights.json names what it was made of"
    return [Right(what, f"the style package {start.package}", start.licence, "its makers", start.digest)]


def _learnt_from(given: Gathered) -> list[Right]:
    told = ((f"{found.what} that {style} was learnt from", found) for style, found in given.examples.items())
    return [right for what, found in told for right in _grouped(what, found.listed, "", found.digest)]


def _photographs(given: Gathered) -> list[Right]:
    listed = given.trained_on.listed
    return _grouped("photographs trained on", listed, " of the listing", given.trained_on.digest()) if listed else []


def _grouped(what: str, listed: Sequence[Listed], place: str, whole: Digest) -> list[Right]:
    """One entry for each source, licence and holder; the digest of them all says which pictures exactly."""
    groups = Counter((each.source, each.licence, each.holder, each.consent) for each in listed)
    entries = []
    for (source, licence, holder, consent), count in groups.items():
        told = f"{what}: {count}{place}" + (f"; consent: {consent}" if consent else "")
        entries.append(Right(told, source, licence, holder, whole if len(groups) == 1 else None))
    return entries


def licences(listed: Sequence[Listed]) -> dict[str, int]:
    """How many pictures stand under each licence."""
    return dict(Counter(each.licence for each in listed))
