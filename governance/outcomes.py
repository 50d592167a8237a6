"""What comes of an item once it is worked on: refused, quarantined, decided, signed, published.

Every function tells which items it moved. One that is missing was moved by somebody else first: that is no error,
and nothing was written for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from governance import outputs, policy_records
from governance.db import Database
from governance.errors import UsageError
from governance.events import EventKind
from governance.items import ItemState, RenditionFacts, reasons_json, reasons_list, scores_json
from governance.outputs import Publication
from governance.plain_text import require_storable
from governance.policy_records import Asked, RefusedItem
from governance.route import Decision
from governance.tables.work import ItemRow
from governance.transitions import Move, move
from stylecore.data import Digest, Reason, Scores


@dataclass(frozen=True, slots=True)
class Decided:
    """A rendition was made, scored and routed; its bytes and its statement are staged already.

    ``asked`` is what the policy was asked before it was made.
    """

    item_id: Digest
    decision: Decision
    scores: Scores
    rendition: RenditionFacts
    statement_digest: Digest
    asked: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The asset itself is unusable: not an image, truncated, too large."""

    item_id: Digest
    reason: Reason


@dataclass(frozen=True, slots=True)
class Refused:
    """Policy said yes when planning and no now; or the asset is not what was planned, and nobody asked the policy."""

    item_id: Digest
    reasons: tuple[Reason, ...]
    asked: tuple[Asked, ...] = ()

    def __post_init__(self) -> None:
        if not self.reasons:
            raise UsageError("a refusal without a reason", "at least one")


Outcome = Decided | Quarantined | Refused

_OF_VERDICT = {
    "approve": (ItemState.APPROVED, EventKind.ITEM_APPROVED),
    "review": (ItemState.IN_REVIEW, EventKind.ITEM_REVIEW_HELD),
    "reject": (ItemState.REJECTED, EventKind.ITEM_REJECTED),
}


@dataclass(frozen=True, slots=True)
class Signed:
    """The signed bytes of an approved item exist, and are about to be written to their destination.

    The statement they carry may be a later one than the decision's: it adds what people said. ``certificate`` is the
    fingerprint of the one they were signed with.
    """

    item_id: Digest
    output_digest: Digest
    statement_digest: Digest
    certificate: str


@dataclass(frozen=True, slots=True)
class Published:
    """The signed bytes are at their destination: written, read back, and found the same."""

    item_id: Digest
    output_digest: Digest
    output_uri: str
    publication: Publication

    def __post_init__(self) -> None:
        require_storable(self.output_uri, "the output's address")


def record(db: Database, run_id: str, actor: str, outcomes: Sequence[Outcome]) -> frozenset[Digest]:
    """What a shard did to planned items, in one transaction. Tells which items it was the first to move."""
    with db.write() as connection:
        held_before = _times_held(connection, [each.item_id for each in outcomes])
        moves = [_move_of(each, actor, held_before.get(each.item_id, 0)) for each in outcomes]
        moved = move(connection, moves, run_id=run_id)
        asked = [each for each in outcomes if isinstance(each, Decided | Refused) and each.item_id in moved]
        _record_answers(connection, asked, "restyle")
        return moved


def record_signed(
    db: Database, actor: str, signed: Sequence[Signed], *, run_id: str | None = None
) -> frozenset[Digest]:
    """Remembers the digest of signed bytes before they are written, so that after a kill one knows them again.

    The first to sign wins: whoever is not told its item has to publish the bytes that are remembered, not its own.
    """
    with db.write() as connection:
        before = _output_digests(connection, [each.item_id for each in signed])
        moves = [_signed(each, actor) for each in signed if before.get(each.item_id) is None]
        return move(connection, moves, run_id=run_id)


def mark_published(
    db: Database, actor: str, published: Sequence[Published], *, run_id: str | None = None
) -> frozenset[Digest]:
    """Approved becomes published, if these are the bytes that ``record_signed`` remembered; all it rests on is kept."""
    with db.write() as connection:
        signed = _output_digests(connection, [each.item_id for each in published])
        ours = {each.item_id: each for each in published if signed.get(each.item_id) == each.output_digest}
        moved = move(connection, [_published(each, actor) for each in ours.values()], run_id=run_id)
        now = datetime.now(UTC)
        publications = {item_id: ours[item_id].publication for item_id in ours if item_id in moved}
        outputs.record(connection, publications, actor, run_id, now)
        asked = ((item_id, asked) for item_id, each in publications.items() for asked in each.asked)
        policy_records.record(connection, asked, now)
        return moved


