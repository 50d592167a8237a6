"""Pages by key: an answer is a row of legs, each in the order of a key, and a cursor says in which leg and after what.

Nothing is ever skipped over to reach a page, so the thousandth costs what the first does; and rows that come or go
meanwhile move no other row to another page.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, cast

from sqlalchemy import ColumnElement, Connection, Date, Integer, Select, SQLColumnExpression, literal, tuple_
from sqlalchemy.types import TypeEngine

from governance.errors import UsageError
from governance.tables.base import DigestText, Instant, instant_of, instant_text
from stylecore.data import Digest, canonical_json

Value = str | int | float | bool | None
Row = tuple[Value, ...]
Key = tuple[str | int, ...]

Column = SQLColumnExpression[Any]

MAX_CURSOR_CHARS = 8_000
_STEP = 500


class _NoSuchKey(Exception):
    """A cursor that came from elsewhere: its parts are none that this leg's rows could have."""


class Leg(Protocol):
    """A stretch of an answer. Legs come in the order of their names, or of their being given."""

    @property
    def name(self) -> str: ...

    def rows(self, connection: Connection, after: Key | None, limit: int) -> Iterable[tuple[Key, Row]]: ...


@dataclass(frozen=True, slots=True)
class Selected:
    """Rows of a statement, by a key that no two of them share. ``keep`` decides what SQL cannot, row by row."""

    name: str
    wanted: Select[Any]
    key: tuple[Column, ...]
    shown: Callable[[Sequence[Any]], Sequence[Any]] = tuple
    keep: Callable[[Sequence[Any]], bool] | None = None

    def rows(self, connection: Connection, after: Key | None, limit: int) -> Iterator[tuple[Key, Row]]:
        left = limit
        while left:
            step = left if self.keep is None else max(left, _STEP)
            found = self._step(connection, after, step)
            for key, values in found:
                if left and (self.keep is None or self.keep(values)):
                    yield key, tuple(_plain(value) for value in self.shown(values))
                    left -= 1
            if len(found) < step:
                return
            after = found[-1][0]

    def _step(self, connection: Connection, after: Key | None, limit: int) -> list[tuple[Key, tuple[Any, ...]]]:
        names = [f"key_{number}" for number in range(len(self.key))]
        wanted = self.wanted.add_columns(*(each.label(name) for each, name in zip(self.key, names, strict=True)))
        if after is not None:
            wanted = wanted.where(*_beyond(self.key, after))
        rows = connection.execute(wanted.order_by(*self.key).limit(limit)).all()
        width = len(self.key)
        return [(tuple(_key_part(part) for part in row[-width:]), tuple(row[:-width])) for row in rows]


@dataclass(frozen=True, slots=True)
class Told:
    """Rows that are few and known already."""

    name: str
    told: Sequence[Sequence[Any]]

    def rows(self, connection: Connection, after: Key | None, limit: int) -> Iterator[tuple[Key, Row]]:
        first = 0 if after is None else _whole(after) + 1
        for number, values in enumerate(self.told[first : first + limit], start=first):
            yield (number,), tuple(_plain(value) for value in values)


@dataclass(frozen=True, slots=True)
class Page:
    rows: tuple[Row, ...]
    next: str | None


def page(connection: Connection, legs: Iterable[Leg], after: str | None, limit: int) -> Page:
    """The rows after the cursor, leg by leg, until there are enough. One row more tells whether there is a next."""
    leg_name, key = (None, None) if after is None else _read_cursor(after)
    found: list[tuple[str, Key, Row]] = []
    for leg in legs:
        if leg_name is not None and leg.name < leg_name:
            continue
        beyond = key if leg.name == leg_name else None
        try:
            found += [(leg.name, *each) for each in leg.rows(connection, beyond, limit + 1 - len(found))]
        except _NoSuchKey:
            raise _foreign_cursor(str(after)) from None
        if len(found) > limit:
            break
    rows = tuple(row for _, _, row in found[:limit])
    return Page(rows, _written_cursor(*found[limit - 1][:2]) if len(found) > limit else None)


def _beyond(key: tuple[Column, ...], after: Key) -> Iterator[ColumnElement[bool]]:
    """After that key. The first part is said by itself too: over several tables only that narrows the search."""
    try:
        parts = [_literal(column, part) for column, part in zip(key, after, strict=True)]
    except ValueError as problem:
        raise _NoSuchKey from problem
    if len(key) == 1:
        yield key[0] > parts[0]
    else:
        yield key[0] >= parts[0]
        yield tuple_(*key) > tuple_(*parts)


def _literal(column: Column, part: str | int) -> ColumnElement[Any]:
    kind = cast(ColumnElement[Any], column).type
    return literal(_typed(kind, part), kind)


def _typed(kind: TypeEngine[Any], part: str | int) -> Any:
    if isinstance(kind, Integer):
        if not isinstance(part, int) or abs(part) >= 2**63:
            raise ValueError("not a number that a key could be")
        return part
    if not isinstance(part, str) or "\0" in part:
        raise ValueError("a number where text should be, or text that no database keeps")
    part.encode()  # what cannot be said in UTF-8 is no text
    if isinstance(kind, Instant):
        return instant_of(part)
    if isinstance(kind, Date):
        return date.fromisoformat(part)
    return Digest(part) if isinstance(kind, DigestText) else part


def _key_part(value: Any) -> str | int:
    plain = _plain(value)
    return plain if isinstance(plain, int) else str(plain)


def _plain(value: Any) -> Value:
    """A value as it leaves: instants and days as text of one width, digests as their digits."""
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value  # a digest is text as well


def _whole(after: Key) -> int:
    if len(after) != 1 or not isinstance(after[0], int) or not 0 <= after[0] < 2**31:
        raise _NoSuchKey
    return after[0]


def _written_cursor(leg: str, key: Key) -> str:
    return urlsafe_b64encode(canonical_json([leg, *key])).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[str, Key]:
    """A cursor comes from outside: whatever it holds, it can only be a place in this answer or an error."""
    try:
        if len(text) > MAX_CURSOR_CHARS:
            raise ValueError("too long")
        leg, *key = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        if not isinstance(leg, str) or not all(type(part) in (str, int) for part in key):
            raise ValueError("other parts than a cursor has")
    except (ValueError, TypeError, RecursionError, Base64Error):
        raise _foreign_cursor(text) from None
    return leg, tuple(key)


def _foreign_cursor(text: str) -> UsageError:
    return UsageError(
        f"the cursor {text[:60]!r} is none of this question", "what an answer gave as its next page", "Begin anew."
    )
