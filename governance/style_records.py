"""What the ledger is told of style versions beside decisions: that they were registered, and that somebody tampered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from governance import ledger, style_sources
from governance.approval_rules import registered_by
from governance.db import Database
from governance.events import EventKind, NewEvent, style_subject
from governance.plain_text import made_plain, require_plain
from governance.style_sources import Source
from governance.tables.work import EventRow
from stylecore.data import StyleRef

_MOST_FOUND_CHARS = 200


def record_registered(db: Database, style: StyleRef, sources: Sequence[Source], actor: str) -> bool:
    """The ledger learns of a style version, and the records of what it was made from, once; ``False`` when known."""
    actor = require_plain(actor, "who registers")
    with db.write() as connection:
        news = style_sources.record(connection, style, sources)
        if not news and registered_by(connection, style) is not None:
            return False
        told = {"package_digest": style.package_digest, "sources": len(sources)}
        ledger.append(connection, [NewEvent(EventKind.STYLE_REGISTERED, actor, style_subject(style), told)])
    return True


def record_mismatch(db: Database, style: StyleRef, found: str, actor: str, *, run_id: str | None = None) -> bool:
    """What the registry holds for an approved version is not what was approved. It is not used, and it is told:
    once, until something else is found."""
    told = {"approved": style.package_digest, "found": made_plain(found, _MOST_FOUND_CHARS)}
    return _told_once(db, EventKind.STYLE_DIGEST_MISMATCH, style, told, actor, run_id)


def record_alias_moved(db: Database, style: StyleRef, alias: str, found: int | None, actor: str) -> bool:
    """The label of the approved version is on another version (``found``), or on none."""
    told = {"alias": alias, "approved": style.package_digest, "found_version": found}
    return _told_once(db, EventKind.STYLE_ALIAS_MOVED, style, told, actor, None)


def _told_once(
    db: Database, kind: EventKind, style: StyleRef, told: Mapping[str, Any], actor: str, run_id: str | None
) -> bool:
    with db.write() as connection:
        if _said_last(connection, kind, style) == told:
            return False
        body = told if run_id is None else {**told, "run": run_id}
        ledger.append(connection, [NewEvent(kind, actor, style_subject(style), body)])
    return True


def _said_last(connection: Connection, kind: EventKind, style: StyleRef) -> dict[str, Any] | None:
    """The last finding of this kind, unless the style was approved anew since: then it is a new one."""
    kinds = (kind, EventKind.STYLE_APPROVED)
    these = (EventRow.subject == style_subject(style), EventRow.kind.in_(kinds))
    last = select(EventRow.kind, EventRow.body).where(*these).order_by(EventRow.seq.desc()).limit(1)
    found = connection.execute(last).one_or_none()
    if found is None or found.kind != kind:
        return None
    return {name: value for name, value in json.loads(found.body).items() if name != "run"}
