"""Signing: what the credentials say, that they repeat, and that nothing is asked of the network."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from governance.provenance.content_credentials import Parent, sign
from governance.provenance.errors import SigningError, SigningUnavailable
from governance.provenance.identity import PrivateKey, SigningIdentity, TimeStamps
from governance.provenance.statement import with_review
from governance.provenance.verify import verify_file
from stylecore.data import Digest, Reason
from tests.governance.provenance_world import (
    FORMATS,
    REVIEW,
    decoded,
    issued_identity,
    picture,
    signed_elsewhere,
    signed_picture,
    srgb,
    statement_of,
)
from tests.governance.test_identity import write_pair

EVERY_FORMAT = pytest.mark.parametrize("media_type", FORMATS)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> SigningIdentity:
    return SigningIdentity.load_or_create(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> SigningIdentity:
    return SigningIdentity.load_or_create(tmp_path_factory.mktemp("theirs"))


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server that remembers who called: nobody should."""
    calls: list[str] = []

    class Remember(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Remember)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", calls
    server.shutdown()
    server.server_close()


def manifest_in(content: bytes, media_type: str) -> dict[str, Any]:
    """The active manifest as any C2PA reader shows it."""
    settings = {"version": 1, "verify": {"remote_manifest_fetch": False}}
    report = json.loads(c2pa.Reader(media_type, io.BytesIO(content), context=c2pa.Context.from_dict(settings)).json())
    manifest: dict[str, Any] = report["manifests"][report["active_manifest"]]
    return manifest


def assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    found: dict[str, Any] = next(a["data"] for a in manifest["assertions"] if a["label"] == label)
    return found


@EVERY_FORMAT
def test_a_signed_file_is_trusted_under_its_own_anchor(media_type: str, identity: SigningIdentity) -> None:
    proof = verify_file(signed_picture(media_type, identity), [identity.anchor_pem or ""])
    assert (proof.state, proof.is_trusted, proof.problems) == ("intact", True, ())


@EVERY_FORMAT
def test_signing_touches_no_pixel_and_keeps_the_profile(media_type: str, identity: SigningIdentity) -> None:
    content = picture(media_type, icc_profile=srgb())
    signed = sign(content, media_type, statement_of(content), identity, title="a", style_title="b")
    assert np.array_equal(np.asarray(decoded(content)), np.asarray(decoded(signed)))
    assert decoded(signed).info["icc_profile"] == srgb()


@EVERY_FORMAT
def test_signing_twice_gives_the_same_bytes(
    media_type: str, identity: SigningIdentity, stranger: SigningIdentity
) -> None:
    parent = Parent(signed_elsewhere(picture(media_type), media_type, stranger), media_type)
    first = signed_picture(media_type, identity, parent=parent)
    assert {signed_picture(media_type, identity, parent=parent) for _ in range(5)} == {first}


def test_other_claims_or_another_identity_give_other_credentials(
    identity: SigningIdentity, stranger: SigningIdentity
) -> None:
    statement = statement_of(picture("image/png"))
    files = {
        signed_picture("image/png", identity, statement=statement),
        signed_picture("image/png", stranger, statement=statement),
        signed_picture("image/png", identity, statement=with_review(statement, REVIEW)),
    }
    assert len({manifest_in(file, "image/png")["label"] for file in files}) == 3


