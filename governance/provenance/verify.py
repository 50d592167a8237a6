"""What a file can prove about itself. Whatever the file is, the answer is a value: hostile files are the normal case.

Two questions are kept apart. *Intact*: are these the very bytes that were signed? *Trusted*: does one of the given
anchors vouch for who signed them? Only both together make what the file says worth believing.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import c2pa
from cryptography import x509

from governance.provenance.carriers.formats import carrier_of, media_type_of
from governance.provenance.errors import CarrierError, IdentityError, StatementError
from governance.provenance.identity import DEVELOPMENT_MARK
from governance.provenance.manifest_store import our_manifest
from governance.provenance.statement import Statement
from governance.provenance.xmp import XmpClaim, read_xmp
from stylecore.data import Digest, Reason

FileState = Literal["unreadable", "no-credentials", "altered", "intact"]

GENERATOR = "restyle"
STATEMENT_ASSERTION = "org.restyle.statement"
_UNTRUSTED = "signingCredential.untrusted"
_BROKEN_TIME_STAMPS = ("timeStamp.mismatch", "timeStamp.malformed")
_MAX_TEXT_CHARS = 400

_PLAIN_WORDS = {
    "assertion.dataHash.mismatch": "the picture or its metadata was changed after signing",
    "assertion.hashedURI.mismatch": "what the credentials say was changed after signing",
    "assertion.missing": "a part of the credentials was removed",
    "claimSignature.mismatch": "the signature does not belong to these credentials",
    "claimSignature.outsideValidity": "the signing certificate was not valid (or has expired since, without a stamp)",
    "signingCredential.invalid": "the signing certificate may not sign content",
    "signingCredential.expired": "the signing certificate has expired",
    _UNTRUSTED: "nobody you trust vouches for the signer",
    "restyle.frame": "the frame around the credentials was changed after signing",
    "restyle.statement": "the statement inside the credentials is not one of ours",
}


@dataclass(frozen=True, slots=True)
class SignerProof:
    """Who signed, as the certificate has it. ``is_development`` means: made on first use, proves no one's identity."""

    subject: str
    issuer: str
    valid_until: str
    is_development: bool


@dataclass(frozen=True, slots=True)
class IngredientProof:
    """What went in: the parent or the style. A parent's own manifest was checked when it came in."""

    title: str
    relationship: str
    sha256: Digest | None
    had_manifest: bool
    problems: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class FileProof:
    """What was found. Everything but ``state`` and ``is_trusted`` is only what the file *says*."""

    state: FileState
    explanation: str
    is_trusted: bool = False
    signer: SignerProof | None = None
    stamped_at: datetime | None = None
    problems: tuple[Reason, ...] = ()
    statement_digest: Digest | None = None
    statement: Statement | None = None
    ingredients: tuple[IngredientProof, ...] = ()
    xmp: XmpClaim | None = None

    @property
    def is_intact(self) -> bool:
        return self.state == "intact"


@dataclass(frozen=True, slots=True)
class SidecarProof:
    """Whether a statement beside a file is the one that was signed into it."""

    matches: bool
    explanation: str
    file: FileProof


def verify_file(content: bytes, anchors: Iterable[str] = ()) -> FileProof:
    """What these bytes prove, given the root certificates (PEM) that are trusted."""
    trusted = _checked_anchors(anchors)
    if (media_type := media_type_of(content)) is None:
        return FileProof("unreadable", "not a JPEG, PNG, WebP, TIFF or AVIF file")
    xmp = _xmp(content)
    try:
        with (
            c2pa.Context.from_dict(_settings(trusted)) as context,
            c2pa.Reader(media_type, io.BytesIO(content), context=context) as reader,
        ):
            report, details = reader.json(), reader.crjson()
    except c2pa.C2paError.ManifestNotFound:
        return FileProof("no-credentials", _without_credentials(xmp), xmp=xmp)
    except c2pa.C2paError as error:
        return _unreadable(error, xmp)
    try:
        return _proof(content, json.loads(report), json.loads(details), xmp)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError):
        return FileProof("unreadable", "the credentials have a shape that no C2PA file has", xmp=xmp)


def verify_sidecar(statement: bytes, content: bytes, anchors: Iterable[str] = ()) -> SidecarProof:
    """Whether this is the statement that was signed into this file, and the file is as it was then."""
    file = verify_file(content, anchors)
    try:
        Statement.parse(statement)
    except StatementError as error:
        return SidecarProof(False, f"the sidecar is not a statement: {error}", file)
    if not file.is_intact:
        return SidecarProof(False, f"the file proves nothing: {file.explanation}", file)
    if file.statement_digest != Digest.of(statement):
        return SidecarProof(False, "the file was signed with another statement than this one", file)
    return SidecarProof(True, "this statement was signed into this file", file)


def _checked_anchors(anchors: Iterable[str]) -> tuple[str, ...]:
    checked = tuple(anchors)
    for anchor in checked:
        try:
            x509.load_pem_x509_certificates(anchor.encode())
        except ValueError as error:
            raise IdentityError("a trust anchor that is no certificate", "a PEM certificate") from error
    return checked


def _settings(anchors: Sequence[str]) -> dict[str, Any]:
    """No network, whatever the file asks for."""
    return {
        "version": 1,
        "core": {"allowed_network_hosts": []},
        "trust": {"user_anchors": "\n".join(anchors)} if anchors else {},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
    }


def _xmp(content: bytes) -> XmpClaim | None:
    try:
        return read_xmp(content)
    except CarrierError:
        return None


def _without_credentials(xmp: XmpClaim | None) -> str:
    if xmp is not None and xmp.statement is not None:
        return "the file has no content credentials, though its XMP names a statement: they were removed or broken"
    return "the file has no content credentials"


