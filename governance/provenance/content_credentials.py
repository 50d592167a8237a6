"""Content credentials: the statement, signed into the file in the way that C2PA verifiers read.

The C2PA library accepts nearly anything in nearly any field, so what goes in is ours and checked before; it may never
use the network except for a time stamp that was asked for. A builder and a signer serve one file and one thread.
"""

from __future__ import annotations

import io
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import c2pa

from governance.provenance.carriers.formats import media_type_of
from governance.provenance.errors import SigningError, SigningUnavailable
from governance.provenance.identity import SigningIdentity
from governance.provenance.reading import is_plain
from governance.provenance.sealing import UNKNOWN_INBOUND, with_own_salts
from governance.provenance.statement import Statement
from governance.provenance.verify import GENERATOR, STATEMENT_ASSERTION, verify_file
from governance.provenance.xmp import DIGITAL_SOURCE_TYPE
from stylecore.data import Digest

MAX_EMBEDDED_STATEMENT_BYTES = 8_000

_log = logging.getLogger(__name__)

_STYLE_MEDIA_TYPE = "application/vnd.restyle.style+json"
_MAX_TITLE_CHARS = 400
_CREATED = ("c2pa.actions.v2", "c2pa.ingredient.v3", "cawg.training-mining", "c2pa.ai-disclosure", STATEMENT_ASSERTION)
_NOT_FOR_TRAINING = ("cawg.ai_training", "cawg.ai_generative_training", "cawg.data_mining")


@dataclass(frozen=True, slots=True)
class Parent:
    """The asset a rendition was made from. Where it carries a manifest of its own, that one is kept."""

    content: bytes
    media_type: str


def sign(
    content: bytes,
    media_type: str,
    statement: Statement,
    identity: SigningIdentity,
    *,
    title: str,
    style_title: str,
    parent: Parent | None = None,
) -> bytes:
    """The file with its credentials inside. The same arguments give the same bytes, if the identity's key is here and
    no time stamp is added.
    """
    if media_type_of(content) != media_type:
        raise SigningError(f"bytes that are not {media_type[:80]}", "an encoded rendition and its media type")
    label = f"urn:c2pa:{_uuid(statement.digest, identity.fingerprint)}"
    definition = _definition(statement, identity, label, _plain(title), _plain(style_title))
    try:
        signed = _signed(content, media_type, definition, identity, parent)
    except c2pa.C2paError as error:
        if identity.time_stamps is None:
            raise SigningError(f"the C2PA library refused to sign ({str(error)[:200]})") from error
        unstamped = sign(
            content, media_type, statement, unstamping(identity), title=title, style_title=style_title, parent=parent
        )
        if not identity.time_stamps.required:
            _log.warning("signed without a time stamp: %s", error)
            return unstamped
        raise _no_stamp(identity.time_stamps.url, error) from error
    sealed = with_own_salts(signed, identity, label) if identity.is_deterministic else signed
    _refuse_unproven(sealed, statement, identity)
    return sealed


def unstamping(identity: SigningIdentity) -> SigningIdentity:
    """The same identity, asking nobody for a time stamp."""
    return replace(identity, time_stamps=None)


def _no_stamp(url: str, error: c2pa.C2paError) -> SigningUnavailable:
    """Without the stamp it could be signed, so it is the authority that is to blame and not the file."""
    return SigningUnavailable(
        f"the time stamp authority {url} gave no stamp ({str(error)[:200]})",
        "one, since time stamps are required",
        "The file is tried again by the next `restyle publish`.",
    )


def _refuse_unproven(content: bytes, statement: Statement, identity: SigningIdentity) -> None:
    """Nothing leaves that we ourselves would not accept."""
    proof = verify_file(content, () if identity.anchor_pem is None else (identity.anchor_pem,))
    if not proof.is_intact or proof.statement_digest != statement.digest:
        raise SigningError(f"a signed file that does not verify: {proof.explanation}", "an intact one")
    if identity.anchor_pem is not None and not proof.is_trusted:
        raise SigningError("a signing certificate that its own anchor does not vouch for", "the anchor it chains to")


def _signed(
    content: bytes, media_type: str, definition: dict[str, Any], identity: SigningIdentity, parent: Parent | None
) -> bytes:
    target = io.BytesIO()
    with (
        c2pa.Context.from_dict(_settings(identity)) as context,
        _builder(definition, context, parent) as builder,
        _signer(identity) as signer,
    ):
        builder.sign(signer, media_type, io.BytesIO(content), target)
    return target.getvalue()


@contextmanager
def _signer(identity: SigningIdentity) -> Iterator[c2pa.Signer]:
    """A callback only where the key is elsewhere: for one of those the library reserves 10 kB of padding in every
    file, for a key only 1 kB. What goes wrong in it the library would swallow.
    """
    stamps = None if identity.time_stamps is None else identity.time_stamps.url
    if (key := identity.key_pem) is not None:
        told = (identity.algorithm, identity.chain_pem, key)
        info = c2pa.C2paSignerInfo(*(each.encode() for each in told), None if stamps is None else stamps.encode())
        with c2pa.Signer.from_info(info) as signer:
            yield signer
        return
    problems: list[SigningUnavailable] = []

    def sign_elsewhere(data: bytes) -> bytes:
        try:
            return identity.sign(data)
        except SigningUnavailable as problem:
            problems.append(problem)
            return b""

    algorithm = c2pa.C2paSigningAlg[identity.algorithm.upper()]
    try:
        with c2pa.Signer.from_callback(sign_elsewhere, algorithm, identity.chain_pem, stamps) as signer:
            yield signer
    except c2pa.C2paError:
        if problems:
            raise problems[0] from None
        raise


