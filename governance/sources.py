"""The planner's memory of what stores held when they were last read, so that planning again reads no bytes again.

It is a memory and no record: it may be lost at any time, and costs only reading. Nothing is decided on it but which
digest a place has while the store's own version token and the size stay the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from governance.db import Database
from governance.plain_text import require_storable
from governance.tables.base import Row
from governance.tables.work import SOURCES, SourceRow
from stylecore.data import AssetRef, Digest, canonical_json


@dataclass(frozen=True, slots=True)
class Seen:
    """A place in a store, and the digest of what was read there."""

    ref: AssetRef
    digest: Digest


def lookup(db: Database, refs: Sequence[AssetRef]) -> Mapping[AssetRef, Digest]:
    """The digests of those that are still what they were when last read. A page at most."""
    by_place = {_place(ref): ref for ref in refs if ref.version}
    wanted = select(SourceRow.place, SourceRow.version, SourceRow.size_bytes, SourceRow.digest)
    with db.read() as connection:
        rows = connection.execute(wanted.where(SourceRow.place.in_(by_place))).tuples().all()
    return {
        by_place[place]: digest
        for place, version, size_bytes, digest in rows
        if (by_place[place].version, by_place[place].size_bytes) == (version, size_bytes)
    }


def remember(db: Database, seen: Iterable[Seen]) -> None:
    """Keeps what was just read. A store that gives no version token is read every time."""
    now = datetime.now(UTC)
    rows = {_place(each.ref): _row(each, now) for each in seen if each.ref.version}
    if not rows:
        return
    with db.write() as connection:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        fresh = dialect.insert(SOURCES)
        newer = {name: fresh.excluded[name] for name in ("version", "size_bytes", "digest", "seen_at")}
        statement = fresh.on_conflict_do_update(index_elements=[SOURCES.c.place], set_=newer)
        # In one order, and on PostgreSQL in few round trips (see ``db.insert_rows``).
        ordered = [rows[place] for place in sorted(rows)]
        if dialect is postgresql:
            connection.execute(statement.returning(SOURCES.c.place), ordered)
        else:
            connection.execute(statement, ordered)


def _row(seen: Seen, now: datetime) -> Row:
    ref = seen.ref
    return {
        "place": _place(ref),
        "store": require_storable(ref.store, "the store"),
        "key": require_storable(ref.key, "the asset's key"),
        "version": require_storable(ref.version, "the asset's version"),
        "size_bytes": ref.size_bytes,
        "digest": seen.digest,
        "seen_at": now,
    }


def _place(ref: AssetRef) -> Digest:
    return Digest.of(canonical_json([ref.store, ref.key]))
