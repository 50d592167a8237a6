"""The golden pictures: what every version of every style is measured on, by asset class. A brand brings its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from skimage import data

from flows.errors import UsageError
from flows.stores.local import FolderStore
from governance.plain_text import made_plain
from stylecore.data import AssetFacts, AssetRef, Digest, canonical_json
from stylecore.image import Limits, Picture, Pixels, decode, resized
from stylecore.training.painters.graded_chart import graded_chart

MOST_PICTURES = 500
_LIMITS = Limits(max_bytes=50_000_000, max_pixels=100_000_000)
_CHART_PX, _SEED = 288, 7
_MOST_NAME_CHARS, _MOST_CLASS_CHARS = 300, 60


@dataclass(frozen=True, slots=True)
class GoldenPicture:
    name: str
    asset_class: str
    digest: Digest
    """Of its file; of its pixels where there is none."""
    picture: Picture


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """The pictures at the size they are measured at; the digest says which they are, whatever the size."""

    digest: Digest
    pictures: tuple[GoldenPicture, ...]


def golden_set(folder: Path | None, edge_px: int) -> GoldenSet:
    """The pictures of that folder, or, without one, a few that come with scikit-image or are drawn by a program."""
    found = tuple(_generated() if folder is None else _in(folder, edge_px))
    small = tuple(replace(each, picture=resized(each.picture.as_shown(), edge_px)) for each in found)
    return GoldenSet(_digest((each.name, each.asset_class, each.digest) for each in found), small)


def golden_digest(folder: Path | None) -> Digest:
    """Which pictures these are, without reading them as pictures."""
    if folder is None:
        return _digest((each.name, each.asset_class, each.digest) for each in _generated())
    store = FolderStore(folder, "golden")
    return _digest(
        (made_plain(ref.key, _MOST_NAME_CHARS), _class(store, ref), store.digest(ref)) for ref in _refs(store, folder)
    )


def _digest(told: Iterable[tuple[str, str, Digest]]) -> Digest:
    return Digest.of(canonical_json([list(each) for each in told]))


def _generated() -> Iterator[GoldenPicture]:
    pictures = (
        ("coffee", "product", Picture(_photo("coffee"))),
        ("cup-cutout", "product", _cutout(_photo("coffee"))),
        ("rocket", "landscape", Picture(_photo("rocket"))),
        ("astronaut", "person", Picture(_photo("astronaut"))),
        ("cat", "animal", Picture(_photo("chelsea"))),
        ("chart", "graphic", Picture(graded_chart(_CHART_PX, _SEED))),
    )
    for name, asset_class, picture in pictures:
        yield GoldenPicture(name, asset_class, _digest_of_pixels(picture), picture)


def _photo(name: str) -> Pixels:
    pixels: Pixels = getattr(data, name)()
    return pixels


def _cutout(pixels: Pixels) -> Picture:
    """The cup alone, with a soft edge, on transparency."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot((x - width * 0.5) / (width * 0.42), (y - height * 0.52) / (height * 0.46))
    return Picture(pixels, (np.clip((1.02 - distance) * 40, 0, 1) * 255).astype(np.uint8))


def _in(folder: Path, edge_px: int) -> Iterator[GoldenPicture]:
    store = FolderStore(folder, "golden")
    for ref in _refs(store, folder):
        asset = store.fetch(ref, _LIMITS.max_bytes)
        name = made_plain(ref.key, _MOST_NAME_CHARS)
        yield GoldenPicture(name, _class(store, ref), asset.digest, decode(asset.content, _LIMITS, edge_px))


def _refs(store: FolderStore, folder: Path) -> list[AssetRef]:
    refs = list(islice(store.list(), MOST_PICTURES + 1))
    if not 1 <= len(refs) <= MOST_PICTURES:
        found = f"more than {MOST_PICTURES}" if refs else "no"
        raise UsageError(f"{found} pictures in {folder}", f"1 to {MOST_PICTURES} golden pictures")
    return refs


def _class(store: FolderStore, ref: AssetRef) -> str:
    """As in a library: what ``_restyle.csv`` says; where it says nothing, the folder that the picture lies in."""
    said = store.facts(ref).asset_class
    folder = ref.key.rpartition("/")[0].rpartition("/")[2].lower()
    return made_plain(folder, _MOST_CLASS_CHARS) if said == _UNSAID and folder else said


_UNSAID = AssetFacts().asset_class


def _digest_of_pixels(picture: Picture) -> Digest:
    alpha = b"" if picture.alpha is None else picture.alpha.tobytes()
    return Digest.of(repr(picture.pixels.shape).encode() + picture.pixels.tobytes() + alpha)
