"""Questions about what has to be kept up: certificates, retention and holds, and what it all cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, case, func, select, text

from governance.legal_holds import Hold, Holdable, open_holds
from governance.queries.output_rows import between_days, end_of, filters
from governance.queries.paging import Leg, Selected, Told
from governance.queries.question import Asked, AuditQuestion
from governance.tables.outputs import LIVE, OUTPUTS, CertificateRow, OutputRow, UsageRow

_EXPIRY_DAYS = 30
_COST_DAYS = 366


def _certificates(connection: Connection, asked: Asked) -> Iterator[Leg]:
    signed = select(func.count()).where(OutputRow.certificate == CertificateRow.fingerprint).scalar_subquery()
    wanted = select(
        CertificateRow.fingerprint,
        CertificateRow.purpose,
        CertificateRow.subject,
        CertificateRow.development,
        CertificateRow.first_used_at,
        CertificateRow.not_after,
        CertificateRow.revoked_at,
        CertificateRow.revoked_why,
        signed,
    )
    soon = end_of(asked.on + timedelta(days=_EXPIRY_DAYS if asked.days is None else asked.days))
    yield Selected("1", wanted, (CertificateRow.fingerprint,), partial(_certificate_row, end_of(asked.on), soon))


def _certificate_row(today: datetime, soon: datetime, row: Sequence[Any]) -> Sequence[Any]:
    fingerprint, purpose, subject, development, used, not_after, revoked, why, files = row
    stands = "in use"
    if not_after is not None and not_after <= soon:
        stands = "expired" if not_after < today else "expires soon"
    stands = stands if revoked is None else "revoked"
    name = f"{subject} (development)" if development else subject
    return fingerprint, purpose, name, stands, used, not_after, revoked, why, files


def _retention(connection: Connection, asked: Asked) -> Iterator[Leg]:
    """Files whose time is over, each with what forbids to remove it; and the holds that somebody has to look at."""
    last = asked.on + timedelta(days=asked.days or 0)
    holds = open_holds(connection)
    due = select(OUTPUTS).where(text(LIVE), OutputRow.retain_until <= last, *filters(asked))
    yield Selected("1", due, (OutputRow.retain_until, OutputRow.ordinal), partial(_due_row, holds))
    yield Told("2", [_hold_row(hold) for hold in holds if hold.review_on is not None and hold.review_on <= last])


def _due_row(holds: Sequence[Hold], values: Sequence[Any]) -> Sequence[Any]:
    row = dict(zip(OUTPUTS.c.keys(), values, strict=True))
    held = Holdable.of(row)
    by = ", ".join(hold.hold_id for hold in holds if hold.covers(held))
    return "retention ended", row["uri"], row["retain_until"], by, f"item:{row['item_id']}"


def _hold_row(hold: Hold) -> Sequence[Any]:
    return "hold to be reviewed", f"{hold.scope} {hold.of}: {hold.why}", hold.review_on, hold.hold_id, hold.placed_by


def _cost(connection: Connection, asked: Asked) -> Iterator[Leg]:
    until = asked.until or asked.today
    asked = replace(asked, until=until, since=asked.since or until - timedelta(days=_COST_DAYS))
    on_gpu = UsageRow.device.not_like("cpu%")
    wanted = (
        select(
            UsageRow.campaign,
            UsageRow.style_name,
            func.sum(UsageRow.pictures),
            func.sum(case((on_gpu, 0), else_=UsageRow.busy_ms)),
            func.sum(case((on_gpu, UsageRow.busy_ms), else_=0)),
            func.sum(UsageRow.energy_j),
            func.sum(case((UsageRow.energy_j.is_(None), UsageRow.pictures), else_=0)),
        )
        .where(*between_days(UsageRow.at, asked))
        .group_by(UsageRow.campaign, UsageRow.style_name)
    )
    if asked.campaign is not None:
        wanted = wanted.where(UsageRow.campaign == asked.campaign)
    if asked.style is not None:
        wanted = wanted.where(UsageRow.style_name == asked.style.name)
    yield Selected("1", wanted, (UsageRow.campaign, UsageRow.style_name), _cost_row)


def _cost_row(row: Sequence[Any]) -> Sequence[Any]:
    """Sums come as decimals from some databases. Energy that nobody measured is not zero."""
    campaign, style, pictures, cpu_ms, gpu_ms, joules, unmeasured = row
    energy = None if joules is None else int(joules)
    return campaign, style, int(pictures), int(cpu_ms) / 1000, int(gpu_ms) / 1000, energy, int(unmeasured)


UPKEEP_QUESTIONS = (
    AuditQuestion(
        21,
        "certificates",
        f"Which certificates and keys were used, which expire soon (in {_EXPIRY_DAYS} days, or `days`) or were "
        "revoked, and how many files did each sign?",
        (*("certificate", "signs", "subject", "stands", "first used", "expires", "revoked", "why"), "files"),
        ("days", "at"),
        _certificates,
    ),
    AuditQuestion(
        22,
        "retention",
        "Which live files have been kept as long as they should (by now, or in `days`), which of them does a legal "
        "hold keep, and which holds are due to be looked at?",
        ("what", "of", "due", "hold", "about"),
        ("days", "at", "campaign", "style"),
        _retention,
    ),
    AuditQuestion(
        24,
        "cost",
        f"What did each campaign and style cost (in the last {_COST_DAYS} days, or since `since`): pictures, seconds "
        "of work, and energy where it was measured?",
        ("campaign", "style", "pictures", "cpu s", "gpu s", "energy J", "pictures without measured energy"),
        ("since", "until", "campaign", "style"),
        _cost,
    ),
)
