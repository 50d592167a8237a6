"""The first schema: ledger, runs, items, reviews, style approvals, sources.

A migration is history: it spells its types out, and imports nothing of ours that may change later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DIGEST = sa.String(64)
INSTANT = sa.String(27)


def upgrade() -> None:
    _ledger()
    _runs()
    _items()
    _item_indexes()
    _reviews()
    _style_approvals()
    _sources()
    _seal_ledger()


def downgrade() -> None:
    """A ledger is not taken back."""
    raise RuntimeError("the first schema is never removed: move the database away instead")


def _ledger() -> None:
    op.create_table(
        "events",
        sa.Column("seq", BIG, autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev_hash", DIGEST, nullable=False),
        sa.Column("hash", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_kind_seq", "events", ["kind", "seq"])
    op.create_index("ix_events_subject_seq", "events", ["subject", "seq"])
    head = op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("hash", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_head"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "at": "1970-01-01T00:00:00.000000Z", "hash": "0" * 64}])


def _runs() -> None:
    planned = ("seen", "new", "refused_new", "already", "lifted", "withdrawn", "changed")
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("campaign_digest", DIGEST, nullable=False),
        sa.Column("campaign_text", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        *(sa.Column(f"plan_{name}", BIG, nullable=False) for name in planned),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_index("ix_runs_state", "runs", ["state"])


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("ordinal", BIG, autoincrement=True, nullable=False),
        sa.Column("item_id", DIGEST, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("planned_in_run", sa.String(40), nullable=False),
        sa.Column("touched_in_run", sa.String(40), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("modified_at", INSTANT, nullable=True),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("asset_digest", DIGEST, nullable=False),
        sa.Column("asset_class", sa.Text(), nullable=False),
        sa.Column("style_name", sa.Text(), nullable=False),
        sa.Column("style_version", sa.Integer(), nullable=False),
        sa.Column("package_digest", DIGEST, nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("pipeline", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("scores", sa.Text(), nullable=True),
        sa.Column("rendition_digest", DIGEST, nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("statement_digest", DIGEST, nullable=True),
        sa.Column("output_digest", DIGEST, nullable=True),
        sa.Column("output_uri", sa.Text(), nullable=True),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("times_held", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["planned_in_run"], ["runs.run_id"], name="fk_items_planned_in_run"),
        sa.ForeignKeyConstraint(["touched_in_run"], ["runs.run_id"], name="fk_items_touched_in_run"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_items"),
        sa.UniqueConstraint("item_id", name="uq_items_item_id"),
    )


def _item_indexes() -> None:
    op.create_index("ix_items_asset_digest", "items", ["asset_digest"])
    op.create_index("ix_items_state_ordinal", "items", ["state", "ordinal"])
    op.create_index("ix_items_campaign_state_ordinal", "items", ["campaign", "state", "ordinal"])
    op.create_index("ix_items_touched_in_run_ordinal_state", "items", ["touched_in_run", "ordinal", "state"])
    op.create_index("ix_items_package_digest_ordinal", "items", ["package_digest", "ordinal"])
    for column in ("rendition_digest", "output_digest"):
        present = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_items_{column}", "items", [column], sqlite_where=present, postgresql_where=present)


def _reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("ordinal", BIG, autoincrement=True, nullable=False),
        sa.Column("item_id", DIGEST, nullable=False),
        sa.Column("hold", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("reason_code", sa.String(32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.item_id"], name="fk_reviews_item_id"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_reviews"),
        sa.UniqueConstraint("item_id", "hold", "reviewer", name="uq_reviews_item_id_hold_reviewer"),
    )
    op.create_index("ix_reviews_reviewer_at", "reviews", ["reviewer", "at"])


def _style_approvals() -> None:
    op.create_table(
        "style_approvals",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("package_digest", DIGEST, nullable=False),
        sa.Column("licence_id", sa.Text(), nullable=False),
        sa.Column("licence_holder", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("asset_classes", sa.Text(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("territories", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_style_approvals"),
    )
    op.create_index("ix_style_approvals_name_state_approved_at", "style_approvals", ["name", "state", "approved_at"])
    op.create_index("ix_style_approvals_package_digest", "style_approvals", ["package_digest"])


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("place", DIGEST, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_sources"),
    )
    op.create_index("ix_sources_digest", "sources", ["digest"])


def _seal_ledger() -> None:
    """From here on the database itself refuses to change or remove an event, and to move the head backwards."""
    statements = {"sqlite": SEAL_SQLITE, "postgresql": SEAL_POSTGRESQL}[op.get_bind().dialect.name]
    for statement in statements:
        op.execute(statement)


def _refusal_sqlite(name: str, moment: str, when: str = "") -> str:
    return (
        f"CREATE TRIGGER {name} BEFORE {moment} {when} BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    )


# REPLACE removes a row without firing its DELETE trigger, so inserting over an existing number is refused too.
SEAL_SQLITE = (
    _refusal_sqlite("events_no_update", "UPDATE ON events"),
    _refusal_sqlite("events_no_delete", "DELETE ON events"),
    _refusal_sqlite("events_no_replace", "INSERT ON events", "WHEN NEW.seq <= (SELECT max(seq) FROM events)"),
    _refusal_sqlite("ledger_head_no_delete", "DELETE ON ledger_head"),
    _refusal_sqlite("ledger_head_no_insert", "INSERT ON ledger_head"),
    _refusal_sqlite("ledger_head_forward", "UPDATE ON ledger_head", "WHEN NEW.seq <= OLD.seq OR NEW.id <> OLD.id"),
)


def _refusal_postgresql(name: str, moment: str, when: str = "FOR EACH STATEMENT") -> str:
    return f"CREATE TRIGGER {name} BEFORE {moment} {when} EXECUTE FUNCTION restyle_ledger_is_append_only()"


SEAL_POSTGRESQL = (
    "CREATE FUNCTION restyle_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    _refusal_postgresql("events_no_change", "UPDATE OR DELETE OR TRUNCATE ON events"),
    _refusal_postgresql("ledger_head_no_change", "INSERT OR DELETE OR TRUNCATE ON ledger_head"),
    _refusal_postgresql(
        "ledger_head_forward",
        "UPDATE ON ledger_head",
        "FOR EACH ROW WHEN (NEW.seq <= OLD.seq OR NEW.id <> OLD.id)",
    ),
)
