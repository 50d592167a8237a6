"""Keys that are kept elsewhere: in a key service, a hardware module, a signing server.

A package of your own offers a signer as an entry point of the group ``restyle.signers``: a function that takes the
options of the settings and gives a ``Signer``. restyle knows nothing else of the service, and never sees the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from governance.provenance.errors import IdentityError, SigningUnavailable

ENTRY_POINTS = "restyle.signers"


class Signer(Protocol):
    """Signs with the key of the certificate; called from many threads."""

    def sign(self, data: bytes) -> bytes:
        """The signature over these bytes, as key services give it.

        ECDSA with the hash of its curve (SHA-256, 384, 512) in DER, RSA as PSS with SHA-256 and a salt of 32 bytes,
        Ed25519 as its 64 bytes. What cannot be done now may raise anything: the file is tried again later.
        """
        ...


def find_signer(name: str, options: Mapping[str, str]) -> Signer:
    """The signer that an installed package offers under that name, built with these options."""
    offered = entry_points(group=ENTRY_POINTS)
    found = [each for each in offered if each.name == name]
    if len(found) != 1:
        known = ", ".join(sorted({each.name for each in offered})) or "none is installed"
        raise IdentityError(
            f"{len(found)} signers named {name[:80]!r}",
            f"exactly one of the installed ones: {known}",
            f"Install the package that offers it in its entry points {ENTRY_POINTS!r}.",
        )
    try:
        made: Signer = found[0].load()(dict(options))
    except Exception as problem:
        raise IdentityError(
            f"the signer {name!r} does not start ({type(problem).__name__}: {str(problem)[:200]})",
            "one that can be used",
            "See RESTYLE_SIGNER_OPTIONS and the documentation of its package.",
        ) from problem
    return made


def signed_by(signer: Signer, data: bytes, public_key: object) -> bytes:
    """The signature as COSE wants it: for elliptic curves the two numbers side by side."""
    try:
        signature = signer.sign(data)
        return side_by_side(signature, public_key.curve) if isinstance(public_key, _EC) else signature
    except Exception as problem:
        raise SigningUnavailable(
            f"the signer gave no signature ({type(problem).__name__}: {str(problem)[:200]})",
            "one with the key of the certificate",
            "The file is tried again by the next `restyle publish`.",
        ) from problem


_EC = ec.EllipticCurvePublicKey


def side_by_side(der: bytes, curve: ec.EllipticCurve) -> bytes:
    r, s = decode_dss_signature(der)
    width = (curve.key_size + 7) // 8
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")
