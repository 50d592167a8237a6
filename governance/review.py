"""What people say of held renditions. The queue is oldest first; the first word that ends an item counts.

An item that needs four eyes is approved by two people, neither of them the one who asked for it. One person's no is
enough. Reviewers' words are kept as given, but bounded and without characters that hide or forge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, insert, select

from governance import items
from governance.db import Database
from governance.errors import ReviewError
from governance.events import EventKind, item_subject
from governance.items import Item, ItemState
from governance.names import same_person
from governance.plain_text import require_plain
from governance.tables.base import instant_of
from governance.tables.work import ITEMS, REVIEWS, EventRow, ItemRow, ReviewRow
from governance.transitions import Move, move
from stylecore.data import Digest

MAX_NOTE_CHARS = 500


class ReviewReason(StrEnum):
    LOOKS_RIGHT = "looks_right"
    BRAND_FIT = "brand_fit"
    ARTEFACTS = "artefacts"
    OFF_BRAND = "off_brand"
    ILLEGIBLE = "illegible"
    LIKENESS = "likeness"
    WRONG_ASSET = "wrong_asset"
    RIGHTS_DOUBT = "rights_doubt"
    OTHER = "other"
    """Anything else; the note must say what."""


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Review:
    """What one person said of one item. ``counts`` is false for what was said before it was made anew."""

    item_id: Digest
    reviewer: str
    verdict: Verdict
    reason: ReviewReason
    note: str
    at: datetime
    counts: bool


@dataclass(frozen=True, slots=True)
class ReviewOutcome:
    """Where the item stands after a word, and how many more it waits for."""

    item_id: Digest
    state: ItemState
    approvals: int
    approvals_needed: int


@dataclass(frozen=True, slots=True)
class Held:
    """An item and all that was said of it so far."""

    item: Item
    reviews: tuple[Review, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """A reviewer's words, checked."""

    reviewer: str
    verdict: Verdict
    reason: ReviewReason
    note: str
    batch: str | None


def queue(
    db: Database, *, campaign: str | None = None, after: Digest | None = None, limit: int = 50
) -> tuple[Item, ...]:
    """What waits for a person, oldest first; continue with the last one's id."""
    return items.page(db, states=(ItemState.IN_REVIEW,), campaign=campaign, after=after, limit=limit)


def show(db: Database, item_id_prefix: str) -> Held:
    """The one item whose id begins so, whatever its state, and its reviews."""
    low, high = items.digest_range(item_id_prefix)
    with db.read() as connection:
        wanted = select(ITEMS).where(ItemRow.item_id.between(low, high)).limit(2)
        rows = connection.execute(wanted).mappings().all()
        if len(rows) != 1:
            raise _no_single_item(item_id_prefix, len(rows))
        return Held(items.item_of(rows[0]), _reviews(connection, rows[0]["item_id"], rows[0]["times_held"]))


def approve(
    db: Database, item_id: Digest, reviewer: str, reason: ReviewReason, note: str = "", *, batch: str | None = None
) -> ReviewOutcome:
    """One yes. With four eyes the first yes leaves the item in review; the second, by somebody else, approves it.

    ``batch`` is shared by all that one act decides, so that it can be told from words given one by one.
    """
    said = _said(reviewer, Verdict.APPROVE, reason, note, batch)
    with db.write() as connection:
        row = _held_row(connection, item_id)
        earlier = [each for each in _reviews(connection, item_id, row["times_held"]) if each.counts]
        _require_other_eyes(row, earlier, said)
        approvals, needed = len(earlier) + 1, int(row["approvals_needed"])
        enough = approvals >= needed
        target = ItemState.APPROVED if enough else ItemState.IN_REVIEW
        kind = EventKind.ITEM_REVIEW_APPROVED if enough else EventKind.ITEM_REVIEW_ENDORSED
        _keep(connection, row, said, target, kind)
    return ReviewOutcome(item_id, target, approvals, needed)


def reject(
    db: Database, item_id: Digest, reviewer: str, reason: ReviewReason, note: str = "", *, batch: str | None = None
) -> ReviewOutcome:
    """One no ends the item, whoever said yes before."""
    said = _said(reviewer, Verdict.REJECT, reason, note, batch)
    with db.write() as connection:
        row = _held_row(connection, item_id)
        earlier = [each for each in _reviews(connection, item_id, row["times_held"]) if each.counts]
        if any(same_person(each.reviewer, said.reviewer) for each in earlier):
            raise _already_said(item_id, said.reviewer)
        _keep(connection, row, said, ItemState.REJECTED, EventKind.ITEM_REVIEW_REJECTED)
    return ReviewOutcome(item_id, ItemState.REJECTED, len(earlier), int(row["approvals_needed"]))


