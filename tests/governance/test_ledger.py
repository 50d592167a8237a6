from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from governance import ledger
from governance.db import Database
from governance.events import Event, EventKind, NewEvent
from governance.ledger import Broken, Verified
from governance.tables.base import instant_text
from stylecore.data import canonical_json

T0 = datetime(2025, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def happening(number: int) -> NewEvent:
    return NewEvent(EventKind.ITEM_PLANNED, "ada", f"item:{number}", {"number": number, "städt": "Zürich ✓"})


def append(db: Database, *events: NewEvent, at: datetime | None = None) -> tuple[Event, ...]:
    with db.write() as connection:
        return ledger.append(connection, events, at=at)


@pytest.fixture
def told(database: Database) -> Database:
    """A ledger of twenty events, a second apart."""
    for number in range(1, 21):
        append(database, happening(number), at=T0 + timedelta(seconds=number))
    return database


@contextmanager
def tampering(db: Database) -> Iterator[Connection]:
    """Somebody with the rights to switch the triggers off."""
    with db.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
            return
        triggers = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = connection.execute(triggers).tuples().all()
        for name, _ in kept:
            connection.execute(text(f"DROP TRIGGER {name}"))
        yield connection
        for _, sql in kept:
            connection.execute(text(sql))


def tamper(db: Database, *statements: str) -> None:
    with tampering(db) as connection:
        for statement in statements:
            connection.execute(text(statement))


def rehash(db: Database, seq: int, **changed: str) -> None:
    """A careful forger: changes an event and gives it a hash that fits."""
    with tampering(db) as connection:
        row = dict(connection.execute(text("SELECT * FROM events WHERE seq = :seq"), {"seq": seq}).mappings().one())
        forged = {**row, **changed}
        forged["hash"] = independent_hash(forged)
        setting = ", ".join(f"{name} = :{name}" for name in forged)
        connection.execute(text(f"UPDATE events SET {setting} WHERE seq = :seq"), forged)  # noqa: S608


def independent_hash(row: dict[str, object]) -> str:
    """The definition, spelled out anew: the sha256 of the canonical JSON of all the other fields."""
    rest = {name: value for name, value in row.items() if name != "hash"}
    rest["body"] = json.loads(str(rest["body"]))
    return sha256(canonical_json(rest)).hexdigest()


def test_an_empty_ledger_is_whole(database: Database) -> None:
    assert ledger.verify(database) == Verified(0, ledger.GENESIS)


def test_events_are_numbered_without_gaps_and_each_names_the_one_before(told: Database) -> None:
    events = ledger.page(told)
    assert [event.seq for event in events] == list(range(1, 21))
    assert [event.prev_hash for event in events] == [ledger.GENESIS, *(event.hash for event in events[:-1])]
    assert ledger.verify(told) == Verified(20, events[-1].hash)
    assert ledger.head(told) == ledger.Head(20, events[-1].at, events[-1].hash)


def test_what_is_read_is_what_was_appended(database: Database) -> None:
    appended = append(database, happening(1), NewEvent(EventKind.POLICY_CHANGED, "grace", "policy:default"), at=T0)
    assert ledger.page(database) == appended
    assert appended[0].at == T0
    assert appended[0].body == {"number": 1, "städt": "Zürich ✓"}


def test_the_hash_is_the_sha256_of_the_canonical_json_of_the_rest(told: Database) -> None:
    with told.read() as connection:
        for row in connection.execute(text("SELECT * FROM events")).mappings():
            assert row["hash"] == independent_hash(dict(row))


def test_appending_nothing_writes_nothing(database: Database) -> None:
    assert append(database) == ()
    assert ledger.head(database).seq == 0


def test_a_clock_that_was_set_back_does_not_turn_time_back(told: Database) -> None:
    before = ledger.head(told).at
    (event,) = append(told, happening(21), at=T0 - timedelta(days=400))
    assert event.at == before
    assert isinstance(ledger.verify(told), Verified)


def test_pages_follow_each_other(told: Database) -> None:
    first = ledger.page(told, limit=15)
    second = ledger.page(told, after_seq=first[-1].seq, limit=15)
    assert [event.seq for event in (*first, *second)] == list(range(1, 21))


def test_pages_can_go_back_from_the_newest(told: Database) -> None:
    newest = ledger.page(told, newest_first=True, limit=3)
    older = ledger.page(told, newest_first=True, limit=2, after_seq=newest[-1].seq)
    assert [event.seq for event in (*newest, *older)] == [20, 19, 18, 17, 16]


def test_the_history_of_one_subject_can_be_asked_for(told: Database) -> None:
    assert [event.seq for event in ledger.page(told, subject="item:7")] == [7]
    assert ledger.page(told, subject="item:7", kind=EventKind.ITEM_REFUSED) == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'nobody' WHERE seq = 3",
        "DELETE FROM events WHERE seq = 20",
        "DELETE FROM ledger_head",
        "UPDATE ledger_head SET seq = seq - 1",
        "INSERT INTO ledger_head (id, seq, at, hash) VALUES (2, 0, '', '')",
    ],
)
def test_the_database_itself_refuses_to_change_the_ledger(told: Database, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), told.write() as connection:
        connection.execute(text(statement))
    assert isinstance(ledger.verify(told), Verified)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_sqlite_refuses_to_replace_an_event(told: Database) -> None:
    with pytest.raises(DBAPIError, match="append-only"), told.write() as connection:
        connection.execute(text("INSERT OR REPLACE INTO events SELECT * FROM events WHERE seq = 3"))


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["events", "ledger_head"])
def test_postgresql_refuses_to_empty_the_ledger(told: Database, table: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), told.write() as connection:
        connection.execute(text(f"TRUNCATE {table}"))


