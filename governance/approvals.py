"""Style approvals: the allowlist. An approval pins the digest of a package; an alias elsewhere is only a label."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from governance import approval_notes, evaluations, ledger
from governance.approval_rules import Basis, BreakGlass, Standard, require_basis
from governance.db import Database
from governance.errors import IntegrityError, PolicyError, UsageError
from governance.events import EventKind, NewEvent, style_subject
from governance.licences import earliest_end
from governance.plain_text import made_plain, require_plain
from governance.policy_question import StyleTerms
from governance.signed_notes import NoteSigner, NoteVerifier
from governance.tables.base import instant_text
from governance.tables.rights import STYLE_APPROVALS, StyleApprovalRow
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


def approve(
    db: Database,
    style: StyleRef,
    terms: Terms,
    actor: str,
    *,
    signer: NoteSigner,
    standard: Standard,
    emergency: BreakGlass | None = None,
    now: datetime | None = None,
) -> Approval:
    """Allows a style version under these terms, or changes its terms. The same again changes and records nothing.

    What it rests on is looked at in the transaction that gives it. ``standard`` is that in force here. An emergency
    sets the gates and the second person aside, not the rights, and ends by itself.
    """
    actor, at = require_plain(actor, "the approver"), now or datetime.now(UTC)
    if emergency is not None:
        emergency.require_short(at.date())
        terms = replace(terms, valid_until=earliest_end(terms.valid_until, emergency.until))
    with db.write() as connection:
        before = _find(connection, style.name, style.version)
        if before is not None:
            _require_approvable(before, style)
            if before.terms == terms and emergency is None and _stands(connection, before, signer.verifier):
                return before
        basis = require_basis(
            connection, style, terms.licence_id, actor, standard=standard, on=at.date(), emergency=emergency
        )
        approval = Approval(style, terms, actor, at, ApprovalState.APPROVED)
        _replace(connection, approval)
        told = {**_told(approval), **_rests_on(basis)}
        if emergency is not None:
            ledger.append(connection, [_broken_glass(approval, emergency, told["set_aside"])], at=at)
        said = {**told, **_signed_of(approval), "event": approval_notes.next_event(connection)}
        body = {**told, "note": approval_notes.signed(signer, said)}
        ledger.append(connection, [NewEvent(EventKind.STYLE_APPROVED, actor, style_subject(style), body)], at=at)
    return approval


def _stands(connection: Connection, approval: Approval, verifier: NoteVerifier) -> bool:
    """Whether nothing would be new in giving it again. One that was given in an emergency is worth giving properly."""
    if approval.state is not ApprovalState.APPROVED:
        return False
    try:
        said = approval_notes.standing(connection, approval.style, verifier)
        approval_notes.require_same(approval.style, _signed_of(approval), said)
    except IntegrityError:
        return False
    return not said.get("set_aside")


def _broken_glass(approval: Approval, emergency: BreakGlass, set_aside: Sequence[str]) -> NewEvent:
    told = {"why": emergency.why, "until": emergency.until.isoformat(), "set_aside": list(set_aside)}
    return NewEvent(EventKind.BREAK_GLASS, approval.approved_by, style_subject(approval.style), told)


def _rests_on(basis: Basis) -> dict[str, Any]:
    found = basis.evaluation
    named = {} if found is None else {**evaluations.evidence(found), "passed": found.passed}
    return {**named, "set_aside": [reason.code for reason in basis.set_aside]}


def require_signed(db: Database, approval: Approval, verifier: NoteVerifier) -> None:
    """Raises an ``IntegrityError`` unless the ledger's last word on the version is an approval that says just this,
    signed with this key. Whoever can only write to the database cannot make one."""
    with db.read() as connection:
        said = approval_notes.standing(connection, approval.style, verifier)
    approval_notes.require_same(approval.style, _signed_of(approval), said)


def current(db: Database, name: str, version: int | None = None) -> Approval | None:
    """The approval in force of that version, or else the one most recently given for that style. Whether its licence
    still holds today is policy's question."""
    found = [each for each in all_current(db, name=name) if version is None or each.style.version == version]
    return max(found, key=_by_time, default=None)


def find(db: Database, name: str, version: int) -> Approval | None:
    """The approval of a version whatever became of it."""
    with db.read() as connection:
        return _find(connection, name, version)


def all_current(db: Database, *, name: str | None = None) -> tuple[Approval, ...]:
    """Everything that is allowed now, by name and version."""
    with db.read() as connection:
        return _in_force(connection, name)


def _in_force(connection: Connection, name: str | None) -> tuple[Approval, ...]:
    wanted = select(STYLE_APPROVALS).where(StyleApprovalRow.state == ApprovalState.APPROVED)
    if name is not None:
        wanted = wanted.where(StyleApprovalRow.name == name)
    wanted = wanted.order_by(StyleApprovalRow.name, StyleApprovalRow.version)
    return tuple(_approval(row) for row in connection.execute(wanted).mappings())


def _by_time(approval: Approval) -> tuple[datetime, int]:
    return approval.approved_at, approval.style.version


def retire(db: Database, name: str, version: int, actor: str, why: str) -> Approval:
    return _withdraw(db, name, version, actor, why, ApprovalState.RETIRED, EventKind.STYLE_RETIRED)


def revoke(db: Database, name: str, version: int, actor: str, why: str) -> Approval:
    """Takes effect at once and for good: ``current`` no longer knows it, and it cannot be approved again."""
    return _withdraw(db, name, version, actor, why, ApprovalState.REVOKED, EventKind.STYLE_REVOKED)


def roll_back(db: Database, name: str, actor: str, why: str) -> tuple[Approval, Approval]:
    """Withdraws the approval in force and so returns to the one given before it; both, the withdrawn one first."""
    why = require_plain(why, "the reason", max_chars=500)
    with db.write() as connection:
        *_, earlier, latest = (None, None, *sorted(_in_force(connection, name), key=_by_time))
        if latest is None or earlier is None:
            what = "approved in no version" if latest is None else f"approved in no version but v{latest.style.version}"
            raise PolicyError(
                f"{made_plain(name, 60)} is {what}",
                "an earlier approval to return to",
                f"`restyle styles approve {made_plain(name, 60)} --version N` approves another version",
            )
        _set_state(connection, latest.style, ApprovalState.RETIRED)
        told = {
            "package_digest": latest.style.package_digest,
            "to_version": earlier.style.version,
            "to_package_digest": earlier.style.package_digest,
            "why": why,
        }
        ledger.append(connection, [NewEvent(EventKind.STYLE_ROLLED_BACK, actor, style_subject(latest.style), told)])
    return replace(latest, state=ApprovalState.RETIRED), earlier


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
        _set_state(connection, before.style, state)
        told = {"package_digest": before.style.package_digest, "why": why}
        ledger.append(connection, [NewEvent(kind, actor, style_subject(before.style), told)])
    return replace(before, state=state)


def _set_state(connection: Connection, style: StyleRef, state: ApprovalState) -> None:
    this = (StyleApprovalRow.name == style.name, StyleApprovalRow.version == style.version)
    connection.execute(update(STYLE_APPROVALS).where(*this).values(state=str(state)))


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


def _signed_of(approval: Approval) -> dict[str, Any]:
    """All that the present state says of an approval, as it is signed."""
    style = approval.style
    return {
        **_told(approval),
        "style": style.name,
        "version": style.version,
        "approved_by": approval.approved_by,
        "approved_at": instant_text(approval.approved_at),
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
