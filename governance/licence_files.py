"""The register as a CSV file that a spreadsheet can read and write: out, and in again, without a loss.

What a spreadsheet would take for a formula is written behind an apostrophe, and the apostrophe is taken off again.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

from governance.db import Database
from governance.errors import UsageError
from governance.licence_register import AlreadyWithdrawn, Licence, LicenceKind, LicenceState, Recorded, record
from governance.plain_text import made_plain
from stylecore.data import Digest, RestyleError

COLUMNS = (
    *("licence_id", "kind", "holder", "state", "valid_from", "valid_until", "asset_classes", "channels", "territories"),
    *("exclusive", "derivatives", "ai_training", "attribution", "evidence", "evidence_sha256"),
)
MAX_FILE_BYTES = 64_000_000
MAX_LINES = 200_000
_NEEDED = frozenset({"licence_id", "kind", "holder"})
_SHOWN = 20
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_QUOTED_FORMULA = re.compile(r"'+[=+\-@\t\r＝＋－＠]")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YES_OR_NO: Mapping[str, bool] = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_DELIMITERS = ",;\t"
_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be taken, and why."""

    number: int
    why: str


class BadLines(UsageError):
    """Every line of a file that cannot be taken. Nothing of the file was."""

    def __init__(self, lines: tuple[BadLine, ...]) -> None:
        self.lines = lines
        shown = [f"line {each.number}: {each.why}" for each in lines[:_SHOWN]]
        more = [f"and {len(lines) - _SHOWN} lines more"] if len(lines) > _SHOWN else []
        count = "a bad line" if len(lines) == 1 else f"{len(lines)} bad lines"
        super().__init__(
            f"{count}; nothing was taken. {'. '.join([*shown, *more])}",
            next_step="Correct them and import the whole file again",
        )


def written(licences: Iterable[Licence]) -> Iterator[str]:
    """The file, line by line."""
    yield _line(COLUMNS)
    for licence in licences:
        yield _line(map(_safe, _cells(licence)))


def read(content: bytes) -> dict[int, Licence]:
    """The licences in a file by the numbers of their lines, or all that is wrong with it."""
    licences: dict[int, Licence] = {}
    bad: list[BadLine] = []
    seen: dict[str, int] = {}
    for number, columns, cells in _lines(content):
        try:
            licence = _licence(_by_column(columns, cells))
            first = seen.setdefault(licence.licence_id, number)
            if first != number:
                raise UsageError(f"the id {licence.licence_id} is on line {first} already", "each id once")
            licences[number] = licence
        except RestyleError as problem:
            bad.append(BadLine(number, str(problem)))
    if bad:
        raise BadLines(tuple(bad))
    return licences


def import_file(db: Database, content: bytes, actor: str) -> Recorded:
    """Records the whole file, or names every line for which nothing of it was."""
    licences = read(content)
    try:
        return record(db, list(licences.values()), actor)
    except AlreadyWithdrawn as problem:
        why = "that licence was withdrawn; what was agreed anew needs an id of its own"
        bad = (BadLine(number, why) for number, each in licences.items() if each.licence_id in problem.ids)
        raise BadLines(tuple(bad)) from problem


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(list(cells))
    return line.getvalue()


def _cells(licence: Licence) -> Iterator[str]:
    for column in COLUMNS:
        value: Any = getattr(licence, "evidence_digest" if column == "evidence_sha256" else column)
        if isinstance(value, frozenset):
            yield "|".join(sorted(value))
        elif isinstance(value, bool):
            yield "yes" if value else "no"
        else:
            yield "" if value is None else str(value)


