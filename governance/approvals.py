"""Style approvals: the allowlist. An approval pins the digest of a package; an alias elsewhere is only a label."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from governance import ledger
from governance.db import Database
from governance.errors import IntegrityError, PolicyError, UsageError
from governance.events import EventKind, NewEvent, style_subject
from governance.plain_text import made_plain, require_plain
from governance.policy_question import StyleTerms
from governance.tables.rights import STYLE_APPROVALS, StyleApprovalRow
from governance.tables.work import EventRow
from stylecore.data import Digest, StyleRef, canonical_json

ANY = "*"
"""In a set of classes, channels or territories: all of them."""


class ApprovalState(StrEnum):
    APPROVED = "approved"
    RETIRED = "retired"
    """No longer to be used; may be approved again."""
    REVOKED = "revoked"
    """Never to be used again."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which licence a style may be used, until when (``None``: no end), on what, and where."""

    licence_id: str
    licence_holder: str
    valid_until: date | None
    asset_classes: frozenset[str]
    channels: frozenset[str]
    territories: frozenset[str]

    def __post_init__(self) -> None:
        require_plain(self.licence_id, "the licence")
        require_plain(self.licence_holder, "the licence's holder")
        for name in ("asset_classes", "channels", "territories"):
            for word in getattr(self, name):
                require_plain(word, f"one of {name}", max_chars=100)
            if not getattr(self, name):
                raise UsageError(f"an approval for no {name}", f'some, or "{ANY}" for any')


@dataclass(frozen=True, slots=True)
class Approval:
    """A style version that somebody allowed, or once did."""

    style: StyleRef
    terms: Terms
    approved_by: str
    approved_at: datetime
    state: ApprovalState

    def for_policy(self) -> StyleTerms:
        """What the policy wants to know of it."""
        return StyleTerms(
            style=self.style,
            approved=self.state is ApprovalState.APPROVED,
            licence=self.terms.licence_id,
            valid_until=self.terms.valid_until,
            asset_classes=self.terms.asset_classes,
            channels=self.terms.channels,
            territories=self.terms.territories,
        )


def approve(db: Database, style: StyleRef, terms: Terms, actor: str) -> Approval:
    """Allows a style version under these terms, or changes its terms. The same again changes and records nothing."""
    actor = require_plain(actor, "the approver")
    with db.write() as connection:
        before = _find(connection, style.name, style.version)
        if before is not None:
            _require_approvable(before, style)
            if before.state is ApprovalState.APPROVED and before.terms == terms:
                return before
        approval = Approval(style, terms, actor, datetime.now(UTC), ApprovalState.APPROVED)
        _replace(connection, approval)
        event = NewEvent(EventKind.STYLE_APPROVED, actor, style_subject(style), _told(approval))
        ledger.append(connection, [event])
    return approval


def current(db: Database, name: str, version: int | None = None) -> Approval | None:
    """The approval in force of that version, or else the one most recently given for that style. Whether its licence
    still holds today is policy's question."""
    found = [each for each in all_current(db, name=name) if version is None or each.style.version == version]
    return max(found, key=lambda each: (each.approved_at, each.style.version), default=None)


def find(db: Database, name: str, version: int) -> Approval | None:
    """The approval of a version whatever became of it."""
    with db.read() as connection:
        return _find(connection, name, version)


def all_current(db: Database, *, name: str | None = None) -> tuple[Approval, ...]:
    """Everything that is allowed now, by name and version."""
    wanted = select(STYLE_APPROVALS).where(StyleApprovalRow.state == ApprovalState.APPROVED)
    if name is not None:
        wanted = wanted.where(StyleApprovalRow.name == name)
    wanted = wanted.order_by(StyleApprovalRow.name, StyleApprovalRow.version)
    with db.read() as connection:
        return tuple(_approval(row) for row in connection.execute(wanted).mappings())


def retire(db: Database, name: str, version: int, actor: str, why: str) -> Approval:
    return _withdraw(db, name, version, actor, why, ApprovalState.RETIRED, EventKind.STYLE_RETIRED)


def revoke(db: Database, name: str, version: int, actor: str, why: str) -> Approval:
    """Takes effect at once and for good: ``current`` no longer knows it, and it cannot be approved again."""
    return _withdraw(db, name, version, actor, why, ApprovalState.REVOKED, EventKind.STYLE_REVOKED)


