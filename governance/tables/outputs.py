"""What left the house: published files with all they rest on, how they are found again, recalled, held and paid for."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from governance.tables.base import Base, Counter, Ordinal, table_of
from stylecore.data import Digest

UNREVIEWED = "reviews = 0"
WITH_MARK = "has_mark"
UNLABELLED = "NOT ai_label"
CREDENTIALS_DROPPED = "inbound = 'dropped'"
WITHOUT_CONSENT = "consent = '' AND shows_person IS NOT FALSE"
NEVER_CHECKED = "checked_at IS NULL"
CREDENTIALS_AMISS = "credentials <> 'valid'"
FOUND_AMISS = "found <> 'same'"
LIVE = "state = 'live'"
"""What partial indices hold. A statement has to say the same in the same words, or the index is not used."""


def _only(name: str, those: str, *columns: str) -> Index:
    return Index(f"ix_outputs_{name}", *columns, sqlite_where=text(those), postgresql_where=text(those))


class OutputRow(Base):
    """One published file, and the facts of the moment it was published: what later changes is compared with these."""

    __tablename__ = "outputs"
    ordinal: Mapped[Ordinal]
    item_id: Mapped[Digest] = mapped_column(ForeignKey("items.item_id"), unique=True)
    published_at: Mapped[datetime]
    published_by: Mapped[str]
    asked_by: Mapped[str]
    run_id: Mapped[str | None] = mapped_column(String(40))
    campaign: Mapped[str]
    store: Mapped[str]
    key: Mapped[str]
    asset_digest: Mapped[Digest]
    asset_class: Mapped[str]
    asset_licence: Mapped[str]
    rights_until: Mapped[date | None]
    style_name: Mapped[str]
    style_version: Mapped[int]
    package_digest: Mapped[Digest]
    style_licence: Mapped[str]
    style_until: Mapped[date | None]
    policy_digest: Mapped[Digest]
    channel: Mapped[str]
    territory: Mapped[str]
    shows_person: Mapped[bool | None]
    consent: Mapped[str]
    consent_until: Mapped[date | None]
    has_mark: Mapped[bool]
    """A logo or a trademark is declared or was found in the picture."""
    reviews: Mapped[int]
    """How many people said yes; none: it was approved by its scores alone."""
    destination: Mapped[str]
    uri: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[Counter]
    rendition_digest: Mapped[Digest]
    output_digest: Mapped[Digest]
    statement_digest: Mapped[Digest]
    certificate: Mapped[str] = mapped_column(String(64))
    stamped: Mapped[bool]
    ai_label: Mapped[bool]
    inbound: Mapped[str] = mapped_column(String(16))
    """What became of content credentials in the source: ``none`` were there, ``kept`` as ingredient, ``dropped``."""
    fingerprint: Mapped[str | None] = mapped_column(String(16))
    retain_until: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(16))
    """``live`` or ``withdrawn``."""
    withdrawn_at: Mapped[datetime | None]
    recall_id: Mapped[str | None] = mapped_column(String(40))
    checked_at: Mapped[datetime | None]
    found: Mapped[str | None] = mapped_column(String(16))
    """What the last look found: ``same``, ``changed``, ``missing``, ``unreadable``."""
    found_digest: Mapped[Digest | None]
    credentials: Mapped[str | None] = mapped_column(String(16))
    """What the last look found of the signature: ``valid``, ``invalid``, ``missing``."""
    credentials_why: Mapped[str | None]

    __table_args__ = (
        Index(None, "published_at", "ordinal"),
        Index(None, "style_name", "published_at"),
        Index(None, "package_digest", "style_name", "state", "ordinal"),
        Index(None, "style_licence", "state", "ordinal"),
        Index(None, "asset_licence", "state", "ordinal"),
        Index(None, "consent", "state", "ordinal"),
        Index(None, "asset_digest"),
        Index(None, "key"),
        Index(None, "output_digest"),
        Index(None, "rendition_digest"),
        Index(None, "campaign", "ordinal"),
        Index(None, "certificate", "ordinal"),
        # Published after a right had ended: by the licence on record, and by the end that was known then.
        Index(None, "style_licence", "published_at"),
        Index(None, "asset_licence", "published_at"),
        Index(None, "consent", "published_at"),
        Index(None, "style_until", "published_at"),
        Index(None, "rights_until", "published_at"),
        Index(None, "consent_until", "published_at"),
        # Which licences were used where: few combinations, found by leaping from one to the next.
        Index(None, "asset_licence", "channel", "territory"),
        Index(None, "package_digest", "style_name", "channel", "territory"),
        # What an auditor asks for is rare: an index of only those rows is small, and a question asks no others.
        _only("unreviewed", UNREVIEWED, "published_at", "ordinal"),
        _only("with_mark", WITH_MARK, "published_at", "ordinal"),
        _only("unlabelled", UNLABELLED, "published_at", "ordinal"),
        _only("dropped", CREDENTIALS_DROPPED, "published_at", "ordinal"),
        _only("without_consent", WITHOUT_CONSENT, "published_at", "ordinal"),
        _only("never_checked", NEVER_CHECKED, "published_at", "ordinal"),
        _only("credentials", CREDENTIALS_AMISS, "credentials", "ordinal"),
        _only("found", FOUND_AMISS, "found", "ordinal"),
        _only("retain_until", LIVE, "retain_until", "ordinal"),
    )


class FingerprintBandRow(Base):
    """A part of a published picture's perceptual hash: near pictures share at least one part."""

    __tablename__ = "fingerprint_bands"
    band: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    output: Mapped[int] = mapped_column(Integer, ForeignKey("outputs.ordinal"), primary_key=True, autoincrement=False)


