"""Rights, policies and outputs: licences, people, evaluations, sources of styles, questions and answers, what was published.

A migration is history: it spells its types out, and imports nothing of ours that may change later.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DIGEST = sa.String(64)
INSTANT = sa.String(27)


def upgrade() -> None:
    _licences()
    _people()
    _roles()
    _evaluations()
    _style_sources()
    _policies()
    _questions()
    _verdicts()
    _refusals()
    _outputs()
    _fingerprint_bands()
    _recalls()
    _legal_holds()
    _certificates()
    _usage()
    _runs()
    _reviews()


def downgrade() -> None:
    """What was recorded of rights and outputs is not taken back."""
    raise RuntimeError("this schema is never taken back: move the database away instead")


def _licences() -> None:
    op.create_table(
        "licences",
        sa.Column("licence_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("evidence_digest", DIGEST, nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("asset_classes", sa.Text(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("territories", sa.Text(), nullable=False),
        sa.Column("exclusive", sa.Boolean(), nullable=False),
        sa.Column("derivatives", sa.Boolean(), nullable=True),
        sa.Column("ai_training", sa.Boolean(), nullable=True),
        sa.Column("attribution", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("licence_id", name="pk_licences"),
    )
    op.create_index("ix_licences_holder", "licences", ["holder"])
    op.create_index("ix_licences_kind_licence_id", "licences", ["kind", "licence_id"])
    op.create_index("ix_licences_valid_until", "licences", ["valid_until"])


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("folded", name="pk_people"),
    )


def _roles() -> None:
    op.create_table(
        "roles",
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("role", sa.String(24), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["folded"], ["people.folded"], name="fk_roles_folded"),
        sa.PrimaryKeyConstraint("folded", "role", name="pk_roles"),
    )


def _evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("ordinal", BIG, autoincrement=True, nullable=False),
        sa.Column("style_name", sa.Text(), nullable=False),
        sa.Column("style_version", sa.Integer(), nullable=False),
        sa.Column("package_digest", DIGEST, nullable=False),
        sa.Column("gates_digest", DIGEST, nullable=False),
        sa.Column("golden_digest", DIGEST, nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("evaluated_by", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name="pk_evaluations"),
    )
    op.create_index("ix_evaluations_package_digest", "evaluations", ["package_digest"])
    op.create_index("ix_evaluations_style_name_style_version_ordinal", "evaluations", ["style_name", "style_version", "ordinal"])


def _style_sources() -> None:
    op.create_table(
        "style_sources",
        sa.Column("ordinal", BIG, autoincrement=True, nullable=False),
        sa.Column("style_name", sa.Text(), nullable=False),
        sa.Column("style_version", sa.Integer(), nullable=False),
        sa.Column("package_digest", DIGEST, nullable=False),
        sa.Column("role", sa.String(24), nullable=False),
        sa.Column("digest", DIGEST, nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name="pk_style_sources"),
    )
    op.create_index("ix_style_sources_digest", "style_sources", ["digest"])
    op.create_index("ix_style_sources_holder", "style_sources", ["holder"])
    op.create_index("ix_style_sources_licence", "style_sources", ["licence"])
    op.create_index("ix_style_sources_package_digest_ordinal", "style_sources", ["package_digest", "ordinal"])
    op.create_index("ix_style_sources_style_name_style_version_ordinal", "style_sources", ["style_name", "style_version", "ordinal"])


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_policies"),
    )


def _questions() -> None:
    op.create_table(
        "questions",
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_questions"),
    )


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("ordinal", BIG, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("item_id", DIGEST, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("question_digest", DIGEST, nullable=False),
        sa.Column("policy_digest", DIGEST, nullable=False),
        sa.Column("permitted", sa.Boolean(), nullable=False),
        sa.Column("codes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name="pk_verdicts"),
    )
    op.create_index("ix_verdicts_at", "verdicts", ["at"])
    op.create_index("ix_verdicts_item_id_ordinal", "verdicts", ["item_id", "ordinal"])


def _refusals() -> None:
    op.create_table(
        "refusals",
        sa.Column("ordinal", BIG, autoincrement=True, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("item_id", DIGEST, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("style_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name="pk_refusals"),
    )
    op.create_index("ix_refusals_at", "refusals", ["at"])
    op.create_index("ix_refusals_code_at", "refusals", ["code", "at"])


def _outputs() -> None:
    op.create_table(
        "outputs",
        sa.Column("ordinal", BIG, autoincrement=True, nullable=False),
        sa.Column("item_id", DIGEST, nullable=False),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(40), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("asset_digest", DIGEST, nullable=False),
        sa.Column("asset_class", sa.Text(), nullable=False),
        sa.Column("asset_licence", sa.Text(), nullable=False),
        sa.Column("rights_until", sa.Date(), nullable=True),
        sa.Column("style_name", sa.Text(), nullable=False),
        sa.Column("style_version", sa.Integer(), nullable=False),
        sa.Column("package_digest", DIGEST, nullable=False),
        sa.Column("style_licence", sa.Text(), nullable=False),
        sa.Column("style_until", sa.Date(), nullable=True),
        sa.Column("policy_digest", DIGEST, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("shows_person", sa.Boolean(), nullable=True),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("consent_until", sa.Date(), nullable=True),
        sa.Column("has_mark", sa.Boolean(), nullable=False),
        sa.Column("reviews", sa.Integer(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", BIG, nullable=False),
        sa.Column("rendition_digest", DIGEST, nullable=False),
        sa.Column("output_digest", DIGEST, nullable=False),
        sa.Column("statement_digest", DIGEST, nullable=False),
        sa.Column("certificate", sa.String(64), nullable=False),
        sa.Column("stamped", sa.Boolean(), nullable=False),
        sa.Column("ai_label", sa.Boolean(), nullable=False),
        sa.Column("inbound", sa.String(16), nullable=False),
        sa.Column("fingerprint", sa.String(16), nullable=True),
        sa.Column("retain_until", sa.Date(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        sa.Column("recall_id", sa.String(40), nullable=True),
        sa.Column("checked_at", INSTANT, nullable=True),
        sa.Column("found", sa.String(16), nullable=True),
        sa.Column("found_digest", DIGEST, nullable=True),
        sa.Column("credentials", sa.String(16), nullable=True),
        sa.Column("credentials_why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["items.item_id"], name="fk_outputs_item_id"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_outputs"),
        sa.UniqueConstraint("item_id", name="uq_outputs_item_id"),
    )
    op.create_index("ix_outputs_asset_digest", "outputs", ["asset_digest"])
    op.create_index("ix_outputs_asset_licence_state_ordinal", "outputs", ["asset_licence", "state", "ordinal"])
    op.create_index("ix_outputs_campaign_ordinal", "outputs", ["campaign", "ordinal"])
    op.create_index("ix_outputs_certificate_ordinal", "outputs", ["certificate", "ordinal"])
    op.create_index("ix_outputs_consent_state_ordinal", "outputs", ["consent", "state", "ordinal"])
    op.create_index("ix_outputs_key", "outputs", ["key"])
    op.create_index("ix_outputs_output_digest", "outputs", ["output_digest"])
    op.create_index("ix_outputs_package_digest_style_name_state_ordinal", "outputs", ["package_digest", "style_name", "state", "ordinal"])
    op.create_index("ix_outputs_published_at_ordinal", "outputs", ["published_at", "ordinal"])
    op.create_index("ix_outputs_rendition_digest", "outputs", ["rendition_digest"])
    op.create_index("ix_outputs_style_licence_state_ordinal", "outputs", ["style_licence", "state", "ordinal"])
    op.create_index("ix_outputs_style_name_published_at", "outputs", ["style_name", "published_at"])
    _outputs_for_questions()


def _outputs_for_questions() -> None:
    for columns in (
        ["style_licence", "published_at"],
        ["asset_licence", "published_at"],
        ["consent", "published_at"],
        ["style_until", "published_at"],
        ["rights_until", "published_at"],
        ["consent_until", "published_at"],
        ["asset_licence", "channel", "territory"],
        ["package_digest", "style_name", "channel", "territory"],
    ):
        op.create_index(f"ix_outputs_{'_'.join(columns)}", "outputs", columns)
    for name, those, *columns in (
        ("unreviewed", "reviews = 0", "published_at", "ordinal"),
        ("with_mark", "has_mark", "published_at", "ordinal"),
        ("unlabelled", "NOT ai_label", "published_at", "ordinal"),
        ("dropped", "inbound = 'dropped'", "published_at", "ordinal"),
        ("without_consent", "consent = '' AND shows_person IS NOT FALSE", "published_at", "ordinal"),
        ("never_checked", "checked_at IS NULL", "published_at", "ordinal"),
        ("credentials", "credentials <> 'valid'", "credentials", "ordinal"),
        ("found", "found <> 'same'", "found", "ordinal"),
        ("retain_until", "state = 'live'", "retain_until", "ordinal"),
    ):
        only = sa.text(those)
        op.create_index(f"ix_outputs_{name}", "outputs", columns, sqlite_where=only, postgresql_where=only)


def _fingerprint_bands() -> None:
    op.create_table(
        "fingerprint_bands",
        sa.Column("band", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("output", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["output"], ["outputs.ordinal"], name="fk_fingerprint_bands_output"),
        sa.PrimaryKeyConstraint("band", "value", "output", name="pk_fingerprint_bands"),
    )


def _recalls() -> None:
    op.create_table(
        "recalls",
        sa.Column("recall_id", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ordered_by", sa.Text(), nullable=False),
        sa.Column("ordered_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("recall_id", name="pk_recalls"),
    )


def _legal_holds() -> None:
    op.create_table(
        "legal_holds",
        sa.Column("hold_id", sa.String(40), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_at", INSTANT, nullable=False),
        sa.Column("review_on", sa.Date(), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("hold_id", name="pk_legal_holds"),
    )


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("development", sa.Boolean(), nullable=False),
        sa.Column("not_before", INSTANT, nullable=True),
        sa.Column("not_after", INSTANT, nullable=True),
        sa.Column("first_used_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("revoked_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_certificates"),
    )
    op.create_index("ix_certificates_not_after", "certificates", ["not_after"])


def _usage() -> None:
    op.create_table(
        "usage",
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("style_name", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("pictures", BIG, nullable=False),
        sa.Column("busy_ms", BIG, nullable=False),
        sa.Column("energy_j", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_usage_run_id"),
        sa.PrimaryKeyConstraint("run_id", "style_name", "device", name="pk_usage"),
    )
    op.create_index("ix_usage_at", "usage", ["at"])
    op.create_index("ix_usage_campaign_at", "usage", ["campaign", "at"])
    op.create_index("ix_usage_style_name_at", "usage", ["style_name", "at"])


def _runs() -> None:
    op.add_column("runs", sa.Column("policy_digest", DIGEST, nullable=True))


def _reviews() -> None:
    op.add_column("reviews", sa.Column("held_at", INSTANT, nullable=True))
    op.add_column("reviews", sa.Column("batch", sa.String(40), nullable=True))
    op.add_column("reviews", sa.Column("own", sa.Boolean(), nullable=False, server_default=sa.text("FALSE")))
    # Names were kept as given; told apart as far as a database can.
    asked_by = "(SELECT lower(asked_by) FROM items WHERE items.item_id = reviews.item_id)"
    op.execute(f"UPDATE reviews SET own = TRUE WHERE lower(reviewer) = {asked_by}")
    op.create_index("ix_reviews_at_ordinal", "reviews", ["at", "ordinal"])
    own = sa.text("own")
    op.create_index("ix_reviews_own", "reviews", ["at", "ordinal"], sqlite_where=own, postgresql_where=own)