def record_registered(db: Database, style: StyleRef, actor: str) -> bool:
    """The ledger learns of a style version once; ``False`` when it knew."""
    subject = style_subject(style)
    known = select(EventRow.seq).where(EventRow.subject == subject, EventRow.kind == EventKind.STYLE_REGISTERED)
    with db.write() as connection:
        if connection.execute(known.limit(1)).first() is not None:
            return False
        told = {"package_digest": style.package_digest}
        ledger.append(connection, [NewEvent(EventKind.STYLE_REGISTERED, actor, subject, told)])
    return True


def record_mismatch(db: Database, style: StyleRef, found: str, actor: str, *, run_id: str | None = None) -> None:
    """What the registry holds for an approved version is not what was approved. It is not used, and it is told."""
    told = {"approved": style.package_digest, "found": made_plain(found, 200)}
    if run_id is not None:
        told["run"] = run_id
    with db.write() as connection:
        event = NewEvent(EventKind.STYLE_DIGEST_MISMATCH, actor, style_subject(style), told)
        ledger.append(connection, [event])


def _require_approvable(before: Approval, style: StyleRef) -> None:
    if before.style.package_digest != style.package_digest:
        raise IntegrityError(
            f"{style} has package {style.package_digest.short}",
            f"{before.style.package_digest.short}, which was approved under that number",
            "Register the changed package as a new version.",
        )
    if before.state is ApprovalState.REVOKED:
        raise PolicyError(f"{style} was revoked", "a version that was not", "Register and approve a new version.")


def _withdraw(
    db: Database, name: str, version: int, actor: str, why: str, state: ApprovalState, kind: EventKind
) -> Approval:
    why = require_plain(why, "the reason", max_chars=500)
    allowed = {ApprovalState.APPROVED} if state is ApprovalState.RETIRED else set(ApprovalState) - {state}
    with db.write() as connection:
        before = _find(connection, name, version)
        if before is None or before.state not in allowed:
            stands = "not approved" if before is None else before.state
            raise PolicyError(f"{made_plain(name, 60)} v{version} is {stands}", " or ".join(sorted(allowed)))
        this = (StyleApprovalRow.name == name, StyleApprovalRow.version == version)
        connection.execute(update(STYLE_APPROVALS).where(*this).values(state=str(state)))
        told = {"package_digest": before.style.package_digest, "why": why}
        ledger.append(connection, [NewEvent(kind, actor, style_subject(before.style), told)])
    return Approval(before.style, before.terms, before.approved_by, before.approved_at, state)


def _find(connection: Connection, name: str, version: int) -> Approval | None:
    this = (StyleApprovalRow.name == name, StyleApprovalRow.version == version)
    row = connection.execute(select(STYLE_APPROVALS).where(*this)).mappings().one_or_none()
    return None if row is None else _approval(row)


def _replace(connection: Connection, approval: Approval) -> None:
    style, terms = approval.style, approval.terms
    this = (StyleApprovalRow.name == style.name, StyleApprovalRow.version == style.version)
    connection.execute(delete(STYLE_APPROVALS).where(*this))
    row = {
        "name": style.name,
        "version": style.version,
        "package_digest": style.package_digest,
        "licence_id": terms.licence_id,
        "licence_holder": terms.licence_holder,
        "valid_until": terms.valid_until,
        "asset_classes": _words_json(terms.asset_classes),
        "channels": _words_json(terms.channels),
        "territories": _words_json(terms.territories),
        "approved_by": approval.approved_by,
        "approved_at": approval.approved_at,
        "state": str(approval.state),
    }
    connection.execute(insert(STYLE_APPROVALS), row)


def _told(approval: Approval) -> dict[str, Any]:
    terms = approval.terms
    return {
        "package_digest": approval.style.package_digest,
        "licence": terms.licence_id,
        "holder": terms.licence_holder,
        "valid_until": None if terms.valid_until is None else terms.valid_until.isoformat(),
        "asset_classes": sorted(terms.asset_classes),
        "channels": sorted(terms.channels),
        "territories": sorted(terms.territories),
    }


def _words_json(words: Iterable[str]) -> str:
    return canonical_json(sorted(words)).decode()


def _approval(row: Mapping[Any, Any]) -> Approval:
    terms = Terms(
        licence_id=row["licence_id"],
        licence_holder=row["licence_holder"],
        valid_until=row["valid_until"],
        asset_classes=frozenset(json.loads(row["asset_classes"])),
        channels=frozenset(json.loads(row["channels"])),
        territories=frozenset(json.loads(row["territories"])),
    )
    style = StyleRef(row["name"], row["version"], Digest(row["package_digest"]))
    return Approval(style, terms, row["approved_by"], row["approved_at"], ApprovalState(row["state"]))