class RecallRow(Base):
    """Somebody ordered that what was made with a style, under a licence, of an asset or an artist be taken back."""

    __tablename__ = "recalls"
    recall_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    scope: Mapped[str] = mapped_column(String(16))
    of: Mapped[str]
    why: Mapped[str]
    ordered_by: Mapped[str]
    ordered_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When nothing that it reaches was live any more."""
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    """Until then nothing that it reaches is planned or published anew."""


class LegalHoldRow(Base):
    """Nothing in its scope may be removed while it lasts."""

    __tablename__ = "legal_holds"
    hold_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    scope: Mapped[str] = mapped_column(String(16))
    of: Mapped[str]
    why: Mapped[str]
    placed_by: Mapped[str]
    placed_at: Mapped[datetime]
    review_on: Mapped[date | None]
    released_by: Mapped[str | None]
    released_at: Mapped[datetime | None]


class CertificateRow(Base):
    """A certificate that files were signed with here, or a key that checkpoints were."""

    __tablename__ = "certificates"
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str]
    issuer: Mapped[str]
    development: Mapped[bool]
    not_before: Mapped[datetime | None]
    not_after: Mapped[datetime | None]
    first_used_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_why: Mapped[str | None]

    __table_args__ = (Index(None, "not_after"),)


class UsageRow(Base):
    """What a run cost on one device for one style: pictures, seconds of work, and joules where they are measured."""

    __tablename__ = "usage"
    run_id: Mapped[str] = mapped_column(String(40), ForeignKey("runs.run_id"), primary_key=True)
    style_name: Mapped[str] = mapped_column(primary_key=True)
    device: Mapped[str] = mapped_column(primary_key=True)
    campaign: Mapped[str]
    at: Mapped[datetime]
    pictures: Mapped[Counter]
    busy_ms: Mapped[Counter]
    energy_j: Mapped[int | None]

    __table_args__ = (Index(None, "at"), Index(None, "campaign", "at"), Index(None, "style_name", "at"))


OUTPUTS, FINGERPRINT_BANDS = map(table_of, (OutputRow, FingerprintBandRow))
RECALLS, LEGAL_HOLDS = map(table_of, (RecallRow, LegalHoldRow))
CERTIFICATES, USAGE = map(table_of, (CertificateRow, UsageRow))
