"""The rights listing: which pictures may be trained on, and why. A picture without a licence record is refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from PIL import Image

from stylecore.data import Digest
from stylecore.image import Limits, Picture, decode
from stylecore.image_problems import ImageProblem
from stylecore.training.errors import TrainingError

COLUMNS = ("path", "licence", "holder", "source")
OPTIONAL_COLUMNS = ("consent",)
MAX_BYTES, MAX_PICTURES = 20_000_000, 100_000
PICTURE_LIMITS = Limits(max_bytes=60_000_000, max_pixels=60_000_000)
_KEPT_EDGE_PX = 1600
"""A crop sees at most a few times its own size of a picture, and hundreds of them have to fit in memory."""
_KEPT_PICTURES = 400


@dataclass(frozen=True, slots=True)
class Listed:
    """One picture that may be used: where it lies below the listing's folder, and by what right."""

    path: str
    licence: str
    holder: str
    source: str
    consent: str | None = None


def read_listing(path: Path) -> tuple[Listed, ...]:
    """All lines, each complete. The first that is not is refused by name."""
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
        text = content.decode("utf-8-sig") if content is not None else None
    except (OSError, UnicodeDecodeError) as problem:
        raise TrainingError(f"{path.name} cannot be read ({problem})", "a listing: CSV in UTF-8") from problem
    if text is None:
        raise TrainingError(f"a listing over {MAX_BYTES} bytes", "a smaller one")
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _check_columns(path.name, rows.fieldnames or ())
        listed = tuple(_listed(path.name, row) for row in rows)
    except csv.Error as problem:
        raise TrainingError(f"{path.name} line {rows.line_num}: {problem}", "CSV") from problem
    _check_whole(path.name, listed)
    return listed


def _check_columns(name: str, columns: Sequence[str]) -> None:
    missing, odd = set(COLUMNS) - set(columns), set(columns) - {*COLUMNS, *OPTIONAL_COLUMNS}
    if missing or odd or len(set(columns)) != len(columns):
        expected = f"{', '.join(COLUMNS)} and, where due, {OPTIONAL_COLUMNS[0]}"
        raise TrainingError(f"{name} has the columns {', '.join(map(ascii, columns))}", expected)


def _listed(name: str, row: dict[str, str | None]) -> Listed:
    told = {column: (row.get(column) or "").strip() for column in (*COLUMNS, *OPTIONAL_COLUMNS)}
    if not told["path"] or None in row.values() or None in row:
        raise TrainingError(f"{name} has a line with too few or too many values", "one value for each column")
    for column in COLUMNS[1:]:
        if not told[column]:
            raise TrainingError(
                f"{ascii(told['path'])[:120]} has no {column} in {name}",
                "a licence, its holder and its source for every picture",
                "Add the record, or take the picture out of the listing.",
            )
    if any(not value.isprintable() or len(value) > 300 for value in told.values()):
        raise TrainingError(f"{name} has unprintable or very long text about {ascii(told['path'])[:120]}", "plain text")
    return Listed(told["path"], told["licence"], told["holder"], told["source"], told["consent"] or None)


def _check_whole(name: str, listed: Sequence[Listed]) -> None:
    if not listed or len(listed) > MAX_PICTURES:
        raise TrainingError(f"{name} lists {len(listed)} pictures", f"1 to {MAX_PICTURES}")
    seen: set[str] = set()
    for each in listed:
        if each.path in seen:
            raise TrainingError(f"{name} lists {ascii(each.path)[:120]} twice", "every picture once")
        seen.add(each.path)


def split(listed: Sequence[Listed], held_out: Sequence[str] | float, seed: int) -> tuple[list[Listed], list[Listed]]:
    """(to train on, to judge by). A share is drawn by the seed, and at least one picture stays on each side."""
    if isinstance(held_out, int | float):
        count = min(len(listed) - 1, max(1, round(held_out * len(listed)))) if held_out else 0
        order = np.random.default_rng(seed).permutation(len(listed))
        chosen = {listed[int(i)].path for i in order[:count]}
    else:
        chosen = set(held_out)
        if unknown := sorted(chosen - {each.path for each in listed}):
            raise TrainingError(f"{ascii(unknown[0])[:120]} is held out and not listed", "paths of the listing")
    if len(chosen) == len(listed):
        raise TrainingError("every picture is held out", "some to train on")
    kept = [each for each in listed if each.path not in chosen]
    return kept, [each for each in listed if each.path in chosen]


class Photos(Sequence[Image.Image]):
    """Listed pictures, decoded when they are first asked for. Each is checked to be there before training begins."""

    def __init__(self, folder: Path, listed: Iterable[Listed]) -> None:
        self.listed = tuple(listed)
        self._paths = [below(folder, each.path) for each in self.listed]
        self._open: dict[int, Image.Image] = {}

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image.Image]: ...
    def __getitem__(self, index: int | slice) -> Image.Image | list[Image.Image]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index not in self._open:
            if len(self._open) >= _KEPT_PICTURES:
                self._open.pop(next(iter(self._open)))
            self._open[index] = Image.fromarray(decoded(self._paths[index]).pixels)
        return self._open[index]

    def __iter__(self) -> Iterator[Image.Image]:
        return (self[i] for i in range(len(self)))

    def digest(self) -> Digest:
        """One digest for all of them: of the digests of their files, in the order of the listing."""
        each = (Digest.of(path.read_bytes()) for path in self._paths)
        return Digest.of("\n".join(each).encode())


def below(folder: Path, path: str) -> Path:
    """A listed file, which must lie in the listing's own folder however it is written, links followed."""
    try:
        root, found = folder.resolve(), (folder / path).resolve()
        inside, there = found.is_relative_to(root), found.is_file()
    except (OSError, ValueError, RuntimeError):
        inside, there = True, False
    if not inside:
        raise TrainingError(f"{ascii(path)[:120]} lies outside of its folder", f"a path below {folder.name}")
    if not there:
        raise TrainingError(f"no picture {ascii(path)[:120]} in {folder}", "every file that is named")
    return found


def decoded(path: Path, max_edge_px: int = _KEPT_EDGE_PX) -> Picture:
    """A picture from outside, upright, in sRGB and within bounds. Transparency is laid over white."""
    try:
        with path.open("rb") as file:
            picture = decode(file.read(PICTURE_LIMITS.max_bytes + 1), PICTURE_LIMITS, max_edge_px)
    except OSError as problem:
        raise TrainingError(f"{path.name} cannot be read ({problem.strerror})", "a picture") from problem
    except ImageProblem as problem:
        raise TrainingError(f"{path.name}: {problem.got}", problem.expected, problem.next_step) from problem
    if picture.alpha is None:
        return picture
    cover = picture.alpha[..., None].astype(np.float32) / 255
    flat = picture.pixels * cover + 255 * (1 - cover)
    return Picture(np.rint(flat).astype(np.uint8), format=picture.format)
