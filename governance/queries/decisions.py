"""Questions about the policy: what it refused, and what it said at a moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, select

from governance.events import EventKind
from governance.queries.output_rows import between_days, end_of
from governance.queries.paging import Leg, Selected, Told
from governance.queries.question import Asked, AuditQuestion
from governance.tables.base import instant_text
from governance.tables.policies import PolicyRow, RefusalRow
from governance.tables.work import EventRow
from stylecore.data import Digest


def _refusals(connection: Connection, asked: Asked) -> Iterator[Leg]:
    wanted = select(
        RefusalRow.at,
        RefusalRow.code,
        RefusalRow.action,
        RefusalRow.text,
        RefusalRow.campaign,
        RefusalRow.style_name,
        RefusalRow.item_id,
    ).where(*between_days(RefusalRow.at, asked))
    for column, value in (
        (RefusalRow.code, asked.rule),
        (RefusalRow.campaign, asked.campaign),
        (RefusalRow.style_name, None if asked.style is None else asked.style.name),
    ):
        wanted = wanted if value is None else wanted.where(column == value)
    yield Selected("1", wanted, (RefusalRow.at, RefusalRow.ordinal))


def _policy_then(connection: Connection, asked: Asked) -> Iterator[Leg]:
    moment = asked.at or end_of(asked.today)
    then = _last_change(connection, moment)
    if then is None:
        return
    now = _last_change(connection, None)
    digest, since, by = then
    is_still = "yes" if now is not None and now[0] == digest else "no"
    kept = connection.execute(select(PolicyRow.files).where(PolicyRow.digest == digest)).scalar_one_or_none()
    files = [("the text is not on record", "")] if kept is None else json.loads(kept)
    rows = [(digest, since, by, is_still, name, Digest.of(body.encode()), body) for name, body in files]
    yield Told("1", rows)


def _last_change(connection: Connection, moment: datetime | None) -> tuple[Digest, str, str] | None:
    """The policy that was put in force last (by then): its digest, when, and by whom."""
    changes = select(EventRow.body, EventRow.at, EventRow.actor).where(EventRow.kind == EventKind.POLICY_CHANGED)
    if moment is not None:
        changes = changes.where(EventRow.at <= instant_text(moment))
    row = connection.execute(changes.order_by(EventRow.seq.desc()).limit(1)).one_or_none()
    return None if row is None else (Digest(json.loads(row.body)["to"]), row.at, row.actor)


DECISION_QUESTIONS = (
    AuditQuestion(
        6,
        "refusals",
        "What was refused, when planning or publishing, by which rule of the policy and why?",
        ("at", "rule", "when", "why", "campaign", "style", "item"),
        ("since", "until", "rule", "campaign", "style"),
        _refusals,
    ),
    AuditQuestion(
        17,
        "policy-then",
        "Which policy was in force at a moment, since when, by whom, and what did it say? "
        "(`restyle policy replay` tells what would be decided now.)",
        ("policy digest", "in force since", "by", "still in force", "file", "text digest", "text"),
        ("at",),
        _policy_then,
    ),
)
