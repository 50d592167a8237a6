from __future__ import annotations

import csv
import io
import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from governance import ledger
from governance.db import Database
from governance.events import EventKind
from governance.queries.catalogue import ask_all
from governance.queries.exports import cell, export, tell
from governance.queries.paging import Value
from governance.queries.question import Answer
from stylecore.data import Digest

HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =HYPERLINK(1)", "=cmd|' /C calc'!A0")


def answers(*pages: tuple[tuple[Value, ...], ...]) -> list[Answer]:
    return [Answer(("name", "note"), rows, None) for rows in pages]


def as_csv(*pages: tuple[tuple[Value, ...], ...]) -> list[list[str]]:
    out = io.BytesIO()
    export(answers(*pages), "csv", out)
    return list(csv.reader(io.StringIO(out.getvalue().decode("utf-8-sig"), newline="")))


def test_no_cell_of_a_csv_is_a_formula() -> None:
    for text in HOSTILE:
        assert cell(text) == f"'{text}"
        assert as_csv(((text, 1),))[1] == [f"'{text}", "1"]


def test_numbers_and_ordinary_text_are_left_as_they_are() -> None:
    assert [cell(value) for value in (-5, -0.5, None, True, "a=b", "größer")] == [-5, -0.5, None, True, "a=b", "größer"]


@given(st.lists(st.lists(st.tuples(st.text(alphabet=st.characters(codec="utf-8")), st.integers()), max_size=3)))
def test_a_csv_holds_every_row_of_every_page_and_its_header_once(pages: list[list[tuple[str, int]]]) -> None:
    read = as_csv((), *(tuple(page) for page in pages))
    assert read[0] == ["name", "note"]
    expected = [[str(cell(text)), str(number)] for page in pages for text, number in page]
    assert [[name.replace("\r\n", "\n"), note] for name, note in read[1:]] == [
        [name.replace("\r\n", "\n"), note] for name, note in expected
    ]


def test_json_is_one_array_of_objects() -> None:
    out = io.BytesIO()
    exported = export(answers((("=1", None),), (("b", 2),)), "json", out)
    assert json.loads(out.getvalue()) == [{"name": "=1", "note": None}, {"name": "b", "note": 2}]
    assert (exported.rows, exported.digest) == (2, Digest.of(out.getvalue()))
    empty = io.BytesIO()
    assert export(answers(()), "json", empty).rows == 0
    assert json.loads(empty.getvalue()) == []


def test_the_ledger_tells_who_took_what_along(database: Database) -> None:
    out = io.BytesIO()
    asked = {"since": "2025-01-01"}
    exported = export(ask_all(database, "marks", asked, today=date(2026, 1, 1)), "csv", out)
    tell(database, "ada", "marks", asked, "csv", exported)
    (event,) = ledger.page(database)
    assert (event.kind, event.actor, event.subject) == (EventKind.AUDIT_EXPORTED, "ada", "question:marks")
    assert event.body == {
        "parameters": asked,
        "form": "csv",
        "rows": 0,
        "digest": Digest.of(out.getvalue()),
    }
