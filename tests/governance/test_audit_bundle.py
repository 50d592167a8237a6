"""The auditor's bundle, checked as an auditor would: by a bare Python that has never heard of the product."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import audit_bundle, bundle_verifier, checkpoints, ledger
from governance.db import Database
from governance.errors import UsageError
from governance.signed_notes import NoteSigner
from tests.governance.test_checkpoints import SIGNER, tell

Spoil = Callable[[dict[str, bytes]], None]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Fourteen events under two checkpoints; every third event is in the bundle."""
    db = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    tell(db, 7)
    notes = [checkpoints.take(db, SIGNER, "ada")]
    tell(db, 6)
    notes.append(checkpoints.take(db, SIGNER, "ada"))
    tell(db, 5)
    wanted = [event for event in ledger.page(db, limit=1000) if event.seq % 3 == 0]
    path = tmp_path / "bundle.zip"
    audit_bundle.write_bundle(db, wanted, notes, SIGNER.verifier, path)
    db.close()
    return path


def run(*arguments: object) -> tuple[int, str]:
    """Python alone: no site packages, no environment, from another folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", *map(str, arguments)], capture_output=True, text=True, cwd="/", env={}, check=False
    )
    return done.returncode, done.stdout


def respoilt(bundle: Path, spoil: Spoil) -> Path:
    with zipfile.ZipFile(bundle) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    spoil(parts)
    path = bundle.with_name("spoilt.zip")
    with zipfile.ZipFile(path, "w") as spoilt:
        for name, content in parts.items():
            spoilt.writestr(name, content)
    return path


def test_the_bundle_checks_itself_on_a_machine_without_the_product(bundle: Path) -> None:
    code, told = run(bundle, SIGNER.verifier)

    assert code == 0, told
    assert told.startswith("PROVEN")
    assert "4 events, each in the ledger of 14 events" in told
    assert "2 checkpoints" in told
    assert "the key was given by you" in told


def test_without_a_key_of_ones_own_it_says_what_that_does_not_show(bundle: Path) -> None:
    code, told = run(bundle)

    assert code == 0
    assert "named by the bundle itself" in told


def test_a_verifier_from_the_sources_checks_it_as_well(bundle: Path) -> None:
    code, told = run(Path(bundle_verifier.__file__), bundle, SIGNER.verifier)

    assert (code, told.splitlines()[0]) == (0, "PROVEN")


def test_a_bundle_signed_by_another_key_is_not_proven(bundle: Path) -> None:
    other = NoteSigner("house", Ed25519PrivateKey.generate()).verifier

    code, told = run(bundle, other)

    assert code == 1
    assert "did not sign" in told


def changed_actor(parts: dict[str, bytes]) -> None:
    parts["events.jsonl"] = parts["events.jsonl"].replace(b'"actor":"ada"', b'"actor":"eve"', 1)


def dropped_event(parts: dict[str, bytes]) -> None:
    parts["events.jsonl"] = parts["events.jsonl"].split(b"\n", 1)[1]


def swapped_events(parts: dict[str, bytes]) -> None:
    lines = parts["events.jsonl"].splitlines(keepends=True)
    parts["events.jsonl"] = b"".join([lines[1], lines[0], *lines[2:]])


def forged_proof(parts: dict[str, bytes]) -> None:
    proofs = json.loads(parts["proofs.json"])
    proofs["inclusion"][0][0] = "00" * 32
    parts["proofs.json"] = json.dumps(proofs).encode()


def forged_history(parts: dict[str, bytes]) -> None:
    proofs = json.loads(parts["proofs.json"])
    proofs["consistency"][0][0] = "00" * 32
    parts["proofs.json"] = json.dumps(proofs).encode()


def larger_checkpoint(parts: dict[str, bytes]) -> None:
    name = max(each for each in parts if each.startswith("checkpoints/"))
    parts[name] = parts[name].replace(b"\n14\n", b"\n15\n")


def no_checkpoint(parts: dict[str, bytes]) -> None:
    for name in [each for each in parts if each.startswith("checkpoints/")]:
        del parts[name]


def no_proofs(parts: dict[str, bytes]) -> None:
    del parts["proofs.json"]


def garbage(parts: dict[str, bytes]) -> None:
    parts["events.jsonl"] = b"\xff\xfe{"


@pytest.mark.parametrize(
    "spoil",
    [
        changed_actor,
        dropped_event,
        swapped_events,
        forged_proof,
        forged_history,
        larger_checkpoint,
        no_checkpoint,
        no_proofs,
        garbage,
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_a_bundle_that_was_changed_is_not_proven(bundle: Path, spoil: Spoil) -> None:
    code, told = run(Path(bundle_verifier.__file__), respoilt(bundle, spoil), SIGNER.verifier)

    assert code == 1
    assert told.startswith("NOT PROVEN")


def test_what_is_no_bundle_is_not_proven_and_shows_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 nothing")

    code, told = run(Path(bundle_verifier.__file__), tmp_path / "x.zip")

    assert code == 1
    assert told.startswith("NOT PROVEN: the bundle cannot be read")


def test_the_same_events_give_the_same_bundle_byte_for_byte(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    tell(db, 4)
    note = checkpoints.take(db, SIGNER, "ada")
    written = []
    for name in ("one.zip", "two.zip"):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "bundle.zip"
        assert audit_bundle.write_bundle(db, ledger.page(db), [note], SIGNER.verifier, path) == 4
        written.append(path.read_bytes())

    assert written[0] == written[1]


def test_a_ledger_that_nobody_checkpointed_has_nothing_to_prove_by(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")

    with pytest.raises(UsageError, match="no checkpoint"):
        audit_bundle.write_bundle(db, [], [], SIGNER.verifier, tmp_path / "bundle.zip")


@settings(max_examples=15, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), flip=st.integers(0, 511))
def test_the_verifier_s_own_ed25519_agrees_with_the_library_s(seed: bytes, message: bytes, flip: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    forged = bytearray(signature)
    forged[flip // 8] ^= 1 << flip % 8

    assert bundle_verifier.is_signed(public, message, signature)
    assert not bundle_verifier.is_signed(public, message + b"!", signature)
    try:
        assert not bundle_verifier.is_signed(public, message, bytes(forged))
    except bundle_verifier.Wrong:
        assert forged != signature
