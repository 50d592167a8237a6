"""Certificates in the records: noted once, counted, revoked, and then refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance import certificates
from governance.db import Database
from governance.errors import PolicyError, UsageError
from governance.provenance.identity import SigningIdentity
from governance.signed_notes import NoteSigner
from tests.governance.world import CERTIFICATE, kinds, published_item


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> SigningIdentity:
    return SigningIdentity.load_or_create(tmp_path_factory.mktemp("identity"))


def test_a_certificate_is_told_of_when_it_is_first_used_and_not_again(
    database: Database, identity: SigningIdentity
) -> None:
    for _ in range(3):
        certificates.note_used(database, certificates.of_identity(identity), "ada")
    assert kinds(database, f"certificate:{identity.fingerprint}") == ["certificate:first-used"]
    (known,) = certificates.all_used(database)
    assert known.certificate == certificates.of_identity(identity)
    assert (known.certificate.development, known.revoked_at, known.outputs) == (True, None, 0)
    assert known.certificate.not_after == identity.expires_on.replace(microsecond=0)


def test_a_revoked_certificate_signs_nothing_any_more(database: Database, identity: SigningIdentity) -> None:
    certificates.note_used(database, certificates.of_identity(identity), "ada")
    certificates.revoke(database, identity.fingerprint[:10], "olga", "the laptop was stolen")
    with pytest.raises(PolicyError, match=r"was revoked on .*the laptop was stolen.*nothing was signed"):
        certificates.note_used(database, certificates.of_identity(identity), "ada")
    assert kinds(database, f"certificate:{identity.fingerprint}")[-1] == "certificate:revoked"
    with pytest.raises(PolicyError, match="already"):
        certificates.revoke(database, identity.fingerprint, "olga", "again")


def test_the_files_that_were_signed_with_it_are_counted(
    database: Database, identity: SigningIdentity, run_id: str
) -> None:
    from dataclasses import replace

    certificates.note_used(database, replace(certificates.of_identity(identity), fingerprint=CERTIFICATE), "ada")
    for number in range(3):
        published_item(database, run_id, number)
    assert [each.outputs for each in certificates.all_used(database)] == [3]


def test_a_key_of_checkpoints_is_noted_too_and_never_ends(database: Database, tmp_path: Path) -> None:
    key = NoteSigner.load_or_create("restyle", tmp_path / "key.pem")
    certificates.note_used(database, certificates.of_key(key.verifier), "ada")
    (known,) = certificates.all_used(database)
    assert (known.certificate.purpose, known.certificate.not_after) == ("checkpoints", None)
    assert str(key.verifier) in known.certificate.subject


@pytest.mark.parametrize("prefix", ["", "ab", "xyz!", "%", "0000"])
def test_a_fingerprint_that_names_no_single_certificate_is_refused(
    database: Database, identity: SigningIdentity, prefix: str
) -> None:
    certificates.note_used(database, certificates.of_identity(identity), "ada")
    with pytest.raises(UsageError):
        certificates.revoke(database, prefix, "olga", "why")
