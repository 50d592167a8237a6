"""Who signs: made once, whatever the race; read strictly when it is yours."""

from __future__ import annotations

import multiprocessing
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from governance.provenance.errors import IdentityError
from governance.provenance.identity import PrivateKey, SigningIdentity, TimeStamps

HOME = "development-identity"


def fingerprint_of(folder: str) -> str:
    return SigningIdentity.load_or_create(Path(folder)).fingerprint


def write_pair(
    folder: Path, key: PrivateKey, *, days: int = 30, certified: PrivateKey | None = None
) -> tuple[Path, Path]:
    """A self-signed certificate and its key, as a person might bring them."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Brand")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key((certified or key).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .sign(ed25519.Ed25519PrivateKey.generate(), None)
    )
    chain_path, key_path = folder / "chain.pem", folder / "key.pem"
    chain_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain_path, key_path


def test_the_first_use_makes_an_identity_and_the_second_finds_it(tmp_path: Path) -> None:
    first, second = SigningIdentity.load_or_create(tmp_path), SigningIdentity.load_or_create(tmp_path)
    assert first.fingerprint == second.fingerprint
    assert first.sign(b"data") == second.sign(b"data")


def test_a_development_identity_says_so_everywhere(tmp_path: Path) -> None:
    identity = SigningIdentity.load_or_create(tmp_path)
    assert identity.is_development
    assert "not for production" in identity.subject
    assert "development root (not for production)" in identity.issuer


def test_two_processes_end_with_the_same_identity(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(fingerprint_of, [str(tmp_path)] * 4)
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [HOME]


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    SigningIdentity.load_or_create(tmp_path)
    files = sorted((tmp_path / HOME).iterdir())
    assert [file.name for file in files] == ["anchor.pem", "chain.pem", "key.pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / HOME).stat().st_mode) == 0o700


def test_the_roots_key_is_kept_nowhere(tmp_path: Path) -> None:
    identity = SigningIdentity.load_or_create(tmp_path)
    root = x509.load_pem_x509_certificate((identity.anchor_pem or "").encode())
    assert (tmp_path / HOME / "key.pem").read_text().count("PRIVATE KEY") == 2
    assert identity.certificate.public_key() != root.public_key()


def test_the_certificate_has_the_profile_that_c2pa_asks_for(tmp_path: Path) -> None:
    identity = SigningIdentity.load_or_create(tmp_path)
    extensions = identity.certificate.extensions
    assert extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert ExtendedKeyUsageOID.EMAIL_PROTECTION in extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    root = x509.load_pem_x509_certificate((identity.anchor_pem or "").encode())
    identity.certificate.verify_directly_issued_by(root)


def test_its_expiry_is_known_and_years_away(tmp_path: Path) -> None:
    assert SigningIdentity.load_or_create(tmp_path).expires_on > datetime.now(UTC) + timedelta(days=4 * 365)


def test_neither_the_key_nor_its_text_shows_in_a_log(tmp_path: Path) -> None:
    assert "PRIVATE" not in repr(SigningIdentity.load_or_create(tmp_path))


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(IdentityError, match="cannot keep a signing identity"):
        SigningIdentity.load_or_create(tmp_path / "taken")


def test_a_damaged_development_identity_is_not_silently_replaced(tmp_path: Path) -> None:
    SigningIdentity.load_or_create(tmp_path)
    (tmp_path / HOME / "key.pem").write_text("damaged")
    with pytest.raises(IdentityError, match="no private key"):
        SigningIdentity.load_or_create(tmp_path)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (ec.generate_private_key(ec.SECP256R1()), "es256"),
        (ec.generate_private_key(ec.SECP384R1()), "es384"),
        (rsa.generate_private_key(65537, 2048), "ps256"),
    ],
)
def test_your_own_identity_signs_with_the_algorithm_of_its_key(tmp_path: Path, key: PrivateKey, algorithm: str) -> None:
    identity = SigningIdentity.from_files(*write_pair(tmp_path, key))
    assert identity.algorithm == algorithm
    assert not identity.is_development
    assert (identity.sign(b"data") == identity.sign(b"data")) == identity.is_deterministic == (algorithm != "ps256")


def test_an_expired_certificate_is_refused_with_its_dates(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate(), days=-1)
    with pytest.raises(IdentityError, match=r"valid from .* to .*Renew it"):
        SigningIdentity.from_files(*pair)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    other = ed25519.Ed25519PrivateKey.generate()
    pair = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate(), certified=other)
    with pytest.raises(IdentityError, match="does not belong to the certificate"):
        SigningIdentity.from_files(*pair)


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    chain, _ = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(IdentityError, match=r"nowhere\.pem.*permissions"):
        SigningIdentity.from_files(chain, tmp_path / "nowhere.pem")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"-----BEGIN CERTIFICATE-----\nzz\n-----END CERTIFICATE-----"]
)
def test_a_chain_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    chain, key = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate())
    chain.write_bytes(content)
    with pytest.raises(IdentityError, match="PEM"):
        SigningIdentity.from_files(chain, key)


def test_an_encrypted_key_is_refused(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    chain, path = write_pair(tmp_path, key)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(IdentityError, match="unencrypted"):
        SigningIdentity.from_files(chain, path)


def test_kinds_of_keys_that_c2pa_does_not_know_are_refused(tmp_path: Path) -> None:
    chain, path = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate())
    for key in (dsa.generate_private_key(2048), ec.generate_private_key(ec.SECP256K1())):
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        with pytest.raises(IdentityError, match=r"does not sign with|on the curve"):
            SigningIdentity.from_files(chain, path)


def test_a_time_stamp_address_that_is_no_url_is_refused(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(IdentityError, match="URL"):
        SigningIdentity.from_files(*pair, time_stamps=TimeStamps("file:///etc/passwd"))