def _safe(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _meant(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if _QUOTED_FORMULA.match(cell) else cell


def _lines(content: bytes) -> Iterator[tuple[int, list[str], list[str]]]:
    """The number under which an editor shows the line, the names of the columns, and the cells."""
    text, skipped = _without_separator_line(_text(content))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    columns: list[str] = []
    number = 1 + skipped
    try:
        for cells in reader:
            if not columns:
                columns = _columns(cells)
            elif any(cell.strip() for cell in cells):
                yield number, columns, cells
            number = reader.line_num + 1 + skipped
            if number > MAX_LINES + 2:
                raise UsageError(f"a file of over {MAX_LINES:,} lines", "fewer", "Divide it")
    except csv.Error as problem:
        raise BadLines((BadLine(number, f"it is no CSV ({problem})"),)) from problem
    if not columns:
        raise UsageError("a file without a heading", ", ".join(COLUMNS), "`restyle licence list --csv` shows one")


def _text(content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(f"a file of {len(content):,} bytes", f"at most {MAX_FILE_BYTES:,}", "Divide it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UsageError(
            f"a file that is not UTF-8 (byte {problem.start})", "CSV in UTF-8", "Save it as “CSV UTF-8”"
        ) from problem


def _without_separator_line(text: str) -> tuple[str, int]:
    """Some spreadsheets name the delimiter in a line of its own, ``sep=;``."""
    first, _, rest = text.partition("\n")
    is_one = first.strip().lower().removeprefix("sep=") in set(_DELIMITERS) and first.lower().startswith("sep=")
    return (rest, 1) if is_one else (text, 0)


def _delimiter(text: str) -> str:
    """The one that divides the heading. No name of a column holds any of them."""
    heading = text.partition("\n")[0]
    return max(_DELIMITERS, key=heading.count)


def _columns(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    unknown = [each for each in columns if each not in COLUMNS]
    missing = _NEEDED.difference(columns)
    if unknown or missing or len(set(columns)) < len(columns):
        got = f"without {', '.join(sorted(missing))}" if missing else f"{ascii(', '.join(unknown or columns))[:120]}"
        raise UsageError(
            f"a heading {got}", f"{', '.join(COLUMNS)}, each once at most", "`restyle licence list --csv` shows one"
        )
    return columns


def _by_column(columns: list[str], cells: list[str]) -> dict[str, str]:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise UsageError(f"{len(cells)} cells", f"{len(columns)}, as many as the heading has")
    return {column: _meant(cell) for column, cell in zip(columns, cells, strict=False)}


def _licence(cells: Mapping[str, str]) -> Licence:
    cell = {column: cells.get(column, "") for column in COLUMNS}
    return Licence(
        licence_id=cell["licence_id"],
        kind=_one_of(LicenceKind, "kind", cell["kind"]),
        holder=cell["holder"],
        evidence=cell["evidence"],
        evidence_digest=_digest(cell["evidence_sha256"]),
        valid_from=_day("valid_from", cell["valid_from"]),
        valid_until=_day("valid_until", cell["valid_until"]),
        asset_classes=_words(cell["asset_classes"]),
        channels=_words(cell["channels"]),
        territories=_words(cell["territories"]),
        exclusive=bool(_yes_or_no("exclusive", cell["exclusive"])),
        derivatives=_yes_or_no("derivatives", cell["derivatives"]),
        ai_training=_yes_or_no("ai_training", cell["ai_training"]),
        attribution=cell["attribution"],
        state=_one_of(LicenceState, "state", cell["state"] or LicenceState.IN_FORCE),
    )


def _one_of(words: type[_Word], column: str, cell: str) -> _Word:
    try:
        return words(cell.lower())
    except ValueError:
        raise UsageError(f"{column} says {made_plain(cell, 40)!a}", f"one of {', '.join(words)}") from None


def _words(cell: str) -> frozenset[str]:
    return frozenset(word.strip() for word in cell.split("|")) if cell else frozenset({"*"})


def _yes_or_no(column: str, cell: str) -> bool | None:
    if cell and cell.lower() not in _YES_OR_NO:
        raise UsageError(f"{column} says {made_plain(cell, 40)!a}", "yes, no, or nothing")
    return _YES_OR_NO.get(cell.lower())


def _day(column: str, cell: str) -> date | None:
    try:
        if not cell or _DAY.fullmatch(cell):
            return date.fromisoformat(cell) if cell else None
    except ValueError:
        pass
    raise UsageError(f"{column} says {made_plain(cell, 40)!a}", "a day as YYYY-MM-DD such as 2027-01-31, or nothing")


def _digest(cell: str) -> Digest | None:
    try:
        return Digest(cell.lower()) if cell else None
    except ValueError:
        raise UsageError(f"evidence_sha256 says {made_plain(cell, 80)!a}", "64 hexadecimal digits") from None
