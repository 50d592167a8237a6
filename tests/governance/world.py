"""Values that tests of the records are made of: an asset, a style, a decision, each as plain as can be."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from governance import approvals, evaluations, outcomes, planning, runs, style_records
from governance.approval_rules import Standard
from governance.approvals import Approval, Terms
from governance.db import Database
from governance.evaluations import Evaluation, NewEvaluation
from governance.events import EventKind
from governance.items import ItemState, NewItem, RenditionFacts
from governance.outcomes import Decided, Published, Signed
from governance.outputs import Publication
from governance.policy import Permit
from governance.policy_question import Purpose, Question, StyleTerms
from governance.policy_records import Asked
from governance.route import Decision, Verdict
from governance.runs import Run
from governance.signed_notes import NoteSigner
from governance.style_sources import Role, Source
from governance.tables.work import EventRow
from stylecore.data import AssetFacts, AssetRef, Digest, Reason, Recipe, Scores, StyleRef

STYLE = StyleRef("risograph", 1, Digest.of(b"package"))
ACTOR = "ada"
FORBIDDEN = (Reason("licence_forbids", "the licence forbids derivatives"),)
ON = date(2025, 6, 1)
CERTIFICATE = "c" * 64
_ANY = frozenset({"*"})
TERMS = StyleTerms(STYLE, True, "house", date(2030, 1, 1), _ANY, frozenset({"web"}), _ANY)
SIGNER = NoteSigner("restyle", Ed25519PrivateKey.from_private_bytes(b"7" * 32))
GATES, GOLDEN = Digest.of(b"gates"), Digest.of(b"golden")
SOURCES = (
    Source(Role.STYLE_IMAGE, Digest.of(b"picture"), "style image of risograph", "drawn", "CC0-1.0", "nobody"),
    Source(Role.TRAINING, None, "photographs trained on", "taken by the studio", "studio", "Studio Vier"),
)
FACTS = AssetFacts("product", "studio", True, date(2028, 1, 1), False, tags={"season": "autumn"})


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


def permitted(facts: AssetFacts = FACTS, terms: StyleTerms = TERMS, on: date = ON) -> Asked:
    """A question before publishing, and the permit that a policy gave."""
    question = Question(facts, terms, Purpose("brand-ops", "web", "DE"), on, "publish")
    return Asked(question, Permit(terms.style, ("approved_style_may_be_used",), digest("policy"), {}, on))


def publication(*asked: Asked, **changed: Any) -> Publication:
    values: dict[str, Any] = {
        "asked": asked or (permitted(),),
        "size_bytes": 1234,
        "stamped": False,
        "ai_label": True,
        "inbound": "none",
        "has_mark": False,
    }
    return Publication(**{**values, **changed})


def signed(item_id: Digest, output: Digest) -> Signed:
    return Signed(item_id, output, digest("statement"), CERTIFICATE)


def published(item_id: Digest, output: Digest, *asked: Asked, **changed: Any) -> Published:
    return Published(item_id, output, "file:///out/1.jpg", publication(*asked, **changed))


def published_item(db: Database, run_id: str, number: int = 1, *asked: Asked, **changed: Any) -> Digest:
    """An item that went all the way, with its output."""
    item_id = item_standing(db, run_id, "approve", number)
    output = digest(("output", number))
    outcomes.record_signed(db, ACTOR, [signed(item_id, output)], run_id=run_id)
    outcomes.mark_published(db, ACTOR, [published(item_id, output, *asked, **changed)], run_id=run_id)
    return item_id


def register(db: Database, style: StyleRef = STYLE, by: str = "style-owner", sources: Any = SOURCES) -> None:
    style_records.record_registered(db, style, sources, by)


def evaluate(
    db: Database, style: StyleRef = STYLE, *failures: str, gates: Digest = GATES, golden: Digest = GOLDEN
) -> Evaluation:
    report = {"classes": {"product": {"ssim_eighth": 0.8}}}
    return evaluations.record(db, NewEvaluation(style, gates, golden, failures, report), "style-owner")


def approve(db: Database, style: StyleRef, terms: Terms, by: str, **changed: Any) -> Approval:
    """By somebody, of a style that was registered and evaluated before."""
    return approvals.approve(db, style, terms, by, **{"signer": SIGNER, "standard": Standard(GATES, GOLDEN), **changed})


def approved_style(db: Database, style: StyleRef, terms: Terms, by: str = "compliance", **changed: Any) -> Approval:
    """Approved as it should be: registered by one person, evaluated, and approved by another."""
    register(db, style)
    evaluate(db, style)
    return approve(db, style, terms, by, **changed)
