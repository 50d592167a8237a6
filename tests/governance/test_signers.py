"""Signing with a key that is kept elsewhere: a key service over real HTTP, found through an entry point."""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from governance.provenance.errors import IdentityError, SigningError, SigningUnavailable
from governance.provenance.identity import PrivateKey, SigningIdentity
from governance.provenance.signers import ENTRY_POINTS, find_signer
from governance.provenance.verify import verify_file
from tests.governance.provenance_world import issued_identity, signed_picture

PACKAGE = """
import base64, json, urllib.request

class RemoteKey:
    def __init__(self, url):
        self.url = url

    def sign(self, data):
        body = json.dumps({"data": base64.b64encode(data).decode()}).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url, body), timeout=5) as answer:
            return base64.b64decode(json.load(answer)["signature"])

def from_options(options):
    return RemoteKey(options["url"])
"""
HASHES = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}


class KeyService:
    """Holds one key and signs for whoever asks, as a cloud's does: ECDSA in DER."""

    def __init__(self, key: PrivateKey) -> None:
        self.key, self.out_of_order, self.asked, self.url = key, False, 0, ""

    def signature(self, data: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(HASHES[self.key.curve.name]))
        return self.key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


@pytest.fixture(
    params=[
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["es256", "es384", "ps256", "ed25519"],
)
def service(request: pytest.FixtureRequest) -> Iterator[KeyService]:
    made = KeyService(request.param)

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.asked += 1
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if made.out_of_order:
                self.send_error(503)
                return
            signature = made.signature(b64decode(asked["data"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"signature": b64encode(signature).decode()}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/sign"
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that offers the signer ``test-kms``, as pip leaves one."""
    about = tmp_path / "site" / "test_kms-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: test-kms\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\ntest-kms = test_kms_of_restyle:from_options\n")
    (tmp_path / "site" / "test_kms_of_restyle.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.fixture
def identity(service: KeyService, installed: None, tmp_path: Path) -> SigningIdentity:
    """An issued certificate whose key only the service has."""
    issued = issued_identity(tmp_path, service.key)
    (tmp_path / "key.pem").unlink()
    signer = find_signer("test-kms", {"url": service.url})
    loaded = SigningIdentity.from_signer(tmp_path / "chain.pem", signer, anchor=tmp_path / "anchor.pem")
    assert loaded.fingerprint == issued.fingerprint
    return loaded


def test_a_file_signed_by_a_key_service_is_trusted_like_any_other(
    identity: SigningIdentity, service: KeyService
) -> None:
    proof = verify_file(signed_picture("image/jpeg", identity), [identity.anchor_pem or ""])
    assert proof.is_trusted, proof
    assert service.asked == 1
    assert identity.key_pem is None
    assert not identity.is_deterministic


def test_a_key_service_that_does_not_answer_is_tried_again_later_and_nothing_is_signed(
    identity: SigningIdentity, service: KeyService
) -> None:
    service.out_of_order = True
    with pytest.raises(SigningUnavailable, match=r"no signature \(HTTPError: HTTP Error 503.*tried again by the next"):
        signed_picture("image/png", identity)
    service.out_of_order = False
    assert verify_file(signed_picture("image/png", identity), [identity.anchor_pem or ""]).is_trusted


def test_a_service_with_another_key_than_the_certificates_is_found_out_at_the_first_file(
    identity: SigningIdentity, service: KeyService
) -> None:
    others: dict[str, Any] = {
        "secp256r1": ec.generate_private_key(ec.SECP256R1()),
        "secp384r1": ec.generate_private_key(ec.SECP384R1()),
    }
    if isinstance(service.key, ec.EllipticCurvePrivateKey):
        service.key = others[service.key.curve.name]
    elif isinstance(service.key, rsa.RSAPrivateKey):
        service.key = rsa.generate_private_key(65537, 2048)
    else:
        service.key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(SigningError, match=r"does not verify|refused to sign"):
        signed_picture("image/jpeg", identity)


def test_a_signer_that_nobody_offers_is_refused_with_those_that_are_there(installed: None) -> None:
    with pytest.raises(IdentityError, match=r"0 signers named 'nobody'.*test-kms"):
        find_signer("nobody", {})


def test_a_signer_that_does_not_start_says_why(installed: None) -> None:
    with pytest.raises(IdentityError, match=r"does not start \(KeyError: 'url'\).*RESTYLE_SIGNER_OPTIONS"):
        find_signer("test-kms", {})


def test_a_broken_signature_never_leaves_the_house(identity: SigningIdentity) -> None:
    class Garbage:
        def sign(self, data: bytes) -> bytes:
            return b"garbage"

    with pytest.raises(SigningError):
        signed_picture("image/jpeg", replace(identity, key=Garbage()))
