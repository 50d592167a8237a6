"""Makes signed bytes repeatable.

The C2PA library salts every assertion with fresh random bytes, so that signing the same rendition twice gives two
files. Publishing after a crash must give the file that was perhaps already published. So the salts are replaced by
ones that only the holder of the signing key can know, the hashes over them are taken anew, and the claim is signed
again. Nothing changes its length.

C2PA also leaves the frames of a parent's manifest unhashed. The digest of all that came in is therefore filled in here.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from governance.provenance.carriers.formats import carrier_of
from governance.provenance.errors import SigningError
from governance.provenance.identity import SigningIdentity
from governance.provenance.manifest_store import SALT_BYTES, Box, OurManifest, our_manifest
from stylecore.data import Digest

_CONTEXT = b"\x84\x6aSignature1"
_NO_EXTERNAL_DATA = b"\x40"

UNKNOWN_INBOUND = "0" * 64
"""What stands in the statement's assertion until it is known which manifests came in with the parent."""


def with_own_salts(content: bytes, identity: SigningIdentity, label: str) -> bytes:
    """The same signed file, signed again over salts derived from the key."""
    carrier = carrier_of(content)
    if (store := carrier.store_of(content)) is None:
        raise SigningError("a signed file without a manifest store", "the one that was just written")
    manifest = our_manifest(store, label)
    resealed = bytearray(store)
    replaced = {_inbound(UNKNOWN_INBOUND): _inbound(Digest.of(manifest.inbound))}
    secret = identity.secret_for("salts")
    for box in manifest.assertions:
        _resalt(resealed, box, hmac.digest(secret, label.encode() + box.label.encode(), "sha256"), replaced)
    _replace_all(resealed, manifest.claim, replaced)
    _sign_again(resealed, manifest, identity)
    return carrier.with_store(content, bytes(resealed))


def _inbound(digest: str) -> bytes:
    """As the C2PA library writes this member of a JSON assertion."""
    return f'"inbound":"{digest}"'.encode()


def _resalt(store: bytearray, box: Box, salt: bytes, replaced: dict[bytes, bytes]) -> None:
    """Boxes come in an order in which each names only earlier ones, so what it names has its new hash already."""
    before = _hash(store, box)
    if box.salt_start is not None:
        store[box.salt_start : box.salt_start + SALT_BYTES] = salt[:SALT_BYTES]
    _replace_all(store, box, replaced)
    replaced[before] = _hash(store, box)


def _hash(store: bytearray, box: Box) -> bytes:
    """As C2PA takes it: over the box without its own eight bytes of header."""
    return sha256(store[box.start + 8 : box.end]).digest()


def _replace_all(store: bytearray, box: Box, replaced: dict[bytes, bytes]) -> None:
    data = bytes(store[box.start : box.end])
    for before, after in replaced.items():
        data = data.replace(before, after)
    store[box.start : box.end] = data


def _sign_again(store: bytearray, manifest: OurManifest, identity: SigningIdentity) -> None:
    """A COSE signature is over its protected header and, here, over the claim (RFC 9052, section 4.4)."""
    start, end = manifest.protected_header
    claim = bytes(store[manifest.claim.content_start + 8 : manifest.claim.end])
    header = b"\x5a" + len(claim).to_bytes(4, "big") if len(claim) > 0xFFFF else b"\x59" + len(claim).to_bytes(2, "big")
    signature = identity.sign(b"".join((_CONTEXT, store[start:end], _NO_EXTERNAL_DATA, header, claim)))
    if len(signature) > manifest.signature.end - end:
        raise SigningError(f"a signature of {len(signature)} bytes", "one of the length it replaces")
    store[manifest.signature.end - len(signature) : manifest.signature.end] = signature
