"""Published files as rows of answers: the same columns, filters and order wherever they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, literal, select, text, type_coerce

from governance.queries.paging import Column, Selected
from governance.queries.question import Asked
from governance.tables.base import instant_text
from governance.tables.outputs import OutputRow
from governance.tables.work import EventRow

COLUMNS = ("output", "published", "campaign", "style", "asset", "uri", "state")
FILTERS = ("since", "until", "style", "campaign")

BY_TIME = (OutputRow.published_at, OutputRow.ordinal)
BY_ORDINAL = (OutputRow.ordinal,)

STYLE = OutputRow.style_name + "/" + cast(OutputRow.style_version, String)
SHOWN = (
    OutputRow.item_id,
    OutputRow.published_at,
    OutputRow.campaign,
    STYLE,
    OutputRow.key,
    OutputRow.uri,
    OutputRow.state,
)


def outputs(asked: Asked, *more: Column, only: str | None = None) -> Select[Any]:
    """What was published in the days, style and campaign that were asked for. ``only`` names a partial index."""
    wanted = select(*SHOWN, *more).where(*filters(asked))
    return wanted if only is None else wanted.where(text(only))


def rare(asked: Asked, only: str, *more: Column) -> list[Selected]:
    """All there are of a rare kind, in the order of publication."""
    return [Selected("1", outputs(asked, *more, only=only), BY_TIME)]


def filters(asked: Asked) -> list[ColumnElement[bool]]:
    conditions = between_days(OutputRow.published_at, asked)
    if asked.style is not None:
        conditions.append(OutputRow.style_name == asked.style.name)
        if asked.style.version is not None:
            conditions.append(OutputRow.style_version == asked.style.version)
    if asked.campaign is not None:
        conditions.append(OutputRow.campaign == asked.campaign)
    return conditions


def filters_besides(asked: Asked) -> list[ColumnElement[bool]]:
    """The same, where something rarer leads to the rows. No index is looked through for an expression of a column; for
    the column itself a database might begin with all that was published in a year."""
    published = type_coerce(OutputRow.published_at, String) + ""
    conditions = list(_between_texts(published, asked))
    if asked.style is not None:
        conditions.append(OutputRow.style_name + "" == asked.style.name)
        if asked.style.version is not None:
            conditions.append(OutputRow.style_version == asked.style.version)
    if asked.campaign is not None:
        conditions.append(OutputRow.campaign + "" == asked.campaign)
    return conditions


def between_days(moment: Any, asked: Asked) -> list[ColumnElement[bool]]:
    """From the beginning of the first day to the end of the last, both in UTC."""
    conditions: list[ColumnElement[bool]] = []
    if asked.since is not None:
        conditions.append(moment >= datetime.combine(asked.since, time.min, UTC))
    if asked.until is not None:
        conditions.append(moment <= end_of(asked.until))
    return conditions


def end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)


def with_why(why: str) -> ColumnElement[str]:
    """A column that says the same in every row of a leg."""
    return literal(why, String)


def words(row: Sequence[Any], *names: str) -> str:
    """Pairs of a name and a value, as one cell."""
    return ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True) if value not in (None, ""))


def event_days(asked: Asked) -> Iterator[ColumnElement[bool]]:
    """Events keep their instants as text, as the ledger digests them."""
    return _between_texts(EventRow.at, asked)


def _between_texts(moment: Any, asked: Asked) -> Iterator[ColumnElement[bool]]:
    if asked.since is not None:
        yield moment >= instant_text(datetime.combine(asked.since, time.min, UTC))
    if asked.until is not None:
        yield moment <= instant_text(end_of(asked.until))
