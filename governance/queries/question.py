"""What a question of the audit is, what it can be asked with, and what an answer looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from governance.queries.paging import Leg, Row
from stylecore.data import Digest


@dataclass(frozen=True, slots=True)
class WantedStyle:
    """A style by its name, or one version of it."""

    name: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class DigestRange:
    """All digests that begin as somebody typed it."""

    low: Digest
    high: Digest


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is asked with, checked. Days are days in UTC, and both ends count."""

    today: date
    since: date | None = None
    until: date | None = None
    at: datetime | None = None
    days: int | None = None
    style: WantedStyle | None = None
    package: DigestRange | None = None
    digest: DigestRange | None = None
    asset: str | None = None
    licence: str | None = None
    holder: str | None = None
    person: str | None = None
    campaign: str | None = None
    rule: str | None = None
    event: int | None = None

    @property
    def on(self) -> date:
        """The day that is looked at: today, or the one asked about."""
        return self.today if self.at is None else self.at.date()


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """One question. It is answered leg by leg; ``needs`` names parameters of which one must be given."""

    number: int
    name: str
    text: str
    columns: tuple[str, ...]
    parameters: tuple[str, ...]
    legs: Callable[[Connection, Asked], Iterable[Leg]]
    needs: tuple[str, ...] = ()
    notes: Callable[[Connection, Asked], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One page. ``next`` asks for the page after it, ``notes`` (on the first page) say what rows cannot."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    next: str | None
    notes: tuple[str, ...] = ()
