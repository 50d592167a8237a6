"""What is worked on, and the ledger that tells of it: events, runs, items, reviews, sources."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from governance.tables.base import Base, Counter, Ordinal, table_of
from stylecore.data import Digest


class EventRow(Base):
    """The ledger. Triggers refuse every UPDATE and DELETE."""

    __tablename__ = "events"
    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[str] = mapped_column(String(27), index=True)
    kind: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index(None, "subject", "seq"), Index(None, "kind", "seq"))


class LedgerHeadRow(Base):
    """The last event, said a second time in another place, so that a cut-off tail is seen. Always one row."""

    __tablename__ = "ledger_head"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[Counter]
    at: Mapped[str] = mapped_column(String(27))
    hash: Mapped[str] = mapped_column(String(64))


class RunRow(Base):
    __tablename__ = "runs"
    run_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    campaign: Mapped[str]
    campaign_digest: Mapped[Digest]
    campaign_text: Mapped[str]
    policy_digest: Mapped[Digest | None]
    """The policy that it began with and goes by to its end."""
    actor: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    flow_run_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    plan_seen: Mapped[Counter]
    plan_new: Mapped[Counter]
    plan_refused_new: Mapped[Counter]
    plan_already: Mapped[Counter]
    plan_lifted: Mapped[Counter]
    plan_withdrawn: Mapped[Counter]
    plan_changed: Mapped[Counter]
    counts: Mapped[str | None]

    __table_args__ = (Index(None, "started_at"), Index(None, "state"))


class ItemRow(Base):
    """One unit of work: this content, at this place, in this style, for this purpose."""

    __tablename__ = "items"
    ordinal: Mapped[Ordinal]
    item_id: Mapped[Digest] = mapped_column(unique=True)
    campaign: Mapped[str]
    planned_in_run: Mapped[str] = mapped_column(ForeignKey("runs.run_id"))
    touched_in_run: Mapped[str] = mapped_column(ForeignKey("runs.run_id"))
    store: Mapped[str]
    key: Mapped[str]
    version: Mapped[str]
    size_bytes: Mapped[Counter]
    modified_at: Mapped[datetime | None]
    uri: Mapped[str]
    asset_digest: Mapped[Digest] = mapped_column(index=True)
    asset_class: Mapped[str]
    style_name: Mapped[str]
    style_version: Mapped[int]
    package_digest: Mapped[Digest]
    recipe: Mapped[str]
    channel: Mapped[str]
    territory: Mapped[str]
    asked_by: Mapped[str]
    destination: Mapped[str]
    pipeline: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    reasons: Mapped[str]
    scores: Mapped[str | None]
    rendition_digest: Mapped[Digest | None]
    media_type: Mapped[str | None]
    width_px: Mapped[int | None]
    height_px: Mapped[int | None]
    statement_digest: Mapped[Digest | None]
    output_digest: Mapped[Digest | None]
    output_uri: Mapped[str | None]
    approvals_needed: Mapped[int]
    times_held: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        Index(None, "state", "ordinal"),
        Index(None, "campaign", "state", "ordinal"),
        Index(None, "touched_in_run", "ordinal", "state"),
        Index(None, "package_digest", "ordinal"),
        # Most items have no output yet: an index of only those that do is far smaller.
        Index(
            "ix_items_rendition_digest",
            "rendition_digest",
            sqlite_where=text("rendition_digest IS NOT NULL"),
            postgresql_where=text("rendition_digest IS NOT NULL"),
        ),
        Index(
            "ix_items_output_digest",
            "output_digest",
            sqlite_where=text("output_digest IS NOT NULL"),
            postgresql_where=text("output_digest IS NOT NULL"),
        ),
    )


class ReviewRow(Base):
    """What one person said of one item. ``hold`` numbers the times it was held: an old yes is no yes to the new."""

    __tablename__ = "reviews"
    ordinal: Mapped[Ordinal]
    item_id: Mapped[Digest] = mapped_column(ForeignKey("items.item_id"))
    hold: Mapped[int]
    reviewer: Mapped[str]
    verdict: Mapped[str] = mapped_column(String(16))
    reason_code: Mapped[str] = mapped_column(String(32))
    note: Mapped[str]
    at: Mapped[datetime]
    held_at: Mapped[datetime | None]
    """When the item began to wait, so that the time it took is known."""
    batch: Mapped[str | None] = mapped_column(String(40))
    """Shared by those that were decided together, in one act."""
    own: Mapped[bool] = mapped_column(server_default=text("FALSE"))
    """The reviewer is the one who asked for the item."""

    __table_args__ = (
        UniqueConstraint("item_id", "hold", "reviewer"),
        Index(None, "reviewer", "at"),
        Index(None, "at", "ordinal"),
        Index("ix_reviews_own", "at", "ordinal", sqlite_where=text("own"), postgresql_where=text("own")),
    )


class SourceRow(Base):
    """What a store held when it was last read. ``place`` is the digest of store and key: keys may be very long."""

    __tablename__ = "sources"
    place: Mapped[Digest] = mapped_column(primary_key=True)
    store: Mapped[str]
    key: Mapped[str]
    version: Mapped[str]
    size_bytes: Mapped[Counter]
    digest: Mapped[Digest] = mapped_column(index=True)
    seen_at: Mapped[datetime]


EVENTS, LEDGER_HEAD, RUNS, ITEMS = map(table_of, (EventRow, LedgerHeadRow, RunRow, ItemRow))
REVIEWS, SOURCES = map(table_of, (ReviewRow, SourceRow))
