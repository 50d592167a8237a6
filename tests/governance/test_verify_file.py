"""Verifying: whatever the file, an answer; and no changed byte is ever called intact."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.provenance.carriers.formats import CARRIERS, carrier_of
from governance.provenance.content_credentials import Parent
from governance.provenance.errors import IdentityError
from governance.provenance.identity import SigningIdentity
from governance.provenance.statement import with_review
from governance.provenance.verify import FileProof, verify_file, verify_sidecar
from stylecore.data import Digest
from tests.governance.provenance_world import (
    FORMATS,
    REVIEW,
    picture,
    signed_elsewhere,
    signed_picture,
    statement_of,
)

EVERY_FORMAT = pytest.mark.parametrize("media_type", FORMATS)
World = tuple[SigningIdentity, SigningIdentity]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    ours, theirs = (SigningIdentity.load_or_create(tmp_path_factory.mktemp(name)) for name in ("ours", "theirs"))
    return ours, theirs


def anchor(world: World) -> list[str]:
    return [world[0].anchor_pem or ""]


@cache
def file_with_a_parent(media_type: str, world: World) -> bytes:
    ours, theirs = world
    inbound = signed_elsewhere(picture(media_type, 16, 16), media_type, theirs)
    return signed_picture(media_type, ours, parent=Parent(inbound, media_type), width_px=16, height_px=16)


@EVERY_FORMAT
def test_it_says_who_what_when_and_from_which_style(media_type: str, world: World) -> None:
    statement = with_review(statement_of(picture(media_type)), REVIEW)
    proof = verify_file(signed_picture(media_type, world[0], statement=statement), anchor(world))
    assert proof.explanation == "the file is as it was signed, by someone you trust"
    assert proof.signer is not None
    assert proof.signer.is_development
    assert "not for production" in proof.signer.subject
    assert proof.statement == statement
    assert proof.statement_digest == statement.digest
    assert proof.statement.style.name == "risograph"
    assert proof.statement.source.uri == "s3://library/photos/harbour.jpg"
    assert proof.statement.review == REVIEW
    assert proof.stamped_at is None
    assert proof.xmp is not None
    assert proof.xmp.statement == statement.digest


def test_the_style_and_the_source_are_named_by_digest(world: World) -> None:
    proof = verify_file(signed_picture("image/png", world[0]), anchor(world))
    digests = {item.relationship: item.sha256 for item in proof.ingredients}
    assert digests == {"parentOf": Digest.of(b"the asset"), "inputTo": Digest.of(b"the package")}


@pytest.mark.parametrize("which", ["no anchor", "another anchor"])
def test_without_the_right_anchor_it_is_intact_but_not_trusted(which: str, world: World) -> None:
    anchors = [] if which == "no anchor" else [world[1].anchor_pem or ""]
    proof = verify_file(signed_picture("image/png", world[0]), anchors)
    assert proof.is_intact
    assert not proof.is_trusted
    assert [problem.code for problem in proof.problems] == ["signingCredential.untrusted"]
    assert "nobody you trust" in proof.explanation


@EVERY_FORMAT
def test_a_file_without_credentials_says_so(media_type: str) -> None:
    proof = verify_file(picture(media_type))
    assert proof == FileProof("no-credentials", "the file has no content credentials")


def test_a_file_whose_credentials_were_stripped_says_what_its_xmp_still_names(world: World) -> None:
    signed = signed_picture("image/png", world[0])
    start = signed.index(b"caBX") - 4
    end = start + 12 + int.from_bytes(signed[start : start + 4], "big")
    proof = verify_file(signed[:start] + signed[end:], anchor(world))
    assert proof.state == "no-credentials"
    assert "removed or broken" in proof.explanation


def test_a_foreign_file_is_judged_by_c2pa_alone(world: World) -> None:
    foreign = signed_elsewhere(picture("image/jpeg"), "image/jpeg", world[1])
    proof = verify_file(foreign, [world[1].anchor_pem or ""])
    assert proof.is_trusted
    assert proof.statement is None
    assert proof.statement_digest is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP", b"II*\0", b"%PDF-1.7", picture("image/png")[:40]],
)
def test_garbage_is_an_answer_and_not_a_crash(content: bytes) -> None:
    assert verify_file(content).state in ("unreadable", "no-credentials")


@EVERY_FORMAT
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_file_cut_anywhere_is_never_intact(media_type: str, world: World, data: st.DataObject) -> None:
    content = file_with_a_parent(media_type, world)
    assert not verify_file(content[: data.draw(st.integers(0, len(content) - 1))], anchor(world)).is_intact


@EVERY_FORMAT
@settings(deadline=None, max_examples=150)
@given(share=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@example(share=0.0, flip=1)
def test_one_changed_byte_anywhere_is_never_intact(media_type: str, world: World, share: float, flip: int) -> None:
    content = bytearray(file_with_a_parent(media_type, world))
    content[int(share * len(content))] ^= flip
    assert not verify_file(bytes(content), anchor(world)).is_intact


@EVERY_FORMAT
def test_no_bit_of_the_frames_around_the_credentials_can_change_unseen(media_type: str, world: World) -> None:
    """Every 7th byte of the store in turn, the parent's manifest included: labels, toggles, padding, everything."""
    content = file_with_a_parent(media_type, world)
    store = carrier_of(content).store_of(content)
    assert store is not None
    for position in range(0, len(store), 7):
        changed = bytearray(store)
        changed[position] ^= 0x20
        tampered = CARRIERS[media_type].with_store(content, bytes(changed))
        assert not verify_file(tampered, anchor(world)).is_intact


