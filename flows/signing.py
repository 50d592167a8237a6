"""Who signs here, by the settings: a development identity, a key file of your own, or a signer that holds the key."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from flows.errors import UsageError
from flows.settings import Settings
from governance.provenance.errors import IdentityError
from governance.provenance.identity import SigningIdentity, TimeStamps
from governance.provenance.signers import find_signer

EXPIRES_SOON = timedelta(days=30)
_MAX_ANCHORS_BYTES = 10_000_000


def identity_of(settings: Settings) -> SigningIdentity:
    """The identity that the settings name. A certificate that has expired is refused here already."""
    chain, key, signer = settings.signing_certificate, settings.signing_key, settings.signer
    if key is not None and signer is not None:
        raise UsageError("both RESTYLE_SIGNING_KEY and RESTYLE_SIGNER are set", "one of them")
    if (chain is None) != (key is None and signer is None):
        raise UsageError(
            "only one of RESTYLE_SIGNING_CERTIFICATE and RESTYLE_SIGNING_KEY is set",
            "both of them, or the certificate and RESTYLE_SIGNER, or neither",
        )
    anchor, stamps = settings.signing_anchor, _time_stamps(settings)
    if chain is not None and key is not None:
        return SigningIdentity.from_files(chain, key, anchor=anchor, time_stamps=stamps)
    if chain is not None and signer is not None:
        held = find_signer(signer, _options(settings))
        return SigningIdentity.from_signer(chain, held, anchor=anchor, time_stamps=stamps)
    return SigningIdentity.load_or_create(settings.workspace / "identity", time_stamps=stamps)


def anchors_of(settings: Settings, identity: Callable[[], SigningIdentity]) -> tuple[str, ...]:
    """Whom verification trusts: our own root, and those that the settings name.

    What was signed before can be verified with an identity that may sign no more.
    """
    try:
        own = identity().anchor_pem
    except IdentityError:
        own = None if settings.signing_anchor is None else _pem(settings.signing_anchor, "RESTYLE_SIGNING_ANCHOR")
    further = settings.trust_anchors
    named = None if further is None else _pem(further, "RESTYLE_TRUST_ANCHORS")
    return tuple(each for each in (own, named) if each is not None)


def _pem(path: Path, setting: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_ANCHORS_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise UsageError(f"{setting} names {path} ({error.strerror})", "a PEM file of certificates") from error


def expiry_warning(identity: SigningIdentity, now: datetime) -> str | None:
    """What a person should be told before the certificate ends; nothing while there is time."""
    left = identity.expires_on - now
    if left >= EXPIRES_SOON:
        return None
    return (
        f"the signing certificate {identity.subject} ends on {identity.expires_on:%Y-%m-%d}, in {left.days} days; "
        "nothing is signed after that"
    )


def _time_stamps(settings: Settings) -> TimeStamps | None:
    if settings.time_stamps == "off" or settings.time_stamp_url is None:
        return None
    return TimeStamps(settings.time_stamp_url, required=settings.time_stamps == "required")


def _options(settings: Settings) -> dict[str, str]:
    if settings.signer_options is None:
        return {}
    try:
        told = json.loads(settings.signer_options.get_secret_value())
    except ValueError:
        told = None
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise UsageError("RESTYLE_SIGNER_OPTIONS that are no options", 'a JSON object of texts, such as {"key": "..."}')
    return told
