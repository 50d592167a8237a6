"""``_restyle.csv``: what a folder says of its files. One row a file, and a row `*` that fills what a row leaves empty.

It speaks of its own folder only. Names are compared in NFC, since a spreadsheet and a Mac's disk spell one name
differently, and a row that says "no" must not be missed for that.
"""

import csv
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from threading import Lock
from unicodedata import normalize

from flows.stores.errors import StoreFactsError, StoreNotFound
from flows.stores.facts import field_name, understood
from flows.stores.folder_open import file_beneath
from flows.stores.keys import SIDECAR_NAME, checked_parts
from stylecore.data import AssetFacts

MAX_SIDECAR_BYTES = 64_000_000
_SHEETS_KEPT = 32
_EVERY_FILE = "*"


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sheet:
    where: str
    columns: tuple[str, ...]
    rows: Mapping[str, _Row]

    def facts(self, key: str) -> AssetFacts:
        name = key.rpartition("/")[2]
        rows = [row for row in (self.rows.get(_EVERY_FILE), self.rows.get(normalize("NFC", name))) if row]
        fields: dict[str, str] = {}
        for row in rows:
            fields |= self._filled(row)
        lines = " and ".join(str(row.line) for row in rows)
        return understood(fields, f"{self.where}, line {lines}", key)

    def _filled(self, row: _Row) -> dict[str, str]:
        if any(cell.strip() for cell in row.cells[len(self.columns) :]):
            raise StoreFactsError(
                f"{self.where}, line {row.line}: {len(row.cells)} cells",
                f"{len(self.columns)}, one a column",
                "Put cells that hold a comma in double quotes.",
            )
        cells = zip_longest(self.columns, row.cells[: len(self.columns)], fillvalue="")
        return {column: cell.strip() for column, cell in cells if column != "file" and cell.strip()}


class Sidecars:
    """The sheets of one store, each read again when it has changed, a few of them kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: OrderedDict[str, tuple[tuple[int, int, int], _Sheet]] = OrderedDict()
        self._lock = Lock()

    def facts(self, key: str) -> AssetFacts:
        """Unknown altogether where there is no sidecar; policy reads unknown as no."""
        *folder, _ = checked_parts(key)
        sheet = self._sheet("/".join([*folder, SIDECAR_NAME]))
        return sheet.facts(key) if sheet else AssetFacts()

    def _sheet(self, key: str) -> _Sheet | None:
        try:
            with file_beneath(self._root, key) as file:
                status = os.fstat(file)
                version = (status.st_mtime_ns, status.st_size, status.st_ino)
                return self._remembered(key, version) or self._read(key, version, file)
        except StoreNotFound:
            return None

    def _remembered(self, key: str, version: tuple[int, int, int]) -> _Sheet | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[0] != version:
                return None
            self._kept.move_to_end(key)
            return kept[1]

    def _read(self, key: str, version: tuple[int, int, int], file: int) -> _Sheet:
        where = str(self._root / key)
        if version[1] > MAX_SIDECAR_BYTES:
            raise _malformed(where, f"{version[1]:,} bytes", f"at most {MAX_SIDECAR_BYTES:,}")
        with open(file, "rb", closefd=False) as content:
            sheet = _parsed(content.read(MAX_SIDECAR_BYTES), where)
        with self._lock:
            self._kept[key] = (version, sheet)
            while len(self._kept) > _SHEETS_KEPT:
                self._kept.popitem(last=False)
        return sheet


def _parsed(content: bytes, where: str) -> _Sheet:
    try:
        text = content.decode("utf-8-sig")
        lines = _lines(text)
        _, header = next(lines, (0, []))
        columns = _columns(header, where)
        return _Sheet(where, columns, _rows(lines, columns.index("file"), where))
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        wrong = _malformed(f"{where}, line {line}", "text that is not UTF-8", "UTF-8 (in Excel: `CSV UTF-8`)")
        raise wrong from problem
    except csv.Error as problem:
        raise _malformed(where, f"no readable CSV ({problem})", "comma or semicolon separated cells") from problem


def _lines(text: str) -> Iterator[tuple[int, Sequence[str]]]:
    """Line numbers and cells of the lines that are not empty. Spreadsheets of half the world separate by semicolons."""
    header = text.partition("\n")[0]
    separator = ";" if ";" in header and "," not in header else ","
    # Strict: a quote that is never closed would silently swallow all rows after it, and what they forbid.
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


def _columns(header: Sequence[str], where: str) -> tuple[str, ...]:
    columns = tuple(field_name(cell) for cell in header)
    while columns and not columns[-1]:  # spreadsheets like to add empty columns at the end
        columns = columns[:-1]
    if "file" not in columns:
        raise _malformed(f"{where}, line 1", f"the columns {', '.join(columns)[:200]!r}", "a column `file` among them")
    doubled = sorted({column for column in columns if columns.count(column) > 1})
    if doubled:
        raise _malformed(f"{where}, line 1", f"the column {doubled[0]!r} more than once", "every column once")
    return columns


def _rows(lines: Iterator[tuple[int, Sequence[str]]], file_column: int, where: str) -> dict[str, _Row]:
    rows: dict[str, _Row] = {}
    for line, cells in lines:
        name = normalize("NFC", cells[file_column].strip()) if file_column < len(cells) else ""
        if not name or "/" in name:
            raise _malformed(f"{where}, line {line}", f"the file {name!r}", "the name of a file of this folder, or `*`")
        if name in rows:
            raise _malformed(f"{where}, line {line}", f"{name!r}, as in line {rows[name].line}", "one row a file")
        rows[name] = _Row(line, tuple(cells))
    return rows


def _malformed(where: str, got: str, expected: str) -> StoreFactsError:
    return StoreFactsError(f"{where}: {got}", expected, "Correct the sidecar file, then plan again.")
