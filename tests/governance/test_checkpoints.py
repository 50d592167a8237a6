"""Checkpoints against somebody who owns the database, knows the format, and rewrites everything after his change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from governance import checkpoints, ledger
from governance.checkpoints import Checkpoint, Rewritten
from governance.db import Database
from governance.errors import IntegrityError, UsageError
from governance.events import EventKind
from governance.ledger import GENESIS, Broken, Verified
from governance.signed_notes import NoteSigner, NoteVerifier
from stylecore.data import Digest
from tests.governance.test_ledger import append, happening, tampering

SIGNER = NoteSigner("house", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def tell(db: Database, count: int) -> None:
    for number in range(count):
        append(db, happening(number))


def take(db: Database, *noted: Checkpoint) -> Checkpoint:
    return checkpoints.read(checkpoints.take(db, SIGNER, "ada", noted), SIGNER.verifier)


def rewrite(db: Database, changed: int) -> None:
    """The change, and then every hash after it and the head: the chain alone cannot see this."""
    with tampering(db) as connection:
        rows = connection.execute(text("SELECT * FROM events ORDER BY seq")).mappings().all()
        tip = str(GENESIS)
        for row in rows:
            actor = "mallory" if row["seq"] == changed else row["actor"]
            named = (row["seq"], row["at"], row["kind"], actor, row["subject"], row["body"], tip)
            own = ledger._hash(*named)
            connection.execute(
                text("UPDATE events SET actor = :actor, prev_hash = :tip, hash = :own WHERE seq = :seq"),
                {"actor": actor, "tip": tip, "own": own, "seq": row["seq"]},
            )
            tip = own
        connection.execute(text("UPDATE ledger_head SET hash = :tip"), {"tip": tip})


def test_a_ledger_that_only_grew_agrees_with_all_its_checkpoints(database: Database) -> None:
    tell(database, 7)
    first = take(database)
    tell(database, 5)
    second = take(database, first)
    tell(database, 1)

    assert (first.size, second.size) == (7, 13)  # the checkpoint is an event itself
    assert isinstance(checkpoints.verify(database, [first, second]), Verified)


def test_a_rewritten_past_with_a_perfect_chain_is_pinpointed_between_two_checkpoints(database: Database) -> None:
    tell(database, 7)
    first = take(database)
    tell(database, 5)
    second = take(database, first)
    rewrite(database, changed=10)

    assert isinstance(ledger.verify(database), Verified)
    found = checkpoints.verify(database, [first, second])

    assert isinstance(found, Rewritten)
    assert (found.after_seq, found.up_to_seq) == (7, 13)
    assert "events 8 to 13" in found.what


def test_events_cut_off_together_with_the_head_are_missed(database: Database) -> None:
    tell(database, 6)
    noted = take(database)
    with tampering(database) as connection:
        connection.execute(text("DELETE FROM events WHERE seq > 4"))
        last = connection.execute(text("SELECT hash FROM events WHERE seq = 4")).scalar_one()
        connection.execute(text("UPDATE ledger_head SET seq = 4, hash = :last"), {"last": last})

    assert isinstance(ledger.verify(database), Verified)
    assert checkpoints.verify(database, [noted]) == Broken(5, "missing: a checkpoint knows 6 events, the ledger 4")


def test_a_ledger_that_was_tampered_with_is_not_signed(database: Database) -> None:
    tell(database, 3)
    noted = take(database)
    rewrite(database, changed=2)

    with pytest.raises(IntegrityError, match="events 1 to 3"):
        take(database, noted)


def test_two_checkpoints_of_one_size_that_differ_are_told_as_two_histories(database: Database) -> None:
    tell(database, 3)
    noted = take(database)
    other = Checkpoint(noted.size, Digest("0" * 64), noted.at)

    with pytest.raises(IntegrityError, match="differ"):
        checkpoints.verify(database, [noted, other])


def test_an_empty_ledger_has_nothing_to_checkpoint(database: Database) -> None:
    with pytest.raises(UsageError, match="no event"):
        take(database)


def test_the_ledger_says_when_it_was_checkpointed_and_by_whom(database: Database) -> None:
    tell(database, 2)
    note = checkpoints.take(database, SIGNER, "ada")

    (event,) = ledger.page(database, kind=EventKind.LEDGER_CHECKPOINTED)

    assert (event.actor, event.body["note"], event.body["size"]) == ("ada", note, 2)


@given(
    size=st.integers(0, 10**12),
    root=st.binary(min_size=32, max_size=32),
    at=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)),
)
def test_what_a_note_says_is_what_was_signed(size: int, root: bytes, at: datetime) -> None:
    checkpoint = Checkpoint(size, Digest(root.hex()), at)

    assert checkpoints.read(SIGNER.note(checkpoint.text), SIGNER.verifier) == checkpoint


@given(place=st.integers(0, 10_000), character=st.characters())
def test_a_note_with_any_character_changed_is_refused_or_says_the_same(place: int, character: str) -> None:
    checkpoint = Checkpoint(5, Digest("ab" * 32), datetime(2026, 1, 2, tzinfo=UTC))
    note = SIGNER.note(checkpoint.text)
    place %= len(note)
    changed = note[:place] + character + note[place + 1 :]

    try:
        assert checkpoints.read(changed, SIGNER.verifier) == checkpoint
    except IntegrityError:
        assert changed != note


@pytest.mark.parametrize(
    "note", ["", "\n\n\u2014 house AAAA", "restyle ledger\n5\n", "x" * 20_000, "a\n\n\u2014 house !"]
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(IntegrityError):
        checkpoints.read(note, SIGNER.verifier)


def test_a_note_signed_by_somebody_else_under_the_same_name_is_refused() -> None:
    other = NoteSigner("house", Ed25519PrivateKey.generate())

    with pytest.raises(IntegrityError, match="did not sign"):
        SIGNER.verifier.text_of(other.note("hello\n"))


def test_a_verifier_can_be_handed_on_as_text() -> None:
    assert NoteVerifier.parse(str(SIGNER.verifier)) == SIGNER.verifier


def test_the_published_example_of_the_format_is_understood() -> None:
    verifier = NoteVerifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    note = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "\u2014 PeterNeumann "
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )

    assert verifier.text_of(note).startswith("If you think cryptography")


@pytest.mark.parametrize("text_", ["", "a+b", "house+00000000+AAAA", str(SIGNER.verifier).replace("house", "horse")])
def test_what_is_no_verifier_is_refused(text_: str) -> None:
    with pytest.raises(IntegrityError, match="verifier"):
        NoteVerifier.parse(text_)


def test_a_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "checkpoints.pem"

    first, again = NoteSigner.load_or_create("house", path), NoteSigner.load_or_create("house", path)

    assert first.verifier == again.verifier
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["checkpoints.pem"]
