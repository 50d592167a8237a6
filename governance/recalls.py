"""Recalls: what was published is taken back, and nothing more of its kind is made until somebody lifts the recall.

A recall is ordered once, worked on as often as it takes, and ends when nothing that it reaches is live. It stays in
force after that: whatever it reaches is neither planned nor published, for the reason ``recalled``.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, union, update

from governance import ledger
from governance.db import Database
from governance.errors import PolicyError, UsageError
from governance.events import EventKind, NewEvent, item_subject, recall_subject
from governance.plain_text import made_plain, require_plain
from governance.recall_reach import Made, Reach, Scope, checked, reach_of
from governance.tables.outputs import OUTPUTS, RECALLS, OutputRow, RecallRow
from governance.tables.work import ITEMS, ItemRow
from stylecore.data import Digest, Reason, Recipe, StyleRef

LIVE, WITHDRAWN = "live", "withdrawn"
RECALLED = "recalled"
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Recall:
    """What was ordered. It is open until ``ended_at``, and in force until ``lifted_at``."""

    recall_id: str
    scope: Scope
    of: str
    why: str
    ordered_by: str
    ordered_at: datetime
    ended_at: datetime | None = None
    lifted_by: str | None = None
    lifted_at: datetime | None = None

    @property
    def is_in_force(self) -> bool:
        return self.lifted_at is None

    def __str__(self) -> str:
        return f"recall {self.recall_id} of the {self.scope} {self.of}"


@dataclass(frozen=True, slots=True)
class Reached:
    """A live published file that a recall reaches, with what is needed to find it."""

    ordinal: int
    item_id: Digest
    run_id: str
    campaign: str
    made: Made
    destination: str
    uri: str
    media_type: str
    output_digest: Digest
    statement_digest: Digest
    published_at: datetime


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was found and done where a published file was."""

    was_there: bool
    older_versions: bool
    sidecar: str
    tombstone: str


@dataclass(frozen=True, slots=True)
class InForce:
    """The recalls that stand at one moment, and how far each of them reaches."""

    recalls: tuple[tuple[Recall, Reach], ...]

    def reasons(self, made: Made) -> tuple[Reason, ...]:
        """Why this must not be made or published; none where nothing stands against it."""
        return tuple(
            Reason(RECALLED, f"{recall} is in force: {recall.why}")
            for recall, reach in self.recalls
            if reach.covers(made)
        )


def order(db: Database, scope: Scope, of: str, why: str, actor: str, *, now: datetime | None = None) -> Recall:
    """The recall of this, ordered now; where one is in force already, that one, open again."""
    of = checked(scope, of)
    why = require_plain(why, "the reason", max_chars=500)
    actor = require_plain(actor, "who orders it")
    with db.write() as connection:
        this = (RecallRow.scope == scope, RecallRow.of == of, RecallRow.lifted_at.is_(None))
        standing = connection.execute(select(RECALLS).where(*this)).mappings().first()
        if standing is not None:
            return _open_again(connection, _recall(standing), actor)
        at = now or datetime.now(UTC)
        recall = Recall(_new_id(at), scope, of, why, actor, at)
        connection.execute(insert(RECALLS), _columns(recall))
        _tell(connection, EventKind.RECALL_ORDERED, recall, actor, {"scope": scope, "of": of, "why": why})
    return recall


def end(db: Database, recall: Recall, actor: str, counts: Mapping[str, int]) -> None:
    """Nothing that it reaches is live any more. Ending it twice tells it once."""
    with db.write() as connection:
        this = (RecallRow.recall_id == recall.recall_id, RecallRow.ended_at.is_(None))
        if connection.execute(update(RECALLS).where(*this).values(ended_at=datetime.now(UTC))).rowcount == 1:
            _tell(connection, EventKind.RECALL_ENDED, recall, actor, {"counts": dict(counts)})


def lift(db: Database, recall: Recall, actor: str, why: str) -> None:
    """From now on what it reached may be made and published again. What was taken back stays so."""
    why = require_plain(why, "the reason", max_chars=500)
    with db.write() as connection:
        this = (RecallRow.recall_id == recall.recall_id, RecallRow.lifted_at.is_(None))
        lifted = {"lifted_at": datetime.now(UTC), "lifted_by": require_plain(actor, "who lifts it")}
        if connection.execute(update(RECALLS).where(*this).values(lifted)).rowcount != 1:
            raise PolicyError(f"{recall} was lifted already", "one in force", "`restyle recall --list` shows them")
        _tell(connection, EventKind.RECALL_LIFTED, recall, actor, {"why": why})


def withdraw(
    db: Database, recall: Recall, reached: Reached, done: TakenBack, actor: str, *, now: datetime | None = None
) -> bool:
    """Live becomes withdrawn, once the file is gone from its store. ``False``: somebody else did it first."""
    with db.write() as connection:
        this = (OutputRow.ordinal == reached.ordinal, OutputRow.state == LIVE)
        values = {"state": WITHDRAWN, "withdrawn_at": now or datetime.now(UTC), "recall_id": recall.recall_id}
        if connection.execute(update(OUTPUTS).where(*this).values(values)).rowcount != 1:
            return False
        told = {
            "recall": recall.recall_id,
            "why": recall.why,
            "uri": reached.uri,
            "output_digest": reached.output_digest,
            "was_there": done.was_there,
            "older_versions_kept": done.older_versions,
            "sidecar": done.sidecar,
            "tombstone": done.tombstone,
        }
        event = NewEvent(EventKind.OUTPUT_WITHDRAWN, actor, item_subject(reached.item_id), told)
        ledger.append(connection, [event], at=now)
    return True


