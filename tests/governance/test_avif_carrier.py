"""AVIF carries label and credentials as the other formats do: nothing of it can be changed unnoticed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from PIL import Image

from governance.provenance.carriers import avif
from governance.provenance.content_credentials import sign
from governance.provenance.errors import CarrierError
from governance.provenance.identity import SigningIdentity
from governance.provenance.verify import verify_file
from governance.provenance.xmp import embed_xmp, read_xmp
from tests.governance.provenance_world import decoded, issued_identity, statement_of

_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def encoded(alpha: bool = False) -> bytes:
    across, down = np.meshgrid(np.linspace(0, 255, 40), np.linspace(0, 255, 30))
    planes = [across, down, 255 - across, down][: 4 if alpha else 3]
    target = io.BytesIO()
    Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8)).save(target, "AVIF", quality=70, max_threads=1)
    return target.getvalue()


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> SigningIdentity:
    return issued_identity(tmp_path_factory.mktemp("identity"), ed25519.Ed25519PrivateKey.generate())


def signed(identity: SigningIdentity, content: bytes) -> bytes:
    said = statement_of(content)
    labelled = embed_xmp(content, said, title="Harbour")
    return sign(labelled, "image/avif", said, identity, title="harbour", style_title="Risograph")


@pytest.mark.parametrize("alpha", [False, True])
def test_an_avif_is_labelled_and_signed_without_touching_a_pixel(identity: SigningIdentity, alpha: bool) -> None:
    content = encoded(alpha)
    done = signed(identity, content)
    proof = verify_file(done, (identity.anchor_pem or "",))
    assert (proof.state, proof.is_trusted) == ("intact", True)
    assert proof.xmp is not None
    assert proof.xmp.title == "Harbour"
    assert np.array_equal(np.array(decoded(done)), np.array(decoded(content)))
    assert signed(identity, content) == done


def test_a_change_anywhere_in_a_signed_avif_is_noticed(identity: SigningIdentity) -> None:
    done = signed(identity, encoded())
    for at in range(0, len(done), 11):
        changed = bytearray(done)
        changed[at] ^= 0x41
        assert not verify_file(bytes(changed), (identity.anchor_pem or "",)).is_intact, at


@pytest.mark.parametrize("more", [b"\0", b"\0\0\0\x08free", b"\0\0\0\x10skiphidden..", b"\0\0\0\x08mdat"])
def test_nothing_can_be_put_behind_a_signed_avif(identity: SigningIdentity, more: bytes) -> None:
    assert not verify_file(signed(identity, encoded()) + more, (identity.anchor_pem or "",)).is_intact


def test_free_space_between_the_boxes_is_no_hiding_place(identity: SigningIdentity) -> None:
    done = signed(identity, encoded())
    end = int.from_bytes(done[:4], "big")
    assert not verify_file(done[:end] + b"\0\0\0\x0cfreehide" + done[end:], (identity.anchor_pem or "",)).is_intact


def test_a_second_label_replaces_the_first() -> None:
    content = encoded()
    said = statement_of(content)
    twice = embed_xmp(embed_xmp(content, said, title="One"), said, title="Two")
    assert twice == embed_xmp(content, said, title="Two")
    claim = read_xmp(twice)
    assert claim is not None
    assert claim.title == "Two"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\0\x20ftypheic" + bytes(20),
        encoded()[:-3],
        encoded() + b"\0\0\0\x07xxxx",
        encoded() + b"\0\0\0\x10uuid" + bytes(8),
        encoded() + 2 * ((24).to_bytes(4, "big") + b"uuid" + _XMP_UUID),
    ],
)
def test_what_does_not_add_up_is_said_so(content: bytes) -> None:
    with pytest.raises(CarrierError):
        avif.xmp_of(content)


def test_a_label_in_front_of_the_pixels_is_not_moved() -> None:
    content = encoded()
    end = int.from_bytes(content[:4], "big")
    packet = (24).to_bytes(4, "big") + b"uuid" + _XMP_UUID
    with pytest.raises(CarrierError):
        avif.with_xmp(content[:end] + packet + content[end:], b"<x/>")


def test_a_store_of_another_length_is_not_put_in(identity: SigningIdentity) -> None:
    done = signed(identity, encoded())
    store = avif.store_of(done)
    assert store is not None
    assert avif.with_store(done, store) == done
    with pytest.raises(CarrierError):
        avif.with_store(done, store + b"\0")
    with pytest.raises(CarrierError):
        avif.with_store(encoded(), store)
