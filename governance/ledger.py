"""The ledger: every event names the hash of the one before it, so no past can be changed without all after it.

An event's hash is the sha256 of the canonical JSON of its other fields. The body is kept as canonical JSON already
and is put in its place as it is, which makes hashing (and verifying) cheap.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from json.encoder import encode_basestring as quoted
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from governance.db import Database, insert_rows
from governance.errors import IntegrityError
from governance.events import Event, NewEvent
from governance.tables.base import instant_of, instant_text
from governance.tables.work import EVENTS, LEDGER_HEAD, EventRow, LedgerHeadRow
from stylecore.data import Digest, canonical_json

GENESIS = Digest("0" * 64)
"""What the first event names as the one before it."""

_PAGE = 5_000
_BEFORE_ALL = -(2**62)
"""From there on a row with an impossible number is seen too."""

_HEAD = select(LedgerHeadRow.seq, LedgerHeadRow.at, LedgerHeadRow.hash)
_ADVANCE = update(LEDGER_HEAD).values(seq=bindparam("new_seq"), at=bindparam("new_at"), hash=bindparam("new_hash"))
_COLUMNS = (
    EventRow.seq,
    EventRow.at,
    EventRow.kind,
    EventRow.actor,
    EventRow.subject,
    EventRow.body,
    EventRow.prev_hash,
    EventRow.hash,
)
_NEXT_PAGE = select(*_COLUMNS).where(EventRow.seq > bindparam("after")).order_by(EventRow.seq).limit(_PAGE)

_StoredEvent = tuple[int, str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Head:
    """The last event: how many there are, when it was, and its hash. Everything before follows from the hash."""

    seq: int
    at: datetime
    hash: Digest


@dataclass(frozen=True, slots=True)
class Verified:
    """Every event is as it was written, and none is missing."""

    count: int
    head: Digest


@dataclass(frozen=True, slots=True)
class Broken:
    """The first event that is not as it was written, and what is wrong with it."""

    seq: int
    what: str


def append(connection: Connection, events: Sequence[NewEvent], *, at: datetime | None = None) -> tuple[Event, ...]:
    """Adds events in the caller's write transaction: they are kept if, and only if, what they tell of is.

    Time never runs backwards in the ledger: with a clock that was set back, events bear the last event's time.
    """
    if not events:
        return ()
    head = _stored_head(connection)
    now = max(head.at, instant_text(at or datetime.now(UTC)))
    rows = _chained(events, head, now)
    last = rows[-1]
    insert_rows(connection, EVENTS, rows)
    connection.execute(_ADVANCE, {"new_seq": last["seq"], "new_at": now, "new_hash": last["hash"]})
    moment = instant_of(now)
    return tuple(_appended(new, row, moment) for new, row in zip(events, rows, strict=True))


def head(db: Database) -> Head:
    with db.read() as connection:
        stored = _stored_head(connection)
    return Head(stored.seq, instant_of(stored.at), Digest(stored.hash))


def page(
    db: Database,
    *,
    after_seq: int = 0,
    subject: str | None = None,
    kind: str | None = None,
    limit: int = 100,
    newest_first: bool = False,
) -> tuple[Event, ...]:
    """Events in order; continue with the last one's ``seq``. Newest first, ``after_seq`` is where to go back from."""
    wanted = select(*_COLUMNS).limit(limit)
    if newest_first:
        wanted = wanted.order_by(EventRow.seq.desc())
        wanted = wanted.where(EventRow.seq < after_seq) if after_seq else wanted
    else:
        wanted = wanted.where(EventRow.seq > after_seq).order_by(EventRow.seq)
    if subject is not None:
        wanted = wanted.where(EventRow.subject == subject)
    if kind is not None:
        wanted = wanted.where(EventRow.kind == kind)
    with db.read() as connection:
        return tuple(_event(row._tuple()) for row in connection.execute(wanted))


def verify(db: Database, watch: Callable[[str], None] | None = None) -> Verified | Broken:
    """Walks the whole chain, in bounded memory, as it was at one moment; tells the first event that was tampered with.

    What it cannot see: a whole tail rewritten with hashes and head. Checkpoints, kept elsewhere, show that; they are
    held against what ``watch`` is told, the hash of each event in its turn.
    """
    with db.read() as connection:
        return _walked(connection, _BEFORE_ALL, (0, "", str(GENESIS)), watch)


def verify_since(connection: Connection, seq: int) -> Verified | Broken | None:
    """The same from that event on, which is itself held against its hash; ``None`` where there is no such event."""
    if seq == 0:
        return _walked(connection, _BEFORE_ALL, (0, "", str(GENESIS)))
    row = connection.execute(select(*_COLUMNS).where(EventRow.seq == seq)).one_or_none()
    if row is None:
        return None
    _, at, kind, actor, subject, body, prev_hash, digest = row._tuple()
    if digest != _hash(seq, at, kind, actor, subject, body, prev_hash):
        return Broken(seq, "its content is not what was written: its hash differs")
    return _walked(connection, seq, (seq, at, digest))


