"""Questions about people's judgement: whom they overruled, whether it was their own work, how they agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from statistics import median
from typing import Any

from sqlalchemy import Connection, Select, and_, select, text

from governance.events import EventKind
from governance.names import folded
from governance.queries.output_rows import between_days, event_days, words
from governance.queries.paging import Leg, Selected, Told
from governance.queries.question import Asked, AuditQuestion
from governance.tables.work import EVENTS, REVIEWS, EventRow, ItemRow, ReviewRow

_BY_SCORES = ("score_below_bound", "score_above_bound", "score_absent", "score_not_a_number", "no_bounds")
_DAYS = 31
_BY_TIME = (ReviewRow.at, ReviewRow.ordinal)


def _overrides(connection: Connection, asked: Asked) -> Iterator[Leg]:
    broken = select(EventRow.at, EventRow.actor, EventRow.kind, EventRow.subject, EventRow.body)
    broken = broken.where(EventRow.kind == EventKind.BREAK_GLASS, *event_days(asked))
    if asked.person is not None:
        broken = broken.where(EventRow.actor == asked.person)
    yield Selected("1", broken, (EventRow.seq,), _broken_row)
    said = (
        select(
            ReviewRow.at, ReviewRow.reviewer, ReviewRow.item_id, ItemRow.reasons, ReviewRow.reason_code, ReviewRow.note
        )
        .join(ItemRow, ItemRow.item_id == ReviewRow.item_id)
        .where(ReviewRow.verdict == "approve", *_reviews(asked))
    )
    yield Selected("2", said, _BY_TIME, _overruled_row, lambda row: bool(_by_scores(row[3])))


def _broken_row(row: Sequence[Any]) -> Sequence[Any]:
    at, actor, kind, subject, body = row
    told = json.loads(body)
    return at, actor, kind, subject, words([told.get("until"), told.get("act")], "until", "act"), told.get("why", "")


def _overruled_row(row: Sequence[Any]) -> Sequence[Any]:
    at, reviewer, item_id, reasons, code, note = row
    return (
        at,
        reviewer,
        "a yes to what the scores held",
        f"item:{item_id}",
        _by_scores(reasons),
        f"{code} {note}".strip(),
    )


def _by_scores(reasons: str) -> str:
    """Why the scores held it; nothing where its class or a draw did."""
    return "; ".join(each["text"] for each in json.loads(reasons) if each["code"] in _BY_SCORES)


def _reviews(asked: Asked) -> list[Any]:
    conditions = between_days(ReviewRow.at, asked)
    return conditions if asked.person is None else [*conditions, ReviewRow.reviewer == asked.person]


def _self_approvals(connection: Connection, asked: Asked) -> Iterator[Leg]:
    own = select(ReviewRow.at, ReviewRow.reviewer, ReviewRow.verdict, ReviewRow.item_id, ReviewRow.note)
    own = own.where(text("own"), *_reviews(asked))
    yield Selected("1", own, _BY_TIME, lambda row: (row[0], row[1], f"review: {row[2]}", f"item:{row[3]}", row[4]))
    registered = EVENTS.alias("registered")
    approved = (
        select(EventRow.at, EventRow.actor, EventRow.subject, registered.c.actor, registered.c.at)
        .join(registered, registered.c.subject == EventRow.subject)
        .where(EventRow.kind == EventKind.STYLE_APPROVED, registered.c.kind == EventKind.STYLE_REGISTERED)
        .where(*event_days(asked))
    )
    if asked.person is not None:
        approved = approved.where(EventRow.actor == asked.person)
    key = (EventRow.seq, registered.c.seq)
    yield Selected("2", approved, key, _own_style, lambda row: folded(row[1]) == folded(row[3]))


def _own_style(row: Sequence[Any]) -> Sequence[Any]:
    at, actor, subject, _, registered_at = row
    return at, actor, "approval of a style", subject, f"registered by the same on {registered_at[:10]}"


@dataclass(slots=True)
class _Tally:
    """What one reviewer did in the time that is looked at."""

    verdicts: dict[str, int] = field(default_factory=dict)
    waits_s: list[float] = field(default_factory=list)
    in_batches: int = 0
    batches: set[str] = field(default_factory=set)
    doubled: int = 0
    agreed: int = 0

    def row(self, reviewer: str) -> Sequence[Any]:
        said = sum(self.verdicts.values())
        return (
            reviewer,
            said,
            self.verdicts.get("approve", 0),
            self.verdicts.get("reject", 0),
            round(median(self.waits_s), 1) if self.waits_s else None,
            self.in_batches,
            len(self.batches),
            self.doubled,
            round(self.agreed / self.doubled, 3) if self.doubled else None,
        )


def _reviewers(connection: Connection, asked: Asked) -> Iterator[Leg]:
    if asked.since is None:
        asked = replace(asked, since=(asked.until or asked.today) - timedelta(days=_DAYS))
    tallies: dict[str, _Tally] = {}
    said = select(ReviewRow.reviewer, ReviewRow.verdict, ReviewRow.at, ReviewRow.held_at, ReviewRow.batch)
    for reviewer, verdict, at, held_at, batch in connection.execute(said.where(*_reviews(asked))).tuples():
        tally = tallies.setdefault(reviewer, _Tally())
        tally.verdicts[verdict] = tally.verdicts.get(verdict, 0) + 1
        if held_at is not None:
            tally.waits_s.append((at - held_at).total_seconds())
        if batch is not None:
            tally.in_batches += 1
            tally.batches.add(batch)
    for reviewer, verdict, other in connection.execute(_seen_by_another_too(asked)).tuples():
        tallies[reviewer].doubled += 1
        tallies[reviewer].agreed += verdict == other
    yield Told("1", [tallies[reviewer].row(reviewer) for reviewer in sorted(tallies)])


def _seen_by_another_too(asked: Asked) -> Select[Any]:
    """What each said of a rendition, beside what somebody else said of the same."""
    other = REVIEWS.alias("other")
    same = and_(other.c.item_id == ReviewRow.item_id, other.c.hold == ReviewRow.hold)
    wanted = select(ReviewRow.reviewer, ReviewRow.verdict, other.c.verdict)
    return wanted.join(other, and_(same, other.c.reviewer != ReviewRow.reviewer)).where(*_reviews(asked))


REVIEW_QUESTIONS = (
    AuditQuestion(
        7,
        "overrides",
        "Where did a person set a rule or the scores aside: broken glass, and a yes to what the scores had held?",
        ("at", "by", "what", "of", "set aside", "reason given"),
        ("since", "until", "person"),
        _overrides,
    ),
    AuditQuestion(
        8,
        "self-approvals",
        "Did anybody review what they asked for, or approve a style that they registered? (There should be none.)",
        ("at", "by", "what", "of", "note"),
        ("since", "until", "person"),
        _self_approvals,
    ),
    AuditQuestion(
        18,
        "reviewers",
        f"How do reviewers work (in the last {_DAYS} days, or since `since`): how many, how fast, how many at "
        "once, and do two who saw the same agree?",
        (
            *("reviewer", "reviews", "yes", "no", "median wait s", "decided in batches", "batches"),
            *("seen by another too", "agreement"),
        ),
        ("since", "until", "person"),
        _reviewers,
    ),
)
