"""What a style is learnt from beside its one picture: pairs before and after, or many pictures of the wanted kind.

Each has a rights record, or none of them is used: in the recipe beside the pair, or in the ``rights.csv`` of the
folder, which has the columns of every listing. A picture in the folder that it does not list is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stylecore.data import Digest
from stylecore.training.errors import TrainingError
from stylecore.training.listing import MAX_PICTURES, Listed, Photos, below, decoded, read_listing
from stylecore.training.recipe import ImageSource, Pair, Rights, StylePart
from stylecore.training.task import Pixels

RIGHTS_FILE = "rights.csv"
BEFORE, AFTER = "before", "after"
_MOST_PAIRS = 500
_AS_LARGE_AS_IT_IS_PX = 1_000_000
_MOST_COLOURS = 4_000_000
"""Of all pairs together; a grade of a few tens of thousands of colours is known long before."""


@dataclass(frozen=True, slots=True)
class Examples:
    """``what`` they are in words, the rights in each, and one digest for the files of all. ``image`` is the first of
    them, which may stand for the style. ``pairs`` are pixels before and after, ``pictures`` those of the wanted kind: a
    style has the one or the other."""

    what: str
    listed: tuple[Listed, ...]
    digest: Digest
    image: ImageSource
    pairs: tuple[tuple[Pixels, Pixels], ...] = field(default=(), repr=False)
    pictures: Photos | tuple[()] = field(default=(), repr=False)


def examples_of(style: StylePart, folder: Path) -> Examples | None:
    """``folder`` is the recipe's own, and nothing outside of it is read."""
    if style.targets is not None:
        return _wanted(style.targets, folder)
    if style.pairs is not None:
        return _graded(_named_pairs(style.pairs, folder), folder)
    return None


def _wanted(path: str, folder: Path) -> Examples:
    place = _inner(folder, path)
    listed = read_listing(below(place, RIGHTS_FILE))
    _refuse_unlisted(place, {each.path for each in listed})
    pictures = Photos(place, listed)
    first = _image(below(place, listed[0].path), listed[0], folder)
    return Examples("pictures of the wanted kind", listed, pictures.digest(), first, pictures=pictures)


def _named_pairs(pairs: str | Sequence[Pair], folder: Path) -> list[tuple[Path, Path, Listed]]:
    """Where each is before and after, and by what right."""
    if not isinstance(pairs, str):
        records = (Listed(each.before, **each.rights.model_dump()) for each in pairs)
        return [
            (below(folder, each.before), below(folder, each.after), record)
            for each, record in zip(pairs, records, strict=True)
        ]
    place = _inner(folder, pairs)
    listed = read_listing(below(place, RIGHTS_FILE))
    _refuse_unlisted(place, {f"{side}/{each.path}" for each in listed for side in (BEFORE, AFTER)})
    return [(below(place / BEFORE, each.path), below(place / AFTER, each.path), each) for each in listed]


def _graded(named: Sequence[tuple[Path, Path, Listed]], folder: Path) -> Examples:
    if len(named) > _MOST_PAIRS:
        raise TrainingError(f"{len(named)} pairs of pictures", f"at most {_MOST_PAIRS}")
    each = _MOST_COLOURS // len(named)
    pairs = tuple(_pair(before, after, each) for before, after, _ in named)  # within bounds, before all is digested
    digests = (Digest.of(path.read_bytes()) for before, after, _ in named for path in (before, after))
    return Examples(
        "pairs of pictures before and after",
        tuple(listed for _, _, listed in named),
        Digest.of("\n".join(digests).encode()),
        _image(named[0][1], named[0][2], folder),
        pairs=pairs,
    )


def _image(path: Path, listed: Listed, folder: Path) -> ImageSource:
    """As the recipe would name it. What it says was checked where it was read, by other rules than a recipe's."""
    rights = Rights.model_construct(source=listed.source, licence=listed.licence, holder=listed.holder)
    return ImageSource.model_construct(file=path.relative_to(folder.resolve()).as_posix(), rights=rights)


def _pair(before: Path, after: Path, most_colours: int) -> tuple[Pixels, Pixels]:
    """The same places of both. They are picked and not averaged: the mean of graded colours is no graded mean."""
    one, other = (decoded(path, _AS_LARGE_AS_IT_IS_PX).pixels for path in (before, after))
    if one.shape != other.shape:
        sizes = (f"{pixels.shape[1]} x {pixels.shape[0]}" for pixels in (one, other))
        raise TrainingError(
            f"{before.name} before and after, of {' and '.join(sizes)} px",
            "the same picture twice, of one size",
            "Export both again, uncropped.",
        )
    step = math.ceil(math.sqrt(one.shape[0] * one.shape[1] / most_colours))
    return one[::step, ::step].copy(), other[::step, ::step].copy()


def _inner(folder: Path, path: str) -> Path:
    """A folder inside the recipe's own, links followed."""
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise TrainingError(f"{path!a} lies outside of the recipe's folder", f"a folder below {folder.name}")
    if not found.is_dir():
        raise TrainingError(f"no folder {path!a} in {folder}", f"one with pictures and a {RIGHTS_FILE}")
    return found


def _refuse_unlisted(folder: Path, listed: set[str]) -> None:
    """Hidden files are what systems leave behind; anything else that lies there was meant to be learnt from."""
    for count, path in enumerate(folder.rglob("*")):
        if count > 4 * MAX_PICTURES:
            raise TrainingError(f"very many files in {folder.name}", f"at most {MAX_PICTURES} pictures")
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.name.startswith(".") and name not in {*listed, RIGHTS_FILE}:
            raise TrainingError(
                f"{name!a} in {folder.name} has no line in its {RIGHTS_FILE}",
                "a licence, its holder and its source for every picture",
                "Add the record, or take the picture out of the folder.",
            )