def _walked(
    connection: Connection,
    after: int,
    last: tuple[int, str, str],
    watch: Callable[[str], None] | None = None,
) -> Verified | Broken:
    """Every event after that number, each against the last one's number, instant and hash; the end against the head."""
    stored = _stored_head(connection)
    seq, at, tip = last
    for row in _all_events(connection, after):
        wrong = _what_is_wrong(row, seq, at, tip)
        if wrong is not None:
            return wrong
        seq, at, tip = row[0], row[1], row[7]
        if watch is not None:
            watch(tip)
    return _against_head(seq, tip, stored)


def spelled(event: Event) -> bytes:
    """The text whose sha256 is the event's hash."""
    said = {
        "actor": event.actor,
        "at": instant_text(event.at),
        "body": event.body,
        "kind": event.kind,
        "prev_hash": event.prev_hash,
        "seq": event.seq,
        "subject": event.subject,
    }
    return canonical_json(said)


def hashes(db: Database, size: int) -> list[bytes]:
    """The hashes of the first ``size`` events, as the ledger has them: what proofs are made from."""
    wanted = select(EventRow.hash).where(EventRow.seq <= size).order_by(EventRow.seq)
    with db.read() as connection:
        return [bytes.fromhex(found) for found in connection.execute(wanted).scalars()]


@dataclass(frozen=True, slots=True)
class _StoredHead:
    seq: int
    at: str
    hash: str


def _stored_head(connection: Connection) -> _StoredHead:
    row = connection.execute(_HEAD).one_or_none()
    if row is None:
        raise IntegrityError("the ledger's head is gone", "one row in ledger_head", "Restore the database.")
    return _StoredHead(*row._tuple())


def _chained(events: Sequence[NewEvent], head: _StoredHead, at: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    tip = head.hash
    for seq, event in enumerate(events, start=head.seq + 1):
        body = canonical_json(event.body).decode()
        digest = _hash(seq, at, event.kind, event.actor, event.subject, body, tip)
        rows.append(
            {
                "seq": seq,
                "at": at,
                "kind": str(event.kind),
                "actor": event.actor,
                "subject": event.subject,
                "body": body,
                "prev_hash": tip,
                "hash": digest,
            }
        )
        tip = digest
    return rows


def _hash(seq: int, at: str, kind: str, actor: str, subject: str, body: str, prev_hash: str) -> str:
    """The canonical JSON of the event, spelled out: keys in order, strings quoted as ``canonical_json`` quotes them."""
    spelled = (
        f'{{"actor":{quoted(actor)},"at":{quoted(at)},"body":{body},"kind":{quoted(kind)},'
        f'"prev_hash":{quoted(prev_hash)},"seq":{seq},"subject":{quoted(subject)}}}'
    )
    return sha256(spelled.encode("utf-8", "surrogatepass")).hexdigest()


def _appended(new: NewEvent, row: dict[str, Any], at: datetime) -> Event:
    return Event(
        seq=row["seq"],
        at=at,
        kind=new.kind,
        actor=new.actor,
        subject=new.subject,
        body=new.body,
        prev_hash=Digest(row["prev_hash"]),
        hash=Digest(row["hash"]),
    )


def _event(row: _StoredEvent) -> Event:
    seq, at, kind, actor, subject, body, prev_hash, digest = row
    return Event(seq, instant_of(at), kind, actor, subject, json.loads(body), Digest(prev_hash), Digest(digest))


def _all_events(connection: Connection, after: int) -> Iterator[_StoredEvent]:
    while True:
        rows = connection.execute(_NEXT_PAGE, {"after": after}).all()
        for row in rows:
            yield row._tuple()
        if len(rows) < _PAGE:
            return
        after = rows[-1].seq


def _what_is_wrong(row: _StoredEvent, last_seq: int, last_at: str, tip: str) -> Broken | None:
    seq, at, kind, actor, subject, body, prev_hash, digest = row
    if seq != last_seq + 1:
        if seq <= last_seq:
            return Broken(seq, "an event was inserted before the first")
        return Broken(last_seq + 1, f"missing: event {last_seq} is followed by event {seq}")
    if digest != _hash(seq, at, kind, actor, subject, body, prev_hash):
        return Broken(seq, "its content is not what was written: its hash differs")
    if prev_hash != tip:
        return Broken(max(last_seq, 1), f"rewritten: event {seq} names another hash for the event before it")
    if at < last_at:
        return Broken(seq, f"back-dated: {at} is before the event before it, {last_at}")
    return None


def _against_head(seq: int, tip: str, stored: _StoredHead) -> Verified | Broken:
    if seq < stored.seq:
        return Broken(seq + 1, f"missing: the ledger held {stored.seq} events and ends at {seq}")
    if seq > stored.seq:
        return Broken(stored.seq + 1, "added without the ledger: its head does not know of it")
    if tip != stored.hash:
        return Broken(seq, "rewritten: the ledger's head names another hash for it")
    return Verified(count=seq, head=Digest(tip))
