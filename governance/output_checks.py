"""What a look at a published file found, held against what it was when it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select, update

from governance import ledger
from governance.db import Database
from governance.events import EventKind, NewEvent, item_subject
from governance.plain_text import made_plain
from governance.tables.outputs import OUTPUTS, OutputRow
from stylecore.data import Digest

Found = Literal["same", "changed", "missing", "unreadable"]
Credentials = Literal["valid", "invalid", "missing"]

_AS_IT_SHOULD_BE = ("same", "valid")
_LIVE = "live"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one published file. Where no bytes were found, nothing is known of its credentials."""

    ordinal: int
    item_id: Digest
    found: Found
    digest: Digest | None = None
    credentials: Credentials | None = None
    why: str = ""

    @property
    def is_well(self) -> bool:
        return (self.found, self.credentials) == _AS_IT_SHOULD_BE


def due(db: Database, *, campaign: str | None = None, limit: int | None = None) -> tuple[int, ...]:
    """The ordinals of live files, those first that nobody ever looked at, then those looked at longest ago."""
    wanted = select(OutputRow.ordinal).where(OutputRow.state == _LIVE)
    if campaign is not None:
        wanted = wanted.where(OutputRow.campaign == campaign)
    looked_at = OutputRow.checked_at.is_not(None)
    with db.read() as connection:
        found = connection.execute(wanted.order_by(looked_at, OutputRow.checked_at, OutputRow.ordinal).limit(limit))
        return tuple(found.scalars())


def record(db: Database, looks: Sequence[Look], actor: str, *, now: datetime | None = None) -> int:
    """Keeps what was found, and tells the ledger of every file that is otherwise than at the last look.

    What was withdrawn meanwhile is left alone. Says how many were otherwise.
    """
    at = now or datetime.now(UTC)
    with db.write() as connection:
        before = _last(connection, [look.ordinal for look in looks])
        live = [look for look in looks if look.ordinal in before]
        changed = [look for look in live if before[look.ordinal] != (look.found, look.credentials)]
        _keep(connection, live, at)
        ledger.append(connection, [_event(look, before[look.ordinal], actor) for look in changed], at=now)
    return len(changed)


def _last(connection: Connection, ordinals: Sequence[int]) -> Mapping[int, tuple[str, str | None]]:
    """A file that nobody looked at counts as being what it was when it left."""
    wanted = select(OutputRow.ordinal, OutputRow.found, OutputRow.credentials)
    rows = connection.execute(wanted.where(OutputRow.ordinal.in_(ordinals), OutputRow.state == _LIVE)).tuples()
    return {
        ordinal: _AS_IT_SHOULD_BE if found is None else (found, credentials) for ordinal, found, credentials in rows
    }


def _keep(connection: Connection, looks: Sequence[Look], at: datetime) -> None:
    if not looks:
        return
    columns = ("found", "found_digest", "credentials", "credentials_why")
    statement = (
        update(OUTPUTS)
        .where(OUTPUTS.c.ordinal == bindparam("the_output"))
        .values({**{name: bindparam(f"the_{name}") for name in columns}, "checked_at": bindparam("the_moment")})
    )
    connection.execute(statement, [_row(look, at) for look in looks])


def _row(look: Look, at: datetime) -> dict[str, Any]:
    return {
        "the_output": look.ordinal,
        "the_found": look.found,
        "the_found_digest": look.digest,
        "the_credentials": look.credentials,
        "the_credentials_why": made_plain(look.why) or None,
        "the_moment": at,
    }


def _event(look: Look, before: tuple[str, str | None], actor: str) -> NewEvent:
    told = {
        "found": look.found,
        "found_digest": look.digest,
        "credentials": look.credentials,
        "why": made_plain(look.why),
        "before": {"found": before[0], "credentials": before[1]},
    }
    return NewEvent(EventKind.OUTPUT_CHECKED, actor, item_subject(look.item_id), told)