def get(db: Database, recall_id: str) -> Recall:
    """The recall of that id, or the only one whose id begins so."""
    prefix = require_plain(recall_id, "the recall's id")
    wanted = select(RECALLS).where(RecallRow.recall_id.startswith(prefix, autoescape=True)).limit(2)
    with db.read() as connection:
        rows = connection.execute(wanted).mappings().all()
    if len(rows) != 1:
        expected = "the id of one recall" if not rows else "more of its id: several begin so"
        raise UsageError(f"no single recall {made_plain(prefix, 60)!r}", expected, "`restyle recall --list`")
    return _recall(rows[0])


def every(db: Database) -> tuple[Recall, ...]:
    """The newest first."""
    wanted = select(RECALLS).order_by(RecallRow.ordered_at.desc(), RecallRow.recall_id)
    with db.read() as connection:
        return tuple(_recall(row) for row in connection.execute(wanted).mappings())


def in_force(db: Database) -> InForce:
    """What must not be made at this moment. Usually nothing, and then this is one small query."""
    wanted = select(RECALLS).where(RecallRow.lifted_at.is_(None)).order_by(RecallRow.ordered_at)
    with db.read() as connection:
        standing = [_recall(row) for row in connection.execute(wanted).mappings().all()]
        return InForce(tuple((each, reach_of(connection, each.scope, each.of)) for each in standing))


def reached(db: Database, scope: Scope, of: str) -> Iterator[Reached]:
    """Every live published file that is reached, page by page, in the order they were published."""
    with db.read() as connection:
        reach = reach_of(connection, scope, checked(scope, of))
        ordinals = _ordinals(connection, reach)
    for start in range(0, len(ordinals), _PAGE):
        yield from (each for each in _page(db, ordinals[start : start + _PAGE]) if reach.covers(each.made))


def _ordinals(connection: Connection, reach: Reach) -> list[int]:
    """Through one index each, and too many rather than too few: what only shares a name or a package is left out
    later."""
    conditions = [
        column.in_(values)
        for column, values in (
            (OutputRow.style_name, {name for name, _ in reach.styles}),
            (OutputRow.package_digest, {package for _, package in reach.in_packages}),
            (OutputRow.style_licence, reach.licences),
            (OutputRow.asset_licence, reach.licences),
            (OutputRow.consent, reach.licences),
            (OutputRow.asset_digest, reach.digests),
            (OutputRow.key, reach.keys),
        )
        if values
    ]
    if not conditions:
        return []
    parts = (select(OutputRow.ordinal).where(each, OutputRow.state == LIVE) for each in conditions)
    return sorted(connection.execute(union(*parts)).scalars())


_REACHED = (
    OutputRow.ordinal,
    OutputRow.item_id,
    OutputRow.campaign,
    OutputRow.style_name,
    OutputRow.style_version,
    OutputRow.package_digest,
    OutputRow.style_licence,
    OutputRow.asset_licence,
    OutputRow.consent,
    OutputRow.asset_digest,
    OutputRow.key,
    OutputRow.destination,
    OutputRow.uri,
    OutputRow.media_type,
    OutputRow.output_digest,
    OutputRow.statement_digest,
    OutputRow.published_at,
    ItemRow.recipe,
    ItemRow.touched_in_run,
)


def _page(db: Database, ordinals: list[int]) -> list[Reached]:
    joined = OUTPUTS.join(ITEMS, ItemRow.item_id == OutputRow.item_id)
    wanted = select(*_REACHED).select_from(joined).where(OutputRow.ordinal.in_(ordinals), OutputRow.state == LIVE)
    with db.read() as connection:
        return [_reached(row) for row in connection.execute(wanted.order_by(OutputRow.ordinal)).mappings()]


def _reached(row: Mapping[Any, Any]) -> Reached:
    made = Made(
        StyleRef(row["style_name"], row["style_version"], row["package_digest"]),
        Recipe.read(json.loads(row["recipe"])).further_styles,
        (row["style_licence"], row["asset_licence"], row["consent"]),
        row["asset_digest"],
        row["key"],
    )
    own = {each.name: row[each.name] for each in fields(Reached) if each.name not in ("made", "run_id")}
    return Reached(**own, made=made, run_id=row["touched_in_run"])


def _open_again(connection: Connection, recall: Recall, actor: str) -> Recall:
    if recall.ended_at is None:
        return recall
    this = RecallRow.recall_id == recall.recall_id
    connection.execute(update(RECALLS).where(this).values(ended_at=None))
    _tell(connection, EventKind.RECALL_ORDERED, recall, actor, {"scope": recall.scope, "of": recall.of, "again": True})
    return Recall(recall.recall_id, recall.scope, recall.of, recall.why, recall.ordered_by, recall.ordered_at)


def _tell(connection: Connection, kind: EventKind, recall: Recall, actor: str, told: Mapping[str, Any]) -> None:
    ledger.append(connection, [NewEvent(kind, actor, recall_subject(recall.recall_id), told)])


def _new_id(at: datetime) -> str:
    """Sorts by time, and is never the same twice."""
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _columns(recall: Recall) -> dict[str, Any]:
    return {each.name: getattr(recall, each.name) for each in fields(Recall)} | {"scope": str(recall.scope)}


def _recall(row: Mapping[Any, Any]) -> Recall:
    return Recall(**{**{each.name: row[each.name] for each in fields(Recall)}, "scope": Scope(row["scope"])})
