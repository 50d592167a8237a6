"""Answers as files: rows as CSV that no spreadsheet runs, or as JSON; and the ledger told of what left."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Literal

from governance import ledger
from governance.db import Database
from governance.events import EventKind, NewEvent, question_subject
from governance.plain_text import require_plain
from governance.queries.paging import Value
from governance.queries.question import Answer
from stylecore.data import Digest

Form = Literal["csv", "json"]

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: how many rows, and the sha256 of the file."""

    rows: int
    digest: Digest


def cell(value: Value) -> Value:
    """Text that a spreadsheet would run is given an apostrophe, which it shows as text. Numbers are numbers."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS_A_FORMULA):
        return f"'{value}"
    return value


def export(answers: Iterable[Answer], form: Form, out: IO[bytes]) -> Exported:
    """All pages, written as they come; memory holds one."""
    lines = _csv_lines(answers) if form == "csv" else _json_lines(answers)
    digest, rows = hashlib.sha256(), 0
    for line, counts in lines:
        content = line.encode("utf-8", "replace")
        digest.update(content)
        out.write(content)
        rows += counts
    return Exported(rows, Digest(digest.hexdigest()))


def tell(db: Database, actor: str, name: str, given: Mapping[str, str], form: Form, exported: Exported) -> None:
    """The ledger knows who took which answer along, and could tell the file from another."""
    told = {"parameters": dict(given), "form": form, "rows": exported.rows, "digest": exported.digest}
    event = NewEvent(EventKind.AUDIT_EXPORTED, require_plain(actor, "the actor"), question_subject(name), told)
    with db.write() as connection:
        ledger.append(connection, [event])


def _csv_lines(answers: Iterable[Answer]) -> Iterator[tuple[str, int]]:
    """With a byte order mark: without one, Excel takes UTF-8 for something else."""
    is_first = True
    for answer in answers:
        sheet = io.StringIO()
        writer = csv.writer(sheet)
        if is_first:
            yield "\ufeff", 0
            writer.writerow(answer.columns)
            is_first = False
        writer.writerows([cell(value) for value in row] for row in answer.rows)
        yield sheet.getvalue(), len(answer.rows)


def _json_lines(answers: Iterable[Answer]) -> Iterator[tuple[str, int]]:
    """One array of objects."""
    opening = "["
    for answer in answers:
        for row in answer.rows:
            said = json.dumps(dict(zip(answer.columns, row, strict=True)), ensure_ascii=False)
            yield f"{opening}\n{said}", 1
            opening = ","
    yield ("[]\n" if opening == "[" else "\n]\n"), 0
