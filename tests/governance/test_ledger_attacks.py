"""Somebody owns the database, has dropped the triggers, and knows the format: what `audit verify` still finds.

Attacks on single rows are in ``test_ledger``; here are those that put something in between or rewrite what follows, and
what a checkpoint kept elsewhere says to them.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from governance import checkpoints, ledger
from governance.checkpoints import Checkpoint, Rewritten
from governance.db import Database
from governance.errors import IntegrityError
from governance.ledger import GENESIS, Broken, Verified
from governance.tables.base import instant_text
from tests.governance.test_checkpoints import SIGNER, rewrite, take, tell
from tests.governance.test_ledger import T0, append, happening, independent_hash, tampering

INSERT = text(
    "INSERT INTO events (seq, at, kind, actor, subject, body, prev_hash, hash) "
    "VALUES (:seq, :at, :kind, :actor, :subject, :body, :prev_hash, :hash)"
)


@pytest.fixture
def told(database: Database) -> Database:
    """A ledger of twelve events, a second apart."""
    for number in range(1, 13):
        append(database, happening(number), at=T0 + timedelta(seconds=number))
    return database


def insert_after(db: Database, seq: int, *, rehashed: bool, with_head: bool) -> None:
    """A forged event in the middle, everything after it moved up; with hashes that fit, and the head, or without."""
    with tampering(db) as connection:
        rows = [dict(row) for row in connection.execute(text("SELECT * FROM events ORDER BY seq")).mappings()]
        forged = {**rows[seq - 1], "actor": "mallory"}
        history = [*rows[:seq], forged, *rows[seq:]]
        connection.execute(text("DELETE FROM events"))
        tip = str(GENESIS)
        for number, row in enumerate(history, start=1):
            row["seq"] = number
            if rehashed:
                row["prev_hash"] = tip
                row["hash"] = independent_hash(row)
            tip = str(row["hash"])
            connection.execute(INSERT, dict(row))
        if with_head:
            connection.execute(
                text("UPDATE ledger_head SET seq = :seq, hash = :tip"), {"seq": len(history), "tip": tip}
            )


def test_an_event_put_in_between_is_pinpointed(told: Database) -> None:
    insert_after(told, 5, rehashed=False, with_head=True)
    assert ledger.verify(told) == Broken(6, "its content is not what was written: its hash differs")


def test_an_event_put_in_between_with_hashes_that_fit_is_betrayed_by_the_head(told: Database) -> None:
    insert_after(told, 5, rehashed=True, with_head=False)
    assert ledger.verify(told) == Broken(13, "added without the ledger: its head does not know of it")


def test_an_event_put_in_between_with_hashes_and_head_is_found_by_a_checkpoint_kept_elsewhere(told: Database) -> None:
    early, late = take(told), None
    tell(told, 3)
    late = take(told, early)
    insert_after(told, 14, rehashed=True, with_head=True)
    assert isinstance(ledger.verify(told), Verified)
    assert checkpoints.verify(told, [early, late]) == Rewritten(early.size, late.size, late.at)
    with pytest.raises(IntegrityError, match="not intact"):
        checkpoints.take(told, SIGNER, "ada", [early, late])


@pytest.mark.parametrize("changed", [1, 4, 12])
def test_a_consistent_rewrite_of_everything_is_found_wherever_it_begins(told: Database, changed: int) -> None:
    noted = take(told)
    rewrite(told, changed)
    assert isinstance(ledger.verify(told), Verified)
    found = checkpoints.verify(told, [noted])
    assert isinstance(found, Rewritten)
    assert (found.after_seq, found.up_to_seq) == (0, noted.size)


def test_a_rewrite_that_also_forges_the_checkpoint_events_is_found_by_the_notes_outside(told: Database) -> None:
    """The attacker takes the checkpoint out of the ledger, too; what was kept elsewhere is out of reach."""
    noted = take(told)
    with tampering(told) as connection:
        connection.execute(text("DELETE FROM events WHERE kind = 'ledger:checkpointed'"))
        last = connection.execute(text("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")).mappings().one()
        connection.execute(text("UPDATE ledger_head SET seq = :seq, hash = :hash"), dict(last))
    rewrite(told, 3)
    assert isinstance(ledger.verify(told), Verified)
    assert isinstance(checkpoints.verify(told, [noted]), Rewritten)


def test_events_that_are_all_dated_back_by_a_year_are_found(told: Database) -> None:
    noted = take(told)
    with tampering(told) as connection:
        rows = [dict(row) for row in connection.execute(text("SELECT * FROM events ORDER BY seq")).mappings()]
        tip = str(GENESIS)
        for row in rows:
            row["at"] = str(int(str(row["at"])[:4]) - 1) + str(row["at"])[4:]
            row["prev_hash"] = tip
            tip = row["hash"] = independent_hash(row)
            connection.execute(
                text("UPDATE events SET at = :at, prev_hash = :prev_hash, hash = :hash WHERE seq = :seq"), row
            )
        connection.execute(text("UPDATE ledger_head SET hash = :tip"), {"tip": tip})
    assert isinstance(ledger.verify(told), Verified)
    assert isinstance(checkpoints.verify(told, [noted]), Rewritten)


def test_a_head_that_is_gone_or_wrong_is_told_and_nothing_more_is_written(told: Database) -> None:
    with tampering(told) as connection:
        connection.execute(text("UPDATE ledger_head SET hash = :wrong"), {"wrong": "f" * 64})
    assert ledger.verify(told) == Broken(12, "rewritten: the ledger's head names another hash for it")
    with tampering(told) as connection:
        connection.execute(text("DELETE FROM ledger_head"))
    with pytest.raises(IntegrityError, match="head is gone"):
        ledger.verify(told)
    with pytest.raises(IntegrityError, match="head is gone"):
        append(told, happening(13))


def test_with_a_clock_set_back_by_ten_years_events_keep_their_order_and_verify(told: Database) -> None:
    noted = take(told)
    (event,) = append(told, happening(99), at=T0 - timedelta(days=3650))
    assert instant_text(event.at) >= instant_text(noted.at.replace(microsecond=0))
    assert isinstance(checkpoints.verify(told, [noted]), Verified)


@pytest.mark.parametrize("column", ["at", "kind", "actor", "subject", "body", "hash"])
@pytest.mark.parametrize("seq", [1, 7, 12])
def test_whichever_column_of_whichever_row_is_edited_it_is_that_row_that_is_named(
    told: Database, column: str, seq: int
) -> None:
    values = {"at": instant_text(T0), "body": '{"forged":true}', "hash": "e" * 64}
    edit = text(f"UPDATE events SET {column} = :forged WHERE seq = :seq")  # noqa: S608
    with tampering(told) as connection:
        connection.execute(edit, {"forged": values.get(column, "forged"), "seq": seq})
    found = ledger.verify(told)
    assert isinstance(found, Broken)
    assert found.seq == seq


def test_a_checkpoint_of_more_than_there_is_shows_that_the_end_was_cut_off(told: Database) -> None:
    noted = Checkpoint(40, checkpoints.verify(told).head, T0)  # type: ignore[union-attr]
    assert checkpoints.verify(told, [noted]) == Broken(13, "missing: a checkpoint knows 40 events, the ledger 12")
