"""What is allowed, by whom, on which evidence: approvals, evaluations, licences, the sources of a style, people."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from governance.tables.base import Base, Ordinal, table_of
from stylecore.data import Digest


class StyleApprovalRow(Base):
    """The allowlist: one row a style version, its history is in the ledger."""

    __tablename__ = "style_approvals"
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    package_digest: Mapped[Digest] = mapped_column(index=True)
    licence_id: Mapped[str]
    licence_holder: Mapped[str]
    valid_until: Mapped[date | None]
    asset_classes: Mapped[str]
    channels: Mapped[str]
    territories: Mapped[str]
    approved_by: Mapped[str]
    approved_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))

    __table_args__ = (Index(None, "name", "state", "approved_at"),)


class EvaluationRow(Base):
    """What a style version was measured to be, against which gates. The report is kept whole."""

    __tablename__ = "evaluations"
    ordinal: Mapped[Ordinal]
    style_name: Mapped[str]
    style_version: Mapped[int]
    package_digest: Mapped[Digest]
    gates_digest: Mapped[Digest]
    golden_digest: Mapped[Digest]
    passed: Mapped[bool]
    report: Mapped[str]
    evaluated_by: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "style_name", "style_version", "ordinal"), Index(None, "package_digest"))


class LicenceRow(Base):
    """A licence or a consent that is on record. What became of it, and what it said before, is in the ledger."""

    __tablename__ = "licences"
    licence_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    """``style``, ``picture``, ``training`` or ``consent`` (its holder is then the person)."""
    holder: Mapped[str]
    evidence_digest: Mapped[Digest | None]
    evidence: Mapped[str]
    """Where the document is kept."""
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    asset_classes: Mapped[str]
    channels: Mapped[str]
    territories: Mapped[str]
    exclusive: Mapped[bool]
    derivatives: Mapped[bool | None]
    ai_training: Mapped[bool | None]
    attribution: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    """``in force`` or ``withdrawn``."""
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]

    __table_args__ = (Index(None, "valid_until"), Index(None, "holder"), Index(None, "kind", "licence_id"))


class StyleSourceRow(Base):
    """What a style version was made from: a style image, training data, weights; under which licence, whose."""

    __tablename__ = "style_sources"
    ordinal: Mapped[Ordinal]
    style_name: Mapped[str]
    style_version: Mapped[int]
    package_digest: Mapped[Digest]
    role: Mapped[str] = mapped_column(String(24))
    digest: Mapped[Digest | None] = mapped_column(index=True)
    title: Mapped[str]
    source: Mapped[str]
    licence: Mapped[str] = mapped_column(index=True)
    holder: Mapped[str] = mapped_column(index=True)
    consent: Mapped[str]

    __table_args__ = (Index(None, "package_digest", "ordinal"), Index(None, "style_name", "style_version", "ordinal"))


class PersonRow(Base):
    """Somebody who may act here. ``folded`` is the name as it is compared: spelling it otherwise is nobody else."""

    __tablename__ = "people"
    folded: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    """``active`` or ``left``."""
    added_by: Mapped[str]
    added_at: Mapped[datetime]


class RoleRow(Base):
    __tablename__ = "roles"
    folded: Mapped[str] = mapped_column(ForeignKey("people.folded"), primary_key=True)
    role: Mapped[str] = mapped_column(String(24), primary_key=True)
    granted_by: Mapped[str]
    granted_at: Mapped[datetime]


STYLE_APPROVALS, EVALUATIONS = map(table_of, (StyleApprovalRow, EvaluationRow))
LICENCES, STYLE_SOURCES = map(table_of, (LicenceRow, StyleSourceRow))
PEOPLE, ROLES = map(table_of, (PersonRow, RoleRow))
