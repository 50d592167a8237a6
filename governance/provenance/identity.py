"""Who signs. A development identity is made on first use and says so; a production one is read from your own files."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from governance.provenance.errors import IdentityError
from governance.provenance.signers import Signer, side_by_side, signed_by

DEVELOPMENT_MARK = "not for production"
DEVELOPMENT_VALIDITY = timedelta(days=5 * 365)
"""Long, because a signature without a time stamp dies with its certificate."""

_FOLDER, _CHAIN, _KEY, _ANCHOR = "development-identity", "chain.pem", "key.pem", "anchor.pem"
_CLOCK_SKEW = timedelta(days=1)
_CURVES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "secp256r1": ("es256", hashes.SHA256()),
    "secp384r1": ("es384", hashes.SHA384()),
    "secp521r1": ("es512", hashes.SHA512()),
}

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class TimeStamps:
    """Who stamps (RFC 3161), and whether nothing is signed without. A stamp outlives the certificate."""

    url: str
    required: bool = True

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise IdentityError(f"a time stamp address {self.url[:80]!r}", "an http(s) URL")


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """A certificate chain and its key, or whoever signs with it. The chain ends below its root: who trusts the root
    has it already.
    """

    chain_pem: str
    anchor_pem: str | None
    is_development: bool
    certificate: x509.Certificate = field(repr=False)
    key: PrivateKey | Signer = field(repr=False)
    time_stamps: TimeStamps | None = None

    @classmethod
    def load_or_create(cls, folder: Path, *, time_stamps: TimeStamps | None = None) -> Self:
        """The development identity kept in this folder, made now where there is none yet."""
        home = folder / _FOLDER
        try:
            if not (home / _CHAIN).exists():
                _create_development_identity(home)
        except OSError as error:
            raise IdentityError(
                f"cannot keep a signing identity in {folder} ({error.strerror})", "a folder that can be written to"
            ) from error
        anchor_pem = _read_text(home / _ANCHOR)
        loaded = cls._load(
            home / _CHAIN, home / _KEY, anchor_pem=anchor_pem, is_development=True, time_stamps=time_stamps
        )
        loaded.refuse_if_expired(datetime.now(UTC), f"Remove {home} and a new one is made; keep {_ANCHOR} of the old.")
        return loaded

    @classmethod
    def from_files(
        cls, chain: Path, key: Path, *, anchor: Path | None = None, time_stamps: TimeStamps | None = None
    ) -> Self:
        """Your own identity: the chain in PEM, leaf first, and its unencrypted PKCS #8 key."""
        anchor_pem = None if anchor is None else _read_text(anchor)
        loaded = cls._load(chain, key, anchor_pem=anchor_pem, is_development=False, time_stamps=time_stamps)
        loaded.refuse_if_expired(datetime.now(UTC))
        return loaded

    @classmethod
    def from_signer(
        cls, chain: Path, signer: Signer, *, anchor: Path | None = None, time_stamps: TimeStamps | None = None
    ) -> Self:
        """Your own identity, whose key is kept elsewhere."""
        anchor_pem = None if anchor is None else _read_text(anchor)
        chain_pem = _read_text(chain)
        certificate = _first_certificate(chain_pem, chain)
        _refuse_other_kinds(certificate.public_key())
        loaded = cls(chain_pem, anchor_pem, False, certificate, signer, time_stamps)
        loaded.refuse_if_expired(datetime.now(UTC))
        return loaded

    @classmethod
    def _load(
        cls,
        chain: Path,
        key: Path,
        *,
        anchor_pem: str | None,
        is_development: bool,
        time_stamps: TimeStamps | None = None,
    ) -> Self:
        chain_pem = _read_text(chain)
        certificate = _first_certificate(chain_pem, chain)
        private_key = _private_key(key)
        if certificate.public_key() != private_key.public_key():
            raise IdentityError(f"the key in {key} does not belong to the certificate in {chain}", "a matching pair")
        return cls(chain_pem, anchor_pem, is_development, certificate, private_key, time_stamps)

    @property
    def subject(self) -> str:
        return self.certificate.subject.rfc4514_string()

    @property
    def issuer(self) -> str:
        return self.certificate.issuer.rfc4514_string()

    @property
    def fingerprint(self) -> str:
        """The sha256 of the certificate, in hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def expires_on(self) -> datetime:
        return self.certificate.not_valid_after_utc

    @property
    def algorithm(self) -> str:
        """The COSE algorithm by its C2PA name."""
        match public_key := self.certificate.public_key():
            case ed25519.Ed25519PublicKey():
                return "ed25519"
            case ec.EllipticCurvePublicKey():
                return _CURVES[public_key.curve.name][0]
            case _:
                return "ps256"

    @property
    def is_deterministic(self) -> bool:
        """Whether signing the same bytes twice gives the same signature. So it is with keys of our own, but for RSA;
        not with time stamps, nor where somebody else signs.
        """
        return self.time_stamps is None and isinstance(self.key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey)

    def sign(self, data: bytes) -> bytes:
        """The raw signature as COSE wants it: for elliptic curves the two numbers side by side, not DER."""
        match self.key:
            case ed25519.Ed25519PrivateKey():
                return self.key.sign(data)
            case ec.EllipticCurvePrivateKey():
                return _sign_with_curve(self.key, data)
            case rsa.RSAPrivateKey():
                scheme = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
                return self.key.sign(data, scheme, hashes.SHA256())
            case _:
                return signed_by(self.key, data, self.certificate.public_key())

    @property
    def key_pem(self) -> str | None:
        """The key itself, where it is here: for the signing library alone, never for a log."""
        return _key_as_pem(self.key) if isinstance(self.key, PrivateKey) else None

    def secret_for(self, purpose: str) -> bytes:
        """A secret that only this identity can know, and always the same one for the same purpose."""
        return sha256(f"restyle {purpose}\0{self.key_pem}".encode()).digest()

    def refuse_if_expired(self, now: datetime, next_step: str = "Renew it with your certificate authority.") -> None:
        valid_from, until = self.certificate.not_valid_before_utc, self.expires_on
        if not valid_from <= now <= until:
            raise IdentityError(
                f"the signing certificate {self.subject} is valid from {valid_from:%Y-%m-%d} to {until:%Y-%m-%d}",
                f"one that is valid on {now:%Y-%m-%d}",
                next_step,
            )


def _sign_with_curve(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    _, digest = _CURVES[key.curve.name]
    return side_by_side(key.sign(data, ec.ECDSA(digest, deterministic_signing=True)), key.curve)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise IdentityError(
            f"cannot read {path} ({error.strerror})", "a PEM file this user may read", "Check its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise IdentityError(f"{path} is not a PEM file", "text that begins with -----BEGIN") from error


def _first_certificate(chain_pem: str, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain_pem.encode())[0]
    except ValueError as error:
        raise IdentityError(f"no certificate can be read from {path}", "a PEM chain, leaf first") from error


def _private_key(path: Path) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(_read_text(path).encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IdentityError(f"no private key can be read from {path}", "an unencrypted PEM key (PKCS #8)") from error
    if not isinstance(key, PrivateKey):
        raise IdentityError("a kind of key that C2PA does not sign with", "Ed25519, an EC key or RSA")
    _refuse_other_kinds(key.public_key())
    return key


def _refuse_other_kinds(key: object) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVES:
        raise IdentityError(f"a key on the curve {key.curve.name}", f"one of {', '.join(_CURVES)}")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        raise IdentityError(f"an RSA key of {key.key_size} bits", "at least 2048")
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise IdentityError("a kind of key that C2PA does not sign with", "Ed25519, an EC key or RSA")


def _create_development_identity(home: Path) -> None:
    """Made whole beside its place and then moved there: of two processes, one wins and both use what it made."""
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{_FOLDER}-", dir=home.parent))
    try:
        for name, text in _development_files(datetime.now(UTC)).items():
            _write_private(draft / name, text)
        draft.rename(home)
    except OSError:
        if not (home / _CHAIN).exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _development_files(now: datetime) -> dict[str, str]:
    """The root's key is forgotten at once: nobody can ever sign another certificate under the printed anchor."""
    root_key, key = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    root = _root_certificate(root_key, now)
    leaf = _leaf_certificate(key, root_key, root, now)
    return {_ANCHOR: _pem(root), _CHAIN: _pem(leaf), _KEY: _key_as_pem(key)}


def _key_as_pem(key: PrivateKey) -> str:
    encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, layout, serialization.NoEncryption()).decode("ascii")


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _name(common_name: str) -> x509.Name:
    organisation = f"restyle development ({DEVELOPMENT_MARK})"
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _draft(name: str, issuer: str, key: ed25519.Ed25519PrivateKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + DEVELOPMENT_VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


_ROOT_NAME = f"restyle development root ({DEVELOPMENT_MARK})"
_LEAF_NAME = f"restyle development signer ({DEVELOPMENT_MARK})"


def _root_certificate(key: ed25519.Ed25519PrivateKey, now: datetime) -> x509.Certificate:
    return (
        _draft(_ROOT_NAME, _ROOT_NAME, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificates=True), critical=True)
        .sign(key, None)
    )


def _leaf_certificate(
    key: ed25519.Ed25519PrivateKey, root_key: ed25519.Ed25519PrivateKey, root: x509.Certificate, now: datetime
) -> x509.Certificate:
    """What the C2PA certificate profile asks for: it may only sign, and says whom it was issued by."""
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    return (
        _draft(_LEAF_NAME, _ROOT_NAME, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(authority, critical=False)
        .sign(root_key, None)
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
