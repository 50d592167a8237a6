"""Time stamps by an authority of the tests' own: asked for, verified, wanted, required."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from governance.provenance.errors import SigningUnavailable
from governance.provenance.identity import SigningIdentity, TimeStamps
from governance.provenance.verify import verify_file
from tests.governance.provenance_world import FORMATS, issued_identity, signed_picture
from tests.governance.time_stamps import Authority, authority


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> SigningIdentity:
    return SigningIdentity.load_or_create(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def stamps() -> Iterator[Authority]:
    with authority() as made:
        yield made


@pytest.mark.parametrize("media_type", FORMATS)
def test_a_stamped_file_is_intact_and_says_when_it_was_signed(
    media_type: str, identity: SigningIdentity, stamps: Authority
) -> None:
    signed = signed_picture(media_type, replace(identity, time_stamps=TimeStamps(stamps.url)))
    proof = verify_file(signed, [identity.anchor_pem or "", stamps.anchor_pem])
    assert proof.is_trusted, proof
    assert stamps.asked == 1
    assert proof.stamped_at is not None
    assert abs(proof.stamped_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_without_a_stamp_a_file_says_no_time(identity: SigningIdentity) -> None:
    assert verify_file(signed_picture("image/jpeg", identity)).stamped_at is None


def test_a_required_stamp_that_cannot_be_had_holds_the_file(identity: SigningIdentity, stamps: Authority) -> None:
    stamps.out_of_order = True
    with pytest.raises(SigningUnavailable, match=r"gave no stamp.*503.*tried again"):
        signed_picture("image/jpeg", replace(identity, time_stamps=TimeStamps(stamps.url)))


def test_a_wanted_stamp_that_cannot_be_had_is_done_without(identity: SigningIdentity, stamps: Authority) -> None:
    stamps.out_of_order = True
    wanting = replace(identity, time_stamps=TimeStamps(stamps.url, required=False))
    signed = signed_picture("image/jpeg", wanting)
    assert verify_file(signed, [identity.anchor_pem or ""]).is_trusted
    assert signed == signed_picture("image/jpeg", identity)


def test_an_authority_that_answers_nonsense_gave_no_stamp(
    identity: SigningIdentity, stamps: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stamps, "answer", lambda request: b"nonsense")
    with pytest.raises(SigningUnavailable, match="gave no stamp"):
        signed_picture("image/jpeg", replace(identity, time_stamps=TimeStamps(stamps.url)))


def test_a_stamp_on_something_else_is_not_taken(
    identity: SigningIdentity, stamps: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stamps.answer
    first: list[bytes] = []

    def always_the_first(request: bytes) -> bytes:
        first.append(request)
        return kept(first[0])

    monkeypatch.setattr(stamps, "answer", always_the_first)
    stamping = replace(identity, time_stamps=TimeStamps(stamps.url))
    signed_picture("image/jpeg", stamping)
    with pytest.raises(SigningUnavailable):
        signed_picture("image/png", stamping)


@pytest.mark.slow
def test_what_was_stamped_outlives_its_certificate_for_those_who_trust_the_authority(
    stamps: Authority, tmp_path: Path
) -> None:
    brief = issued_identity(tmp_path, ec.generate_private_key(ec.SECP256R1()), lasts=timedelta(seconds=4))
    own = brief.anchor_pem or ""
    stamped = signed_picture("image/jpeg", replace(brief, time_stamps=TimeStamps(stamps.url)))
    unstamped = signed_picture("image/jpeg", brief)
    while datetime.now(UTC) <= brief.expires_on + timedelta(seconds=1):
        time.sleep(0.2)
    assert verify_file(stamped, [own, stamps.anchor_pem]).is_trusted
    for content, anchors in ((stamped, [own]), (unstamped, [own, stamps.anchor_pem])):
        proof = verify_file(content, anchors)
        assert (proof.state, proof.explanation) == ("altered", "the signing certificate has expired")