@EVERY_FORMAT
def test_a_changed_xmp_is_told_as_a_change_of_the_picture_or_its_metadata(media_type: str, world: World) -> None:
    content = bytearray(signed_picture(media_type, world[0]))
    content[content.index(b"adobe:ns:meta/")] ^= 1
    proof = verify_file(bytes(content), anchor(world))
    assert (proof.state, proof.is_trusted) == ("altered", False)
    assert proof.explanation == "the picture or its metadata was changed after signing"


@EVERY_FORMAT
def test_a_changed_claim_is_told_as_a_change_of_the_credentials(media_type: str, world: World) -> None:
    content = signed_picture(media_type, world[0])
    store = bytearray(carrier_of(content).store_of(content) or b"")
    store[store.index(b"notAllowed")] ^= 1
    proof = verify_file(CARRIERS[media_type].with_store(content, bytes(store)), anchor(world))
    assert (proof.state, proof.is_trusted) == ("altered", False)
    assert proof.explanation == "what the credentials say was changed after signing"


def test_bytes_appended_to_the_file_are_seen(world: World) -> None:
    for media_type in FORMATS:
        assert not verify_file(signed_picture(media_type, world[0]) + b"\0", anchor(world)).is_intact


def test_padding_that_carries_a_message_is_seen(world: World) -> None:
    content = signed_picture("image/webp", world[0])
    at = content.index(b"cpadY") + 200
    smuggled = content[:at] + b"a message nobody signed" + content[at + 23 :]
    proof = verify_file(smuggled, anchor(world))
    assert proof.state == "altered"
    assert [problem.code for problem in proof.problems] == ["restyle.frame"]


def test_a_statement_that_somebody_else_signed_is_not_believed(world: World) -> None:
    ours, theirs = world
    proof = verify_file(signed_picture("image/png", theirs), [ours.anchor_pem or ""])
    assert proof.is_intact
    assert proof.statement is not None
    assert not proof.is_trusted


def test_an_anchor_that_is_no_certificate_is_an_error_of_the_caller() -> None:
    with pytest.raises(IdentityError, match="trust anchor"):
        verify_file(picture("image/png"), ["-----BEGIN NOTHING-----"])


def test_a_sidecar_belongs_to_the_file_it_was_signed_into(world: World) -> None:
    statement = statement_of(picture("image/jpeg"))
    signed = signed_picture("image/jpeg", world[0], statement=statement)
    proof = verify_sidecar(statement.content, signed, anchor(world))
    assert proof.matches
    assert proof.file.is_trusted


def test_another_sidecar_a_broken_one_and_a_changed_file_do_not_match(world: World) -> None:
    statement = statement_of(picture("image/jpeg"))
    signed = signed_picture("image/jpeg", world[0], statement=statement)
    other = with_review(statement, REVIEW)
    assert "another statement" in verify_sidecar(other.content, signed).explanation
    assert "not a statement" in verify_sidecar(b"{}", signed).explanation
    assert "proves nothing" in verify_sidecar(statement.content, signed[:-1]).explanation
    assert "proves nothing" in verify_sidecar(statement.content, picture("image/jpeg")).explanation
