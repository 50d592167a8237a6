"""All questions by name, and the one way to ask them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType

from sqlalchemy import Connection

from governance.db import Database
from governance.errors import UsageError
from governance.plain_text import made_plain
from governance.queries import paging
from governance.queries.decisions import DECISION_QUESTIONS
from governance.queries.files import FILE_QUESTIONS
from governance.queries.parameters import read_asked
from governance.queries.places import PLACE_QUESTIONS
from governance.queries.question import Answer, AuditQuestion
from governance.queries.records import RECORD_QUESTIONS
from governance.queries.reviews import REVIEW_QUESTIONS
from governance.queries.rights import RIGHTS_QUESTIONS
from governance.queries.styles import STYLE_QUESTIONS
from governance.queries.upkeep import UPKEEP_QUESTIONS

MAX_LIMIT = 10_000

_ALL = (
    *(*RIGHTS_QUESTIONS, *PLACE_QUESTIONS, *STYLE_QUESTIONS, *DECISION_QUESTIONS, *REVIEW_QUESTIONS),
    *(*FILE_QUESTIONS, *RECORD_QUESTIONS, *UPKEEP_QUESTIONS),
)
QUESTIONS: Mapping[str, AuditQuestion] = MappingProxyType(
    {each.name: each for each in sorted(_ALL, key=lambda each: each.number)}
)


def question(name: str) -> AuditQuestion:
    if name not in QUESTIONS:
        known = ", ".join(QUESTIONS)
        raise UsageError(f"no question {made_plain(name, 60)!r}", f"one of {known}", "`restyle audit questions`")
    return QUESTIONS[name]


def ask(
    db: Database,
    name: str,
    given: Mapping[str, str] = MappingProxyType({}),
    *,
    today: date,
    limit: int = 100,
    after: str | None = None,
) -> Answer:
    """One page of the answer, as things stood at one moment; continue with ``next``."""
    if not 1 <= limit <= MAX_LIMIT:
        raise UsageError(f"{limit} rows at once", f"1 to {MAX_LIMIT}")
    asks = question(name)
    asked = read_asked(asks, given, today)
    with db.read() as connection:
        _run_without_compiling(connection)
        found = paging.page(connection, asks.legs(connection, asked), after, limit)
        notes = asks.notes(connection, asked) if asks.notes is not None and after is None else ()
    return Answer(asks.columns, found.rows, found.next, notes)


def _run_without_compiling(connection: Connection) -> None:
    """PostgreSQL takes a leap through an index for costly, and would compile it for a second to save milliseconds."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL jit = off")


def ask_all(
    db: Database, name: str, given: Mapping[str, str] = MappingProxyType({}), *, today: date, page_size: int = 1_000
) -> Iterator[Answer]:
    """Every page, one after the other."""
    after: str | None = None
    while True:
        answer = ask(db, name, given, today=today, limit=page_size, after=after)
        yield answer
        after = answer.next
        if after is None:
            return
