"""Restyle a labelled dataset: synthetic training data whose labels are as true as the originals'."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stylecore.data import Digest, Reason, Recipe
from stylecore.engine import ON_CPU, Engine
from stylecore.image import PictureFacts, decode, encode, probe
from stylecore.image_problems import DEFAULT_LIMITS, ImageProblem, Limits
from stylecore.labelled.base import DatasetError, LabelledPicture, LabelledSet, Made
from stylecore.styles.base import StyleModel
from stylecore.stylize import stylize


@dataclass(frozen=True, slots=True)
class Written:
    """A rendition that lies in the new dataset, and what it was made from."""

    made: Made
    source_digest: Digest
    digest: Digest


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that the new dataset is without, and why."""

    key: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Restyling:
    """How a dataset is restyled: each picture in ``copies`` different styles, chosen by (seed, its name)."""

    styles: Sequence[StyleModel]
    copies: int = 1
    strength: float = 1.0
    seed: int = 0
    engine: Engine = ON_CPU
    limits: Limits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if not 1 <= self.copies <= len(self.styles):
            raise DatasetError(f"{self.copies} copies of each picture", f"1 to {len(self.styles)}, one for each style")

    def styles_of(self, key: str) -> list[StyleModel]:
        """A different start for each picture, so that every style meets every class."""
        start = int.from_bytes(hashlib.sha256(f"{self.seed}:{key}".encode()).digest()[:8], "big")
        return [self.styles[(start + turn) % len(self.styles)] for turn in range(self.copies)]


def restyled(dataset: LabelledSet, how: Restyling, out: Path) -> Iterator[Written | LeftOut]:
    """Every picture of the dataset, restyled and written below ``out`` in its own size.

    The same call gives the same dataset: what lies there from a run that was cut off is written again, in place.
    """
    for picture in dataset.pictures:
        try:
            content = (dataset.folder / picture.key).read_bytes()
        except FileNotFoundError:
            yield LeftOut(picture.key, Reason("missing", f"{picture.key} is not in {dataset.folder}"))
            continue
        try:
            problem = _labels_would_lie(picture, probe(content, how.limits))
            if problem is None:
                yield from _renditions(picture.key, content, how, out)
            else:
                yield LeftOut(picture.key, problem)
        except ImageProblem as image_problem:
            yield LeftOut(picture.key, Reason(image_problem.code, str(image_problem)))


def _renditions(key: str, content: bytes, how: Restyling, out: Path) -> Iterator[Written]:
    before = decode(content, how.limits)
    recipe = Recipe(strength=how.strength, max_edge_px=max(before.width_px, before.height_px), quality=95)
    path = PurePosixPath(key)
    for style in how.styles_of(key):
        after = stylize(style, [before], recipe, how.engine)[0]
        rendition = encode(after, recipe.output_format, recipe.quality, like=before.format)
        own_key = str(path.with_name(f"{path.stem}__{style.name}{path.suffix}"))
        _write_whole(out / own_key, rendition.content)
        yield Written(Made(key, own_key, style.name), Digest.of(content), rendition.digest)


def _labels_would_lie(picture: LabelledPicture, facts: PictureFacts) -> Reason | None:
    """Places are counted on the stored pixels, as the tools of such datasets do; we write pictures upright."""
    if picture.width_px is None:
        return None
    if facts.turned:
        told = f"{picture.key} is stored turned, and its labels may be for either way up: turn it upright first"
        return Reason("turned", told)
    if (picture.width_px, picture.height_px) != (facts.width_px, facts.height_px):
        size, labelled = f"{facts.width_px} x {facts.height_px}", f"{picture.width_px} x {picture.height_px}"
        return Reason("another_size", f"{picture.key} is {size} px, its labels are for {labelled} px: label it again")
    return None


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