def test_the_actions_say_that_a_trained_model_had_a_part(identity: SigningIdentity) -> None:
    manifest = manifest_in(signed_picture("image/jpeg", identity), "image/jpeg")
    opened, filtered = assertion(manifest, "c2pa.actions.v2")["actions"]
    assert opened["action"] == "c2pa.opened"
    assert filtered["action"] == "c2pa.filtered"
    assert filtered["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert filtered["softwareAgent"] == {"name": "restyle", "version": "0.1.0"}
    assert filtered["when"] == "2025-01-02T03:04:05Z"


def test_the_ingredients_are_the_asset_and_the_style(identity: SigningIdentity) -> None:
    manifest = manifest_in(signed_picture("image/jpeg", identity), "image/jpeg")
    ingredients = {item["relationship"]: item for item in manifest["ingredients"]}
    assert ingredients["parentOf"]["title"] == "harbour.jpg"
    assert ingredients["inputTo"]["title"] == "Risograph"
    assert ingredients["inputTo"]["metadata"]["org.restyle.sha256"] == Digest.of(b"the package")
    assert all("thumbnail" not in item for item in manifest["ingredients"])
    assert "thumbnail" not in manifest


def test_training_on_it_is_not_allowed_and_the_model_is_disclosed(identity: SigningIdentity) -> None:
    manifest = manifest_in(signed_picture("image/jpeg", identity), "image/jpeg")
    entries = assertion(manifest, "cawg.training-mining")["entries"]
    assert {entry["use"] for entry in entries.values()} == {"notAllowed"}
    disclosure = assertion(manifest, "c2pa.ai-disclosure")
    assert disclosure["modelIdentifier"] == f"sha256:{Digest.of(b'the package')}"
    assert disclosure["contentProfile"] == {"humanOversightLevel": "prompt_guided"}


def test_a_reviewed_file_says_that_a_person_approved_it(identity: SigningIdentity) -> None:
    statement = with_review(statement_of(picture("image/png")), REVIEW)
    manifest = manifest_in(signed_picture("image/png", identity, statement=statement), "image/png")
    profile = assertion(manifest, "c2pa.ai-disclosure")["contentProfile"]
    assert profile == {"humanOversightLevel": "human_validated"}


def test_a_small_statement_is_inside_and_a_large_one_only_named(identity: SigningIdentity) -> None:
    small = statement_of(picture("image/png"))
    large = statement_of(
        picture("image/png"),
        decision=replace(small.decision, reasons=tuple(Reason(f"r{i}", "x" * 900) for i in range(10))),
    )
    for statement, embedded in ((small, small), (large, None)):
        proof = verify_file(signed_picture("image/png", identity, statement=statement))
        assert proof.statement_digest == statement.digest
        assert proof.statement == embedded


@EVERY_FORMAT
def test_the_credentials_are_small(media_type: str, identity: SigningIdentity) -> None:
    assert len(signed_picture(media_type, identity)) - len(picture(media_type)) < 9_000


@EVERY_FORMAT
def test_an_inbound_manifest_is_kept_as_the_parents(
    media_type: str, identity: SigningIdentity, stranger: SigningIdentity
) -> None:
    inbound = signed_elsewhere(picture(media_type), media_type, stranger)
    signed = signed_picture(media_type, identity, parent=Parent(inbound, media_type))
    proof = verify_file(signed, [identity.anchor_pem or ""])
    assert proof.is_intact
    assert proof.is_trusted
    parent = next(item for item in proof.ingredients if item.relationship == "parentOf")
    assert parent.had_manifest
    assert parent.problems == ()


def test_a_parent_that_was_tampered_with_is_kept_and_told(identity: SigningIdentity, stranger: SigningIdentity) -> None:
    inbound = bytearray(signed_elsewhere(picture("image/jpeg"), "image/jpeg", stranger))
    inbound[-100] ^= 1
    proof = verify_file(signed_picture("image/jpeg", identity, parent=Parent(bytes(inbound), "image/jpeg")))
    parent = next(item for item in proof.ingredients if item.relationship == "parentOf")
    assert proof.is_intact
    assert [problem.code for problem in parent.problems] == ["assertion.dataHash.mismatch"]


def test_an_inbound_manifest_larger_than_a_jpeg_segment_is_kept(
    identity: SigningIdentity, stranger: SigningIdentity
) -> None:
    inbound = signed_elsewhere(picture("image/jpeg"), "image/jpeg", stranger, note="long " * 40_000)
    parent = Parent(inbound, "image/jpeg")
    signed = signed_picture("image/jpeg", identity, parent=parent)
    assert len(signed) > 200_000
    assert verify_file(signed, [identity.anchor_pem or ""]).is_trusted
    assert signed == signed_picture("image/jpeg", identity, parent=parent)


def test_a_rendition_of_a_rendition_keeps_the_whole_line(identity: SigningIdentity) -> None:
    first = signed_picture("image/webp", identity)
    second = signed_picture(
        "image/webp", identity, statement=statement_of(first, run="run-0002"), parent=Parent(first, "image/webp")
    )
    proof = verify_file(second, [identity.anchor_pem or ""])
    assert proof.is_trusted
    assert any(item.had_manifest for item in proof.ingredients)


@pytest.mark.parametrize(
    "parent",
    [
        Parent(b"garbage" * 50, "image/jpeg"),
        Parent(b"\0", "image/png"),
        Parent(picture("image/jpeg")[:200], "image/jpeg"),
        Parent(picture("image/png"), "image/jpeg"),
        Parent(b"BM" + b"\0" * 200, "image/bmp"),
        Parent(b"x", "application/unheard-of"),
        Parent(b"x", "image/jpeg\0"),
    ],
    ids=["garbage", "one byte", "cut off", "another format", "unsupported", "unknown type", "hostile type"],
)
def test_a_parent_that_cannot_be_read_is_still_named(parent: Parent, identity: SigningIdentity) -> None:
    proof = verify_file(signed_picture("image/jpeg", identity, parent=parent), [identity.anchor_pem or ""])
    assert proof.is_trusted
    named = next(item for item in proof.ingredients if item.relationship == "parentOf")
    assert (named.title, named.sha256, named.had_manifest) == ("harbour.jpg", Digest.of(b"the asset"), False)


def test_a_parent_that_points_to_a_server_makes_no_call(
    identity: SigningIdentity, stranger: SigningIdentity, listener: tuple[str, list[str]]
) -> None:
    url, calls = listener
    inbound = signed_elsewhere(picture("image/jpeg"), "image/jpeg", stranger, remote_url=f"{url}/manifest.c2pa")
    proof = verify_file(inbound)
    assert proof.state == "no-credentials"
    assert "not fetched" in proof.explanation
    signed = signed_picture("image/jpeg", identity, parent=Parent(inbound, "image/jpeg"))
    assert verify_file(signed, [identity.anchor_pem or ""]).is_trusted
    assert calls == []


def test_a_time_stamp_that_was_asked_for_and_fails_stops_the_signing(
    identity: SigningIdentity, listener: tuple[str, list[str]]
) -> None:
    url, calls = listener
    with pytest.raises(SigningUnavailable, match="gave no stamp"):
        signed_picture("image/png", replace(identity, time_stamps=TimeStamps(f"{url}/stamp")))
    assert set(calls) == {"/stamp"}


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["es256", "es384", "es512", "ps256"],
)
def test_an_issued_certificate_signs_trusted_files_that_repeat_unless_rsa(tmp_path: Path, key: PrivateKey) -> None:
    issued = issued_identity(tmp_path, key)
    files = [signed_picture("image/jpeg", issued) for _ in range(2)]
    proof = verify_file(files[0], [issued.anchor_pem or ""])
    assert proof.is_trusted
    assert proof.signer is not None
    assert (proof.signer.subject, proof.signer.is_development) == ("O=Example Brand", False)
    assert (files[0] == files[1]) == issued.is_deterministic


