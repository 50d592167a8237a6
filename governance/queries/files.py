"""Questions about published files themselves: marks, labels, credentials, drift."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Connection, func

from governance.queries.output_rows import BY_ORDINAL, BY_TIME, COLUMNS, FILTERS, outputs, rare
from governance.queries.paging import Column, Leg, Selected
from governance.queries.question import Asked, AuditQuestion
from governance.tables.outputs import (
    CREDENTIALS_AMISS,
    CREDENTIALS_DROPPED,
    FOUND_AMISS,
    NEVER_CHECKED,
    UNLABELLED,
    UNREVIEWED,
    WITH_MARK,
    OutputRow,
)


def _rare(only: str, *more: Column) -> Callable[[Connection, Asked], list[Selected]]:
    def legs(connection: Connection, asked: Asked) -> list[Selected]:
        return rare(asked, only, *more)

    return legs


def _credentials(connection: Connection, asked: Asked) -> Iterator[Leg]:
    more = (OutputRow.checked_at, OutputRow.credentials_why)
    for number, state in enumerate(("invalid", "missing")):
        wanted = outputs(asked, OutputRow.credentials, *more, only=CREDENTIALS_AMISS)
        yield Selected(f"1 {number}", wanted.where(OutputRow.credentials == state), BY_ORDINAL)
    never = outputs(asked, func.coalesce(OutputRow.credentials, "never looked at"), *more, only=NEVER_CHECKED)
    yield Selected("2", never.where(OutputRow.state == "live"), BY_TIME)


def _drift(connection: Connection, asked: Asked) -> Iterator[Leg]:
    more = (OutputRow.found, OutputRow.checked_at, OutputRow.output_digest, OutputRow.found_digest)
    for number, found in enumerate(("changed", "missing", "unreadable")):
        wanted = outputs(asked, *more, only=FOUND_AMISS).where(OutputRow.found == found, OutputRow.state == "live")
        yield Selected(str(number), wanted, BY_ORDINAL)


FILE_QUESTIONS = (
    AuditQuestion(
        9,
        "unreviewed",
        "Which files were published by their scores alone, without any person's yes?",
        (*COLUMNS, "class", "asked by"),
        FILTERS,
        _rare(UNREVIEWED, OutputRow.asset_class, OutputRow.asked_by),
    ),
    AuditQuestion(
        11,
        "marks",
        "Which files have a logo or a trademark in the picture, declared or found?",
        (*COLUMNS, "class", "reviews"),
        FILTERS,
        _rare(WITH_MARK, OutputRow.asset_class, OutputRow.reviews),
    ),
    AuditQuestion(
        13,
        "credentials",
        "Which files had missing or invalid content credentials at the last look, and which were never looked at?",
        (*COLUMNS, "credentials", "looked at", "why"),
        FILTERS,
        _credentials,
    ),
    AuditQuestion(
        14,
        "unlabelled",
        "Which files were published without a label that says that they were made with AI?",
        COLUMNS,
        FILTERS,
        _rare(UNLABELLED),
    ),
    AuditQuestion(
        15,
        "credentials-dropped",
        "Whose content credentials, present in the source, are missing in what was published?",
        (*COLUMNS, "asset digest"),
        FILTERS,
        _rare(CREDENTIALS_DROPPED, OutputRow.asset_digest),
    ),
    AuditQuestion(
        23,
        "drift",
        "Which live files were not, at the last look, the bytes that were signed: changed, missing, unreadable?",
        (*COLUMNS, "found", "looked at", "signed digest", "found digest"),
        FILTERS,
        _drift,
    ),
)