def _builder(definition: dict[str, Any], context: c2pa.Context, parent: Parent | None) -> c2pa.Builder:
    """With the parent's own manifest where the library can read one, else with the parent only named."""
    style, named_parent = definition["ingredients"]
    if parent is not None:
        builder = c2pa.Builder(definition | {"ingredients": [style]}, context)
        try:
            builder.add_ingredient(named_parent, parent.media_type, io.BytesIO(parent.content))
            return builder
        except c2pa.C2paError:
            builder.close()
    return c2pa.Builder(definition, context)


def _settings(identity: SigningIdentity) -> dict[str, Any]:
    host = None if identity.time_stamps is None else urlsplit(identity.time_stamps.url).hostname
    return {
        "version": 1,
        "core": {"allowed_network_hosts": [host] if host else []},
        "trust": {} if identity.anchor_pem is None else {"user_anchors": identity.anchor_pem},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
        "builder": {
            "thumbnail": {"enabled": False},
            "created_assertion_labels": list(_CREATED),
            "actions": {"auto_opened_action": {"enabled": False}, "auto_placed_action": {"enabled": False}},
        },
    }


def _definition(
    statement: Statement, identity: SigningIdentity, label: str, title: str, style_title: str
) -> dict[str, Any]:
    return {
        "claim_version": 2,
        "claim_generator_info": [_generator(statement)],
        "label": label,
        "instance_id": f"xmp:iid:{_uuid(statement.digest, identity.fingerprint)}",
        "title": title,
        "ingredients": [_style_ingredient(statement, style_title), _parent_ingredient(statement)],
        "assertions": [
            _assertion("c2pa.actions.v2", {"actions": _actions(statement)}),
            _assertion("cawg.training-mining", {"entries": {use: {"use": "notAllowed"} for use in _NOT_FOR_TRAINING}}),
            _assertion("c2pa.ai-disclosure", _ai_disclosure(statement)),
            _assertion(STATEMENT_ASSERTION, _statement_data(statement, identity), kind="Json"),
        ],
    }


def _assertion(label: str, data: dict[str, Any], *, kind: str = "Cbor") -> dict[str, Any]:
    """``created`` says that the signer answers for it; without that, C2PA counts it as gathered from elsewhere."""
    return {"label": label, "kind": kind, "created": True, "data": data}


def _generator(statement: Statement) -> dict[str, str]:
    return {"name": GENERATOR, "version": statement.pipeline.code_version}


def _actions(statement: Statement) -> list[dict[str, Any]]:
    when = statement.as_dict()["predicate"]["made_at"]
    style = f"style {statement.style.name} v{statement.style.version}"
    return [
        {"action": "c2pa.opened", "when": when, "parameters": {"ingredientIds": ["source"]}},
        {
            "action": "c2pa.filtered",
            "when": when,
            "softwareAgent": _generator(statement),
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
            "parameters": {"ingredientIds": ["style"], "description": f"style transfer with {style}"},
        },
    ]


def _ai_disclosure(statement: Statement) -> dict[str, Any]:
    reviewed = statement.review is not None
    return {
        "modelType": "c2pa.types.model.pytorch",
        "modelName": f"{statement.style.name} v{statement.style.version}",
        "modelIdentifier": f"sha256:{statement.style.package_sha256}",
        "contentProfile": {"humanOversightLevel": "human_validated" if reviewed else "prompt_guided"},
    }


def _statement_data(statement: Statement, identity: SigningIdentity) -> dict[str, str]:
    """The statement as text and not as JSON in JSON: no reader in between may respell a number."""
    data = {"sha256": str(statement.digest)}
    if identity.is_deterministic:
        data["inbound"] = UNKNOWN_INBOUND
    if len(statement.content) <= MAX_EMBEDDED_STATEMENT_BYTES:
        data["statement"] = statement.content.decode()
    return data


def _style_ingredient(statement: Statement, title: str) -> dict[str, Any]:
    return _ingredient("style", "inputTo", title, _STYLE_MEDIA_TYPE, statement.style.package_sha256)


def _parent_ingredient(statement: Statement) -> dict[str, Any]:
    name = statement.source.uri.rpartition("/")[2] or statement.source.uri
    return _ingredient("source", "parentOf", name[:_MAX_TITLE_CHARS], None, statement.source.sha256)


def _ingredient(label: str, relationship: str, title: str, media_type: str | None, digest: Digest) -> dict[str, Any]:
    ingredient = {
        "label": label,
        "relationship": relationship,
        "title": title,
        "instance_id": f"xmp:iid:{_uuid(digest, label)}",
        "metadata": {"org.restyle.sha256": str(digest)},
    }
    return ingredient if media_type is None else ingredient | {"format": media_type}


def _plain(title: str) -> str:
    if not title or len(title) > _MAX_TITLE_CHARS or not is_plain(title):
        raise SigningError(f"a title {title[:80]!r}", f"1 to {_MAX_TITLE_CHARS} characters, none of them control")
    return title


def _uuid(digest: str, salt: str) -> uuid.UUID:
    """A UUID that follows from what it names, so that it is the same each time."""
    return uuid.UUID(bytes=bytes.fromhex(Digest.of(f"{digest} {salt}".encode()))[:16], version=4)
