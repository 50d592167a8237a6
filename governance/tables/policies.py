"""What was decided by which rules: the texts of policies, the questions put to them, and the answers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from governance.tables.base import Base, Ordinal, table_of
from stylecore.data import Digest


class PolicyRow(Base):
    """A policy that was in force here at some time, with its whole text."""

    __tablename__ = "policies"
    digest: Mapped[Digest] = mapped_column(primary_key=True)
    files: Mapped[str]
    first_seen_at: Mapped[datetime]


class QuestionRow(Base):
    """What was asked, by the digest of its text: a thousand pictures of one kind ask one question."""

    __tablename__ = "questions"
    digest: Mapped[Digest] = mapped_column(primary_key=True)
    body: Mapped[str]


class VerdictRow(Base):
    """An answer as it was given. ``codes`` are the rules that permitted, or the reasons of a refusal."""

    __tablename__ = "verdicts"
    ordinal: Mapped[Ordinal]
    at: Mapped[datetime]
    item_id: Mapped[Digest]
    action: Mapped[str] = mapped_column(String(16))
    asked_on: Mapped[date]
    question_digest: Mapped[Digest]
    policy_digest: Mapped[Digest]
    permitted: Mapped[bool]
    codes: Mapped[str]

    __table_args__ = (Index(None, "at"), Index(None, "item_id", "ordinal"))


class RefusalRow(Base):
    """One reason of one refusal, so that refusals can be counted by the rule that made them."""

    __tablename__ = "refusals"
    ordinal: Mapped[Ordinal]
    at: Mapped[datetime]
    item_id: Mapped[Digest]
    action: Mapped[str] = mapped_column(String(16))
    code: Mapped[str]
    text: Mapped[str]
    campaign: Mapped[str]
    style_name: Mapped[str]

    __table_args__ = (Index(None, "code", "at"), Index(None, "at"))


POLICIES, QUESTIONS = map(table_of, (PolicyRow, QuestionRow))
VERDICTS, REFUSALS = map(table_of, (VerdictRow, RefusalRow))
