"""Signing by the settings: whose certificate, whose key, whose stamp; and what is held when one cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from flows.approved_items import publish_approved
from flows.errors import UsageError
from flows.settings import Settings
from flows.shard import run_shard
from flows.signing import anchors_of, expiry_warning, identity_of
from governance import certificates, items, ledger, outputs
from governance.errors import PolicyError
from governance.items import ItemState
from governance.provenance.errors import IdentityError
from governance.provenance.identity import SigningIdentity
from governance.provenance.verify import verify_file
from tests.flows.world import World, photo, planned, waiting
from tests.governance.provenance_world import issued_identity
from tests.governance.test_identity import write_pair
from tests.governance.time_stamps import Authority, authority


@pytest.fixture
def stamps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    with authority() as made:
        monkeypatch.setenv("RESTYLE_TIME_STAMP_URL", made.url)
        yield made


def run(world: World) -> dict[str, str]:
    made = planned(world, world.campaign())
    return {each.key: each.state for each in run_shard(waiting(world), made)}


def test_a_required_stamp_that_cannot_be_had_holds_the_item_and_the_next_publishing_tries_again(
    world: World, stamps: Authority
) -> None:
    world.add("cup.jpg", photo(1))
    stamps.out_of_order = True
    assert run(world) == {"cup.jpg": "failed"}
    records = world.services.records
    for _ in range(2):
        (ended,) = publish_approved(world.services, "tester")
        assert (ended.state, ended.reasons[0].code) == ("failed", "signing_unavailable")
    (told,) = ledger.page(records, kind="item:publish:held")
    assert "gave no stamp" in told.body["reasons"][0]["text"]
    (item,) = items.page(records, states=(ItemState.APPROVED,))
    assert item.output_digest is None
    assert world.published() == {}

    stamps.out_of_order = False
    (ended,) = publish_approved(world.services, "tester")
    assert ended.state == ItemState.PUBLISHED
    (content,) = world.published().values()
    assert verify_file(content).stamped_at is not None
    (output,) = outputs.page(records)
    assert output.stamped


def test_a_wanted_stamp_that_cannot_be_had_is_done_without_and_the_records_say_so(
    world: World, stamps: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTYLE_TIME_STAMPS", "wanted")
    stamps.out_of_order = True
    world.add("cup.jpg", photo(1))
    assert run(world) == {"cup.jpg": ItemState.PUBLISHED}
    (output,) = outputs.page(world.services.records)
    assert not output.stamped


def test_stamps_that_are_off_are_not_asked_for(
    world: World, stamps: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTYLE_TIME_STAMPS", "off")
    world.add("cup.jpg", photo(1))
    assert run(world) == {"cup.jpg": ItemState.PUBLISHED}
    assert stamps.asked == 0


def test_a_revoked_certificate_stops_publishing_and_nothing_leaves(world: World) -> None:
    world.add("cup.jpg", photo(1))
    services = world.services
    certificates.note_used(services.records, certificates.of_identity(services.identity), "ada")
    certificates.revoke(services.records, services.identity.fingerprint, "olga", "it was copied")
    with pytest.raises(PolicyError, match="it was copied"):
        run(world)
    assert world.published() == {}


def test_the_settings_name_a_certificate_with_its_key_and_its_root(tmp_path: Path) -> None:
    issued = issued_identity(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    chain, key, anchor = (tmp_path / f"{name}.pem" for name in ("chain", "key", "anchor"))
    settings = Settings(home=tmp_path, signing_certificate=chain, signing_key=key, signing_anchor=anchor)
    identity = identity_of(settings)
    assert (identity.fingerprint, identity.is_development) == (issued.fingerprint, False)
    assert anchors_of(settings, lambda: identity) == (issued.anchor_pem,)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"signing_certificate": Path("chain.pem")}, "only one of RESTYLE_SIGNING_CERTIFICATE"),
        ({"signing_key": Path("key.pem")}, "only one of RESTYLE_SIGNING_CERTIFICATE"),
        ({"signer": "kms"}, "only one of RESTYLE_SIGNING_CERTIFICATE"),
        ({"signing_certificate": Path("c"), "signing_key": Path("k"), "signer": "kms"}, "both RESTYLE_SIGNING_KEY"),
        ({"signing_certificate": Path("c"), "signer": "kms", "signer_options": "[1]"}, "RESTYLE_SIGNER_OPTIONS"),
        ({"signing_certificate": Path("c"), "signer": "kms", "signer_options": '{"a": 1}'}, "RESTYLE_SIGNER_OPTIONS"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        identity_of(Settings(home=tmp_path, **given))


def test_with_an_expired_certificate_nothing_is_signed_and_old_files_are_still_trusted(tmp_path: Path) -> None:
    chain, key = write_pair(tmp_path, ed25519.Ed25519PrivateKey.generate(), days=-1)
    settings = Settings(home=tmp_path, signing_certificate=chain, signing_key=key, signing_anchor=chain)

    def expired() -> SigningIdentity:
        return identity_of(settings)

    with pytest.raises(IdentityError, match="is valid from"):
        expired()
    assert anchors_of(settings, expired) == (chain.read_text(),)


def test_further_roots_are_trusted_too_and_a_missing_file_is_told(tmp_path: Path) -> None:
    own = SigningIdentity.load_or_create(tmp_path)
    roots = tmp_path / "roots.pem"
    roots.write_text("a root")
    assert anchors_of(Settings(home=tmp_path, trust_anchors=roots), lambda: own) == (own.anchor_pem, "a root")
    with pytest.raises(UsageError, match="RESTYLE_TRUST_ANCHORS names"):
        anchors_of(Settings(home=tmp_path, trust_anchors=tmp_path / "nowhere"), lambda: own)


@pytest.mark.parametrize(("days_left", "is_warned"), [(31, False), (29, True), (1, True)])
def test_people_are_warned_thirty_days_before_the_certificate_ends(
    tmp_path: Path, days_left: int, is_warned: bool
) -> None:
    identity = SigningIdentity.load_or_create(tmp_path)
    now = identity.expires_on - timedelta(days=days_left)
    assert (expiry_warning(identity, now) is not None) == is_warned


def test_an_identity_that_expires_during_a_long_run_signs_no_more(world: World) -> None:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())

    class Expired(SigningIdentity):
        def refuse_if_expired(self, now: datetime, next_step: str = "") -> None:
            SigningIdentity.refuse_if_expired(self, datetime.now(UTC) + timedelta(days=4000), next_step)

    own = made.publisher.identity
    ended = Expired(own.chain_pem, own.anchor_pem, own.is_development, own.certificate, own.key)
    with pytest.raises(IdentityError, match="is valid from"):
        list(run_shard(waiting(world), replace(made, publisher=replace(made.publisher, identity=ended))))
    assert world.published() == {}
