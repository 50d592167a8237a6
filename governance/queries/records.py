"""Questions put to the ledger and all that hangs on it: the story of one picture, and whether the ledger is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from governance import ledger
from governance.errors import UsageError
from governance.events import LEDGER_SUBJECT, EventKind, item_subject
from governance.items import rows_by_digest
from governance.queries.evidence import evidence
from governance.queries.paging import Leg, Row, Selected, Told
from governance.queries.question import Asked, AuditQuestion
from governance.tables.outputs import OUTPUTS, OutputRow
from governance.tables.rights import STYLE_APPROVALS, STYLE_SOURCES, StyleApprovalRow, StyleSourceRow
from governance.tables.work import EventRow

_MOST_ITEMS = 200
"""The same picture may have been asked for in many styles; whoever means one of them gives more digits."""


def _lineage(connection: Connection, asked: Asked) -> Iterator[Leg]:
    if asked.digest is None:
        return
    for item in rows_by_digest(connection, asked.digest.low, asked.digest.high, _MOST_ITEMS):
        yield Told(f"{item['ordinal']:020} 1", list(_facts(connection, item)))
        events = select(EventRow.at, EventRow.kind, EventRow.actor, EventRow.body)
        events = events.where(EventRow.subject == item_subject(item["item_id"]))
        yield Selected(f"{item['ordinal']:020} 2", events, (EventRow.seq,), partial(_told, item))


def _told(item: Mapping[Any, Any], row: Sequence[Any]) -> Sequence[Any]:
    at, kind, actor, body = row
    return item["item_id"], at, kind, actor, evidence(json.loads(body))


def _facts(connection: Connection, item: Mapping[Any, Any]) -> Iterator[Sequence[Any]]:
    """What it was made of, by whose permission, and what left the house."""
    item_id, style = item["item_id"], f"{item['style_name']}/{item['style_version']}"
    asset = f"{item['uri']}, sha256 {item['asset_digest']}, class {item['asset_class']}"
    yield item_id, item["created_at"], "asset", item["asked_by"], asset
    yield item_id, None, "style", "", f"{style}, package {item['package_digest']}"
    by_package = StyleApprovalRow.package_digest == item["package_digest"]
    approvals = select(STYLE_APPROVALS).where(by_package, StyleApprovalRow.name == item["style_name"])
    for row in connection.execute(approvals).mappings():
        licence = f"{row['state']}, licence {row['licence_id']} of {row['licence_holder']}"
        yield item_id, row["approved_at"], "approval of the style", row["approved_by"], licence
    sources = select(STYLE_SOURCES).where(StyleSourceRow.package_digest == item["package_digest"])
    sources = sources.where(StyleSourceRow.style_name == item["style_name"]).order_by(StyleSourceRow.ordinal)
    for row in connection.execute(sources).mappings():
        origin = f"{row['role']}: {row['title']}, {row['source']}, licence {row['licence']}"
        yield item_id, None, "source of the style", row["holder"], origin
    outputs = select(OUTPUTS).where(OutputRow.item_id == item_id)
    for row in connection.execute(outputs).mappings():
        file = f"{row['uri']} ({row['state']}), sha256 {row['output_digest']}, signed by {row['certificate']}"
        rights = f"asset licence {row['asset_licence']}, style licence {row['style_licence']}"
        yield item_id, row["published_at"], "file", row["published_by"], f"{file}; policy {row['policy_digest']}"
        yield item_id, row["published_at"], "rights", row["asked_by"], f"{rights}, consent {row['consent'] or 'none'}"


def _intact(connection: Connection, asked: Asked) -> Iterator[Leg]:
    after = _last_checkpoint(connection) if asked.event is None else asked.event
    yield Told("1", [_verified(connection, after)])


def _last_checkpoint(connection: Connection) -> int:
    wanted = select(EventRow.body).where(EventRow.kind == EventKind.LEDGER_CHECKPOINTED)
    wanted = wanted.where(EventRow.subject == LEDGER_SUBJECT).order_by(EventRow.seq.desc()).limit(1)
    body = connection.execute(wanted).scalar_one_or_none()
    return 0 if body is None else int(json.loads(body)["size"])


def _verified(connection: Connection, after: int) -> Row:
    found = ledger.verify_since(connection, after)
    if found is None:
        raise UsageError(f"the ledger has no event {after}", "the number of one, such as a checkpoint's size")
    if isinstance(found, ledger.Broken):
        return after, found.seq, "no", found.what, ""
    return after, found.count, "yes", "", str(found.head)


RECORD_QUESTIONS = (
    AuditQuestion(
        16,
        "lineage",
        "What is the whole story of a file: its asset, its style and whose that is, its permits, reviews, "
        f"publication, and all that happened since? (Of {_MOST_ITEMS} items at most.)",
        ("item", "at", "what", "by", "told"),
        ("digest",),
        _lineage,
        needs=("digest",),
    ),
    AuditQuestion(
        20,
        "ledger-intact",
        "Is every event as it was written, since the last checkpoint or after event `event` (0: all of them)? "
        "(`restyle audit verify` holds the whole ledger against all checkpoints.)",
        ("after event", "up to event", "intact", "problem", "head"),
        ("event",),
        _intact,
    ),
)