@pytest.mark.parametrize("column", ["at", "kind", "actor", "subject", "body", "prev_hash", "hash"])
def test_an_edit_of_any_column_is_pinpointed(told: Database, column: str) -> None:
    tamper(told, f"UPDATE events SET {column} = '{'f' * 27}' WHERE seq = 8")  # noqa: S608
    verdict = ledger.verify(told)
    assert isinstance(verdict, Broken)
    assert verdict.seq == 8


def test_a_single_space_in_a_body_is_pinpointed(told: Database) -> None:
    tamper(told, "UPDATE events SET body = replace(body, ',', ', ') WHERE seq = 13")
    assert ledger.verify(told) == Broken(13, "its content is not what was written: its hash differs")


def test_a_deleted_event_is_pinpointed(told: Database) -> None:
    tamper(told, "DELETE FROM events WHERE seq = 5")
    assert ledger.verify(told) == Broken(5, "missing: event 4 is followed by event 6")


def test_a_deleted_first_event_is_pinpointed(told: Database) -> None:
    tamper(told, "DELETE FROM events WHERE seq = 1")
    assert ledger.verify(told) == Broken(1, "missing: event 0 is followed by event 2")


def test_a_deleted_event_with_the_rest_renumbered_is_pinpointed(told: Database) -> None:
    tamper(told, "DELETE FROM events WHERE seq = 20", "UPDATE events SET seq = 20 WHERE seq = 19")
    assert ledger.verify(told) == Broken(19, "missing: event 18 is followed by event 20")


def test_a_tail_that_was_cut_off_is_pinpointed(told: Database) -> None:
    tamper(told, "DELETE FROM events WHERE seq > 17")
    assert ledger.verify(told) == Broken(18, "missing: the ledger held 20 events and ends at 17")


def test_a_tail_that_was_cut_off_is_still_seen_after_more_was_written(told: Database) -> None:
    tamper(told, "DELETE FROM events WHERE seq > 17")
    append(told, happening(21))
    assert ledger.verify(told) == Broken(18, "missing: event 17 is followed by event 21")


def test_two_events_that_changed_places_are_pinpointed(told: Database) -> None:
    tamper(
        told,
        "UPDATE events SET seq = 99 WHERE seq = 6",
        "UPDATE events SET seq = 6 WHERE seq = 9",
        "UPDATE events SET seq = 9 WHERE seq = 99",
    )
    verdict = ledger.verify(told)
    assert isinstance(verdict, Broken)
    assert verdict.seq == 6


def test_an_edit_with_a_hash_that_fits_is_pinpointed_by_its_successor(told: Database) -> None:
    rehash(told, 11, actor="somebody else")
    assert ledger.verify(told) == Broken(11, "rewritten: event 12 names another hash for the event before it")


def test_an_edit_of_the_last_event_with_a_hash_that_fits_is_pinpointed_by_the_head(told: Database) -> None:
    rehash(told, 20, actor="somebody else")
    assert ledger.verify(told) == Broken(20, "rewritten: the ledger's head names another hash for it")


def test_a_back_dated_event_is_pinpointed(told: Database) -> None:
    rehash(told, 20, at=instant_text(T0))
    verdict = ledger.verify(told)
    assert isinstance(verdict, Broken)
    assert (verdict.seq, verdict.what[:10]) == (20, "back-dated")


def test_an_event_added_behind_the_ledgers_back_is_pinpointed(told: Database) -> None:
    copy = "seq + 1, at, kind, actor, subject, body, hash, hash"
    tamper(told, f"INSERT INTO events SELECT {copy} FROM events WHERE seq = 20")  # noqa: S608
    rehash(told, 21, actor="somebody else")
    assert ledger.verify(told) == Broken(21, "added without the ledger: its head does not know of it")


def test_an_event_put_before_the_first_is_pinpointed(told: Database) -> None:
    copy = "0, at, kind, actor, subject, body, prev_hash, hash"
    tamper(told, f"INSERT INTO events SELECT {copy} FROM events WHERE seq = 1")  # noqa: S608
    verdict = ledger.verify(told)
    assert isinstance(verdict, Broken)
    assert verdict.seq == 0


def test_the_chain_is_verified_over_many_pages(database: Database) -> None:
    append(database, *map(happening, range(12_000)))
    assert ledger.verify(database) == Verified(12_000, ledger.head(database).hash)
    tamper(database, "UPDATE events SET actor = 'x' WHERE seq = 10001")
    verdict = ledger.verify(database)
    assert isinstance(verdict, Broken)
    assert verdict.seq == 10_001


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
BODIES = st.dictionaries(WORDS, st.none() | st.booleans() | st.integers() | WORDS | st.lists(WORDS, max_size=3))
EVENTS = st.builds(NewEvent, st.sampled_from(EventKind), WORDS, WORDS, BODIES)


@settings(max_examples=40, deadline=None)
@given(pages=st.lists(st.lists(EVENTS, max_size=4), max_size=4))
def test_whatever_happens_is_told_in_order_and_verifies(
    tmp_path_factory: pytest.TempPathFactory, pages: Sequence[Sequence[NewEvent]]
) -> None:
    database = Database.open(_copy_of_an_empty_one(tmp_path_factory))
    appended = [event for page in pages for event in append(database, *page)]
    assert list(ledger.page(database)) == appended
    assert ledger.verify(database) == Verified(len(appended), ledger.head(database).hash)
    database.close()


_EMPTY: list[bytes] = []


def _copy_of_an_empty_one(folders: pytest.TempPathFactory) -> str:
    path: Path = folders.mktemp("ledger") / "records.db"
    if not _EMPTY:
        Database.open(f"sqlite:///{path}").close()
        _EMPTY.append(path.read_bytes())
    path.write_bytes(_EMPTY[0])
    return f"sqlite:///{path}"