def test_a_certificate_that_may_not_sign_content_is_refused(tmp_path: Path) -> None:
    other = SigningIdentity.from_files(*write_pair(tmp_path, ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(SigningError):
        signed_picture("image/png", other)


def test_an_anchor_that_does_not_vouch_for_the_certificate_is_refused(
    identity: SigningIdentity, stranger: SigningIdentity
) -> None:
    with pytest.raises(SigningError, match="does not vouch"):
        signed_picture("image/png", replace(identity, anchor_pem=stranger.anchor_pem))


def test_an_identity_without_an_anchor_signs_files_that_are_intact(identity: SigningIdentity) -> None:
    proof = verify_file(signed_picture("image/png", replace(identity, anchor_pem=None)))
    assert proof.is_intact
    assert not proof.is_trusted


@pytest.mark.parametrize("title", ["", "a\nb", "\x1b[31m", "x" * 401])
def test_a_title_that_is_no_title_is_refused(title: str, identity: SigningIdentity) -> None:
    content = picture("image/png")
    with pytest.raises(SigningError, match="title"):
        sign(content, "image/png", statement_of(content), identity, title=title, style_title="a")


@pytest.mark.parametrize(("content", "media_type"), [(b"", "image/png"), (b"\xff\xd8\xff", "image/png")])
def test_bytes_of_another_type_are_refused(content: bytes, media_type: str, identity: SigningIdentity) -> None:
    with pytest.raises(SigningError, match="bytes that are not"):
        sign(content, media_type, statement_of(content), identity, title="a", style_title="b")


def test_a_broken_rendition_is_refused(identity: SigningIdentity) -> None:
    content = picture("image/jpeg")[:100]
    with pytest.raises(SigningError, match="refused to sign"):
        sign(content, "image/jpeg", statement_of(content), identity, title="a", style_title="b")


def test_threads_sign_side_by_side_and_alike(identity: SigningIdentity) -> None:
    with ThreadPoolExecutor(4) as pool:
        files = set(pool.map(lambda _: signed_picture("image/jpeg", identity), range(16)))
    assert len(files) == 1
