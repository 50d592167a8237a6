"""The certificates and keys that were used here: since when, until when, and which of them are not to be used any more.

A revocation here stops this house from signing with a certificate. What verifiers elsewhere believe is decided by its
issuer, who has to be told as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from governance import ledger
from governance.db import Database
from governance.errors import PolicyError, UsageError
from governance.events import EventKind, NewEvent, certificate_subject
from governance.plain_text import made_plain, require_plain
from governance.tables.outputs import CERTIFICATES, OUTPUTS, CertificateRow, OutputRow

if TYPE_CHECKING:
    from governance.provenance.identity import SigningIdentity
    from governance.signed_notes import NoteVerifier

Purpose = Literal["files", "checkpoints"]
_MAX_NAME_CHARS = 500
_LEAST_PREFIX_CHARS = 4


@dataclass(frozen=True, slots=True)
class Certificate:
    """What can be known of a certificate, or of a key (which has no issuer and does not expire)."""

    fingerprint: str
    purpose: Purpose
    subject: str
    issuer: str
    development: bool
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """A certificate that was used here, how often, and whether somebody forbade it since."""

    certificate: Certificate
    first_used_at: datetime
    revoked_at: datetime | None
    revoked_why: str | None
    outputs: int


def of_identity(identity: SigningIdentity) -> Certificate:
    """Names in a certificate are its issuer's words: kept, but made plain."""
    return Certificate(
        identity.fingerprint,
        "files",
        made_plain(identity.subject, _MAX_NAME_CHARS),
        made_plain(identity.issuer, _MAX_NAME_CHARS),
        identity.is_development,
        identity.certificate.not_valid_before_utc,
        identity.expires_on,
    )


def of_key(verifier: NoteVerifier) -> Certificate:
    from hashlib import sha256

    return Certificate(
        sha256(verifier.public).hexdigest(), "checkpoints", f"Ed25519 key {verifier}", "", False, None, None
    )


def note_used(db: Database, certificate: Certificate, actor: str) -> None:
    """Before something is signed: the ledger learns of a certificate once, and one that was revoked is refused."""
    with db.read() as connection:
        row = _find(connection, certificate.fingerprint)
    if row is None:
        row = _first_used(db, certificate, actor)
    if row is not None and row["revoked_at"] is not None:
        raise PolicyError(
            f"the certificate {certificate.fingerprint[:12]} was revoked on {row['revoked_at']:%Y-%m-%d}: "
            f"{row['revoked_why']}",
            "one that was not",
            "Set RESTYLE_SIGNING_CERTIFICATE and RESTYLE_SIGNING_KEY to another; nothing was signed.",
        )


def revoke(db: Database, prefix: str, actor: str, why: str, *, now: datetime | None = None) -> Known:
    """Nothing is signed with it from now on. What it signed before stays as it is, and can be listed."""
    why = require_plain(why, "the reason", max_chars=500)
    actor = require_plain(actor, "the actor")
    with db.write() as connection:
        row = _single(connection, prefix)
        if row["revoked_at"] is not None:
            raise PolicyError(
                f"the certificate {row['fingerprint'][:12]} was revoked on {row['revoked_at']:%Y-%m-%d} already",
                "one that was not",
            )
        at = now or datetime.now(UTC)
        this = CertificateRow.fingerprint == row["fingerprint"]
        connection.execute(update(CERTIFICATES).where(this).values(revoked_at=at, revoked_why=why))
        told = {"why": why, "subject": row["subject"]}
        event = NewEvent(EventKind.CERTIFICATE_REVOKED, actor, certificate_subject(row["fingerprint"]), told)
        ledger.append(connection, [event], at=now)
        return _known(connection, {**row, "revoked_at": at, "revoked_why": why})


def all_used(db: Database) -> tuple[Known, ...]:
    """Every certificate and key that was used here, the first one first."""
    wanted = select(CERTIFICATES).order_by(CertificateRow.first_used_at, CertificateRow.fingerprint)
    with db.read() as connection:
        return tuple(_known(connection, row) for row in connection.execute(wanted).mappings().all())


def _first_used(db: Database, certificate: Certificate, actor: str) -> Mapping[Any, Any] | None:
    """Two that are first at once: the one who waits for the pen finds the other's row."""
    with db.write() as connection:
        if (row := _find(connection, certificate.fingerprint)) is not None:
            return row
        at = datetime.now(UTC)
        blank = {"first_used_at": at, "revoked_at": None, "revoked_why": None}
        connection.execute(insert(CERTIFICATES), {**asdict(certificate), **blank})
        told = {
            "purpose": certificate.purpose,
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "development": certificate.development,
            "not_after": None if certificate.not_after is None else certificate.not_after.isoformat(),
        }
        event = NewEvent(EventKind.CERTIFICATE_USED, actor, certificate_subject(certificate.fingerprint), told)
        ledger.append(connection, [event])
    return None


def _find(connection: Connection, fingerprint: str) -> Mapping[Any, Any] | None:
    wanted = select(CERTIFICATES).where(CertificateRow.fingerprint == fingerprint)
    return connection.execute(wanted).mappings().one_or_none()


def _single(connection: Connection, prefix: str) -> Mapping[Any, Any]:
    prefix = prefix.strip().lower()
    if len(prefix) < _LEAST_PREFIX_CHARS or not all(digit in "0123456789abcdef" for digit in prefix):
        raise UsageError(f"{made_plain(prefix, 80)!r} as a fingerprint", "4 to 64 hex digits, its beginning")
    wanted = select(CERTIFICATES).where(CertificateRow.fingerprint.startswith(prefix)).limit(2)
    rows = connection.execute(wanted).mappings().all()
    if len(rows) != 1:
        what = "no certificate has" if not rows else "more than one certificate has"
        raise UsageError(
            f"{what} a fingerprint that begins {prefix[:64]!r}", "one that was used", "`restyle keys list`"
        )
    return rows[0]


def _known(connection: Connection, row: Mapping[Any, Any]) -> Known:
    signed = select(func.count()).where(OutputRow.certificate == row["fingerprint"]).select_from(OUTPUTS)
    own = {name: row[name] for name in Certificate.__slots__}
    count = connection.execute(signed).scalar_one()
    return Known(Certificate(**own), row["first_used_at"], row["revoked_at"], row["revoked_why"], count)