def refuse_publishing(db: Database, actor: str, refused: Refused, *, run_id: str | None = None) -> bool:
    """Policy, asked again before publishing, says no: approved becomes refused. A later plan may lift that."""
    to_refused = Move(
        refused.item_id,
        ItemState.APPROVED,
        ItemState.REFUSED,
        EventKind.ITEM_PUBLISH_REFUSED,
        actor,
        {"reasons": reasons_list(refused.reasons)},
        {"reasons": reasons_json(refused.reasons)},
    )
    with db.write() as connection:
        moved = move(connection, [to_refused], run_id=run_id)
        _record_answers(connection, [refused] if moved else [], "publish")
        return bool(moved)


def requeue(db: Database, actor: str, item_ids: Iterable[Digest], *, because: Reason) -> frozenset[Digest]:
    """Quarantined items are planned again, since what stood in their way was not the asset after all."""
    moves = [
        Move(
            item_id,
            ItemState.QUARANTINED,
            ItemState.PLANNED,
            EventKind.ITEM_REQUEUED,
            actor,
            {"reasons": reasons_list([because])},
            {"reasons": reasons_json([])},
        )
        for item_id in item_ids
    ]
    with db.write() as connection:
        return move(connection, moves, run_id=None)


def _record_answers(connection: Connection, decided: Sequence[Decided | Refused], action: str) -> None:
    """By which answers these were moved, and for which reasons some of them were refused."""
    now = datetime.now(UTC)
    policy_records.record(connection, ((each.item_id, asked) for each in decided for asked in each.asked), now)
    refused = [RefusedItem(each.item_id, action, each.reasons) for each in decided if isinstance(each, Refused)]
    policy_records.record_refusals(connection, refused, now)


def _move_of(outcome: Outcome, actor: str, times_held: int) -> Move:
    if isinstance(outcome, Decided):
        return _decided(outcome, actor, times_held)
    if isinstance(outcome, Quarantined):
        return _ended(outcome.item_id, ItemState.QUARANTINED, EventKind.ITEM_QUARANTINED, actor, [outcome.reason])
    return _ended(outcome.item_id, ItemState.REFUSED, EventKind.ITEM_REFUSED, actor, outcome.reasons)


def _ended(item_id: Digest, target: ItemState, kind: EventKind, actor: str, reasons: Sequence[Reason]) -> Move:
    told, columns = {"reasons": reasons_list(reasons)}, {"reasons": reasons_json(reasons)}
    return Move(item_id, ItemState.PLANNED, target, kind, actor, told, columns)


def _decided(outcome: Decided, actor: str, times_held: int) -> Move:
    decision, rendition = outcome.decision, outcome.rendition
    target, kind = _OF_VERDICT[decision.verdict]
    told: dict[str, Any] = {
        "reasons": reasons_list(decision.reasons),
        "rendition_digest": rendition.digest,
        "statement_digest": outcome.statement_digest,
        "sampled": decision.sampled,
    }
    columns = {
        "reasons": reasons_json(decision.reasons),
        "scores": scores_json(outcome.scores),
        "rendition_digest": rendition.digest,
        "media_type": rendition.media_type,
        "width_px": rendition.width_px,
        "height_px": rendition.height_px,
        "statement_digest": outcome.statement_digest,
        "output_digest": None,
        "output_uri": None,
        "approvals_needed": decision.approvals_needed,
        # What people said of an earlier rendition does not count for this one, whether or not it is held.
        "times_held": times_held + (target is ItemState.IN_REVIEW or times_held > 0),
    }
    return Move(outcome.item_id, ItemState.PLANNED, target, kind, actor, told, columns)


def _signed(each: Signed, actor: str) -> Move:
    columns = {"output_digest": each.output_digest, "statement_digest": each.statement_digest}
    told = {**columns, "certificate": each.certificate}
    return Move(each.item_id, ItemState.APPROVED, ItemState.APPROVED, EventKind.ITEM_SIGNED, actor, told, columns)


def _published(each: Published, actor: str) -> Move:
    told = {"output_digest": each.output_digest, "output_uri": each.output_uri}
    columns = {"output_uri": each.output_uri}
    return Move(each.item_id, ItemState.APPROVED, ItemState.PUBLISHED, EventKind.ITEM_PUBLISHED, actor, told, columns)


def _times_held(connection: Connection, item_ids: Sequence[Digest]) -> dict[Digest, int]:
    rows = connection.execute(select(ItemRow.item_id, ItemRow.times_held).where(ItemRow.item_id.in_(item_ids)))
    return dict(rows.tuples().all())


def _output_digests(connection: Connection, item_ids: Sequence[Digest]) -> dict[Digest, Digest | None]:
    rows = connection.execute(select(ItemRow.item_id, ItemRow.output_digest).where(ItemRow.item_id.in_(item_ids)))
    return dict(rows.tuples().all())