def _unreadable(error: c2pa.C2paError, xmp: XmpClaim | None) -> FileProof:
    if isinstance(error, c2pa.C2paError.RemoteManifest) or str(error).startswith("Remote:"):
        return FileProof("no-credentials", "the file only refers to credentials elsewhere; they were not fetched")
    return FileProof("unreadable", f"the credentials cannot be read ({_text(str(error))})", xmp=xmp)


def _proof(content: bytes, report: dict[str, Any], details: dict[str, Any], xmp: XmpClaim | None) -> FileProof:
    label = report["active_manifest"]
    manifest = report["manifests"][label]
    digest, statement, statement_problems = _statement(manifest)
    problems = (*_problems(report), *_frame_problems(content, manifest, label), *statement_problems)
    breaking = [problem for problem in problems if problem.code != _UNTRUSTED]
    is_valid = report["validation_state"] in ("Valid", "Trusted") and not breaking
    is_trusted = report["validation_state"] == "Trusted" and is_valid
    return FileProof(
        state="intact" if is_valid else "altered",
        explanation=_explanation(is_valid, is_trusted, breaking),
        is_trusted=is_trusted,
        signer=_signer(details, label),
        stamped_at=_stamp(manifest),
        problems=problems,
        statement_digest=digest,
        statement=statement,
        ingredients=tuple(_ingredient(item) for item in manifest.get("ingredients", [])),
        xmp=xmp,
    )


def _explanation(is_valid: bool, is_trusted: bool, breaking: Sequence[Reason]) -> str:
    if not is_valid:
        return "; ".join(dict.fromkeys(problem.text for problem in breaking)) or "the credentials are not valid"
    if not is_trusted:
        return f"the file is as it was signed, but {_PLAIN_WORDS[_UNTRUSTED]}"
    return "the file is as it was signed, by someone you trust"


def _problems(report: dict[str, Any]) -> tuple[Reason, ...]:
    results = report["validation_results"]["activeManifest"]
    stamps = [status for status in results["informational"] if status["code"] in _BROKEN_TIME_STAMPS]
    ingredients = [
        status
        for delta in report["validation_results"].get("ingredientDeltas", [])
        for status in delta["validationDeltas"]["failure"]
    ]
    return tuple(_reason(status) for status in (*results["failure"], *stamps, *ingredients))


def _reason(status: dict[str, Any]) -> Reason:
    code = _text(status["code"])
    return Reason(code, _PLAIN_WORDS.get(code) or _text(status.get("explanation") or code))


def _frame_problems(content: bytes, manifest: dict[str, Any], label: str) -> tuple[Reason, ...]:
    """Only for manifests of ours: others may frame theirs as the standard lets them."""
    generators = manifest.get("claim_generator_info") or [{}]
    if generators[0].get("name") != GENERATOR:
        return ()
    inbound = (_statement_data(manifest) or {}).get("inbound")
    try:
        ours = our_manifest(carrier_of(content).store_of(content) or b"", label)
        if inbound is None or inbound == Digest.of(ours.inbound):
            return ()
    except CarrierError:
        pass
    return (Reason("restyle.frame", _PLAIN_WORDS["restyle.frame"]),)


def _statement(manifest: dict[str, Any]) -> tuple[Digest | None, Statement | None, tuple[Reason, ...]]:
    if (data := _statement_data(manifest)) is None:
        return None, None, ()
    try:
        digest = Digest(data["sha256"])
        if "statement" not in data:
            return digest, None, ()
        statement = Statement.parse(data["statement"].encode())
        if statement.digest == digest:
            return digest, statement, ()
    except (StatementError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None, None, (Reason("restyle.statement", _PLAIN_WORDS["restyle.statement"]),)


def _statement_data(manifest: dict[str, Any]) -> dict[str, Any] | None:
    return next((a["data"] for a in manifest.get("assertions", []) if a["label"] == STATEMENT_ASSERTION), None)


def _signer(details: dict[str, Any], label: str) -> SignerProof | None:
    certificates = (m["signature"].get("certificateInfo") for m in details["manifests"] if m["label"] == label)
    if (certificate := next(certificates, None)) is None:
        return None
    subject, issuer = _name(certificate["subject"]), _name(certificate["issuer"])
    return SignerProof(
        subject=subject,
        issuer=issuer,
        valid_until=_text(certificate["validity"]["notAfter"]),
        is_development=DEVELOPMENT_MARK in subject or DEVELOPMENT_MARK in issuer,
    )


def _name(parts: dict[str, Any]) -> str:
    return _text(", ".join(f"{key}={value}" for key, value in parts.items()))


def _stamp(manifest: dict[str, Any]) -> datetime | None:
    time = (manifest.get("signature_info") or {}).get("time")
    return None if time is None else datetime.fromisoformat(time)


def _ingredient(item: dict[str, Any]) -> IngredientProof:
    results = (item.get("validation_results") or {}).get("activeManifest", {})
    problems = tuple(_reason(status) for status in results.get("failure", []) if status["code"] != _UNTRUSTED)
    return IngredientProof(
        title=_text(item.get("title") or ""),
        relationship=_text(item.get("relationship") or ""),
        sha256=_digest((item.get("metadata") or {}).get("org.restyle.sha256")),
        had_manifest="active_manifest" in item,
        problems=problems,
    )


def _digest(text: object) -> Digest | None:
    try:
        return Digest(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _text(value: object) -> str:
    """Words out of a stranger's file: short, and nothing that moves a terminal's cursor."""
    shown = str(value)[:_MAX_TEXT_CHARS]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown)
