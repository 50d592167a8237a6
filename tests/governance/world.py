"""Values that tests of the records are made of: an asset, a style, a decision, each as plain as can be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from governance import outcomes, planning, runs
from governance.db import Database
from governance.events import EventKind
from governance.items import ItemState, NewItem, RenditionFacts
from governance.outcomes import Decided
from governance.route import Decision, Verdict
from governance.runs import Run
from governance.tables.work import EventRow
from stylecore.data import AssetRef, Digest, Reason, Recipe, Scores, StyleRef

STYLE = StyleRef("risograph", 1, Digest.of(b"package"))
ACTOR = "ada"
FORBIDDEN = (Reason("licence_forbids", "the licence forbids derivatives"),)


def digest(of: object) -> Digest:
    return Digest.of(repr(of).encode())


def ref(key: str, version: str = "1", size_bytes: int = 10) -> AssetRef:
    return AssetRef("library", key, version, size_bytes, datetime(2025, 1, 2, 3, tzinfo=UTC), f"file:///library/{key}")


def candidate(number: int, *, refused: tuple[Reason, ...] = (), **changed: Any) -> NewItem:
    values: dict[str, Any] = {
        "ref": ref(f"{number}.jpg"),
        "asset_digest": digest(number),
        "asset_class": "product",
        "style": STYLE,
        "recipe": Recipe(),
        "channel": "web",
        "territory": "DE",
        "destination": "folder:out",
        "campaign": "spring",
        "asked_by": "brand-ops",
        "state": ItemState.REFUSED if refused else ItemState.PLANNED,
        "reasons": refused,
    }
    return NewItem(**{**values, **changed})


def decided(item_id: Digest, verdict: Verdict = "approve", *, approvals_needed: Any = 1, bytes_of: int = 0) -> Decided:
    reasons = () if verdict == "approve" else (Reason("ssim_low", "ssim_eighth is 0.1"),)
    return Decided(
        item_id,
        Decision(verdict, reasons, approvals_needed, sampled=False),
        Scores(ssim_full=0.5, absent={"lpips": "no weights"}),
        RenditionFacts(digest(("rendition", item_id, bytes_of)), "image/jpeg", 640, 480),
        digest(("statement", item_id, bytes_of)),
    )


def start_run(db: Database, campaign: str = "spring", **changed: Any) -> Run:
    values: dict[str, Any] = {"actor": ACTOR, "host": "studio", "pid": 4711, "campaign_text": "name: spring\n"}
    return runs.start(db, campaign=campaign, campaign_digest=digest("campaign"), **{**values, **changed})


def plan(db: Database, run_id: str, *candidates: NewItem) -> planning.PlanPage:
    return planning.plan_page(db, run_id, ACTOR, candidates)


def planned_item(db: Database, run_id: str, number: int = 1, **changed: Any) -> Digest:
    item = candidate(number, **changed)
    plan(db, run_id, item)
    return item.item_id


def item_standing(db: Database, run_id: str, verdict: Verdict, number: int = 1, **needed: Any) -> Digest:
    """An item that was planned and routed."""
    item_id = planned_item(db, run_id, number)
    outcomes.record(db, run_id, ACTOR, [decided(item_id, verdict, **needed)])
    return item_id


def kinds(db: Database, subject: str | None = None) -> list[EventKind]:
    """What the ledger tells, in order."""
    wanted = select(EventRow.kind).order_by(EventRow.seq)
    if subject is not None:
        wanted = wanted.where(EventRow.subject == subject)
    with db.read() as connection:
        return [EventKind(kind) for kind in connection.execute(wanted).scalars()]