def reviews_of(db: Database, item_id: Digest) -> tuple[Review, ...]:
    """Everything people said of it, oldest first."""
    with db.read() as connection:
        held = connection.execute(select(ItemRow.times_held).where(ItemRow.item_id == item_id)).scalar_one_or_none()
        return _reviews(connection, item_id, held or 0)


def _said(reviewer: str, verdict: Verdict, reason: ReviewReason, note: str, batch: str | None) -> _Said:
    name = require_plain(reviewer, "the reviewer's name", max_chars=100, error=ReviewError)
    try:
        reason = ReviewReason(reason)
    except ValueError:
        known = ", ".join(ReviewReason)
        raise ReviewError(f"no reason {str(reason)[:40]!r}", f"one of {known}") from None
    needs_note = reason is ReviewReason.OTHER
    note = require_plain(note, "the note", max_chars=MAX_NOTE_CHARS, may_be_empty=not needs_note, error=ReviewError)
    batch = None if batch is None else require_plain(batch, "the batch", max_chars=40, error=ReviewError)
    return _Said(name, verdict, reason, note, batch)


def _held_row(connection: Connection, item_id: Digest) -> Mapping[Any, Any]:
    row = connection.execute(select(ITEMS).where(ItemRow.item_id == item_id)).mappings().one_or_none()
    if row is None:
        raise _no_single_item(item_id, 0)
    if row["state"] != ItemState.IN_REVIEW:
        raise ReviewError(f"item {item_id.short} is {row['state']}", "an item in review", "Somebody was first?")
    return row


def _require_other_eyes(row: Mapping[Any, Any], earlier: list[Review], said: _Said) -> None:
    item_id: Digest = row["item_id"]
    if any(same_person(each.reviewer, said.reviewer) for each in earlier):
        raise _already_said(item_id, said.reviewer)
    if row["approvals_needed"] > 1 and same_person(row["asked_by"], said.reviewer):
        raise ReviewError(
            f"{said.reviewer} asked for item {item_id.short}, which needs four eyes", "two people who did not ask"
        )


def _keep(connection: Connection, row: Mapping[Any, Any], said: _Said, target: ItemState, kind: EventKind) -> None:
    review = {
        "item_id": row["item_id"],
        "hold": row["times_held"],
        "reviewer": said.reviewer,
        "verdict": str(said.verdict),
        "reason_code": str(said.reason),
        "note": said.note,
        "at": datetime.now(UTC),
        "held_at": _held_at(connection, row["item_id"]),
        "batch": said.batch,
        "own": same_person(row["asked_by"], said.reviewer),
    }
    connection.execute(insert(REVIEWS), review)
    told = {"reason": said.reason, "note": said.note, "rendition_digest": row["rendition_digest"]}
    # The item's own reasons stay: they say why it was held. What the reviewer found is in the review.
    move(connection, [Move(row["item_id"], ItemState.IN_REVIEW, target, kind, said.reviewer, told)], run_id=None)


def _held_at(connection: Connection, item_id: Digest) -> datetime | None:
    """When it last began to wait. The ledger knows: the item's own time moves with every word that is said of it."""
    held = select(func.max(EventRow.seq)).where(
        EventRow.subject == item_subject(item_id), EventRow.kind == EventKind.ITEM_REVIEW_HELD
    )
    at = connection.execute(select(EventRow.at).where(EventRow.seq == held.scalar_subquery())).scalar_one_or_none()
    return None if at is None else instant_of(at)


def _reviews(connection: Connection, item_id: Digest, times_held: int) -> tuple[Review, ...]:
    wanted = select(REVIEWS).where(ReviewRow.item_id == item_id).order_by(ReviewRow.ordinal)
    return tuple(
        Review(
            item_id=row["item_id"],
            reviewer=row["reviewer"],
            verdict=Verdict(row["verdict"]),
            reason=ReviewReason(row["reason_code"]),
            note=row["note"],
            at=row["at"],
            counts=row["hold"] == times_held,
        )
        for row in connection.execute(wanted).mappings()
    )


def _already_said(item_id: Digest, reviewer: str) -> ReviewError:
    return ReviewError(f"{reviewer} has reviewed item {item_id.short} already", "somebody else")


def _no_single_item(prefix: str, found: int) -> ReviewError:
    what = "no item has an id that begins" if not found else "more than one item has an id that begins"
    return ReviewError(f"{what} {prefix[:64]!r}", "the id of one item", "`restyle review list` shows them.")
