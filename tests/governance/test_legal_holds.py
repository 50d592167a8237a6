from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from governance import ledger, legal_holds
from governance.db import Database
from governance.errors import PolicyError, UsageError
from governance.events import EventKind
from governance.legal_holds import Hold, HoldScope, PublishedItem
from stylecore.data import Digest
from tests.governance.world import digest
from tests.governance.year import Records, Row, a_year

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)


class _Published:
    def __init__(self, item_id: Digest) -> None:
        self.item_id = item_id


def placed(db: Database, scope: HoldScope, of: str, why: str = "a court asked") -> Hold:
    return legal_holds.place(db, scope, of, why, "cleo", now=NOW)


def holding(db: Database, output: PublishedItem) -> tuple[Hold, ...]:
    with db.read() as connection:
        return legal_holds.holding(connection, output)


def test_a_hold_is_kept_told_and_listed(database: Database) -> None:
    hold = legal_holds.place(
        database, HoldScope.STYLE, "dots/03", "a court asked", "cleo", review_on=date(2026, 6, 1), now=NOW
    )
    assert hold.of == "dots/3"
    assert legal_holds.every(database) == (hold,)
    (event,) = ledger.page(database)
    assert (event.kind, event.actor, event.subject) == (EventKind.HOLD_PLACED, "cleo", f"hold:{hold.hold_id}")
    assert event.body == {"scope": "style", "of": "dots/3", "why": "a court asked", "review_on": "2026-06-01"}


def test_a_released_hold_is_no_longer_listed_and_cannot_be_released_again(database: Database) -> None:
    hold = placed(database, HoldScope.CAMPAIGN, "spring")
    released = legal_holds.release(database, hold.hold_id[:12], "mina", "the case is closed", now=NOW)
    assert (released.released_by, released.released_at) == ("mina", NOW)
    assert legal_holds.every(database) == ()
    assert legal_holds.every(database, released_too=True) == (released,)
    assert [event.kind for event in ledger.page(database)] == [EventKind.HOLD_PLACED, EventKind.HOLD_RELEASED]
    with pytest.raises(PolicyError, match="released by mina already"):
        legal_holds.release(database, hold.hold_id, "mina", "again", now=NOW)


def test_a_hold_that_is_not_named_alone_is_not_released(database: Database) -> None:
    placed(database, HoldScope.CAMPAIGN, "spring")
    placed(database, HoldScope.CAMPAIGN, "autumn")
    with pytest.raises(UsageError, match="more than one hold"):
        legal_holds.release(database, "2026", "cleo", "over")
    with pytest.raises(UsageError, match="no hold has an id"):
        legal_holds.release(database, "2026%", "cleo", "over")
    assert len(legal_holds.every(database)) == 2


@pytest.mark.parametrize(
    ("scope", "of", "told"),
    [
        (HoldScope.OUTPUT, "abcd", "the whole id of an item"),
        (HoldScope.OUTPUT, "nonsense", "beginning of a digest"),
        (HoldScope.STYLE, "dots/x", "NAME/VERSION"),
        (HoldScope.STYLE, "/3", "NAME/VERSION"),
        (HoldScope.ASSET, "  ", "a hold of no asset"),
        (HoldScope.ASSET, "a\0b", "without NUL"),
        (HoldScope.CAMPAIGN, "\x1b[2J", "control characters"),
        (HoldScope.LICENCE, "", "is empty"),
    ],
)
def test_a_hold_of_what_cannot_be_is_refused_and_nothing_is_told(
    database: Database, scope: HoldScope, of: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        placed(database, scope, of)
    assert ledger.head(database).seq == 0


def test_a_hold_needs_a_reason_and_a_day_that_is_still_to_come(database: Database) -> None:
    with pytest.raises(UsageError, match="the reason is empty"):
        placed(database, HoldScope.CAMPAIGN, "spring", why=" ")
    with pytest.raises(UsageError, match="a day after 2026-01-01"):
        legal_holds.place(database, HoldScope.CAMPAIGN, "spring", "why", "cleo", review_on=NOW.date(), now=NOW)
    with pytest.raises(UsageError, match="one of asset, style"):
        legal_holds.scope_of("everything")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Records]:
    """Some published files, with the holds of their year released."""
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('held') / 'records.db'}")
    records = a_year(database, 60)
    for hold in legal_holds.every(database):
        legal_holds.release(database, hold.hold_id, "cleo", "the test begins", now=NOW)
    return database, records


def of_scope(scope: HoldScope, row: Row) -> list[str]:
    return {
        HoldScope.ASSET: [row["key"], str(row["asset_digest"]).upper()],
        HoldScope.STYLE: [row["style_name"], f"{row['style_name']}/{row['style_version']}"],
        HoldScope.CAMPAIGN: [row["campaign"]],
        HoldScope.LICENCE: [row["asset_licence"], row["style_licence"]],
        HoldScope.OUTPUT: [row["item_id"], row["output_digest"]],
    }[scope]


@pytest.mark.parametrize("scope", HoldScope)
def test_a_hold_keeps_what_is_in_its_scope_and_nothing_else(
    published: tuple[Database, Records], scope: HoldScope
) -> None:
    database, records = published
    held = records.rows["outputs"][7]
    for of in of_scope(scope, held):
        hold = placed(database, scope, of)
        for row in records.rows["outputs"]:
            spellings = [each.lower() for each in of_scope(scope, row)]
            expected = (hold,) if of.lower() in spellings else ()
            assert holding(database, _Published(row["item_id"])) == expected
        legal_holds.release(database, hold.hold_id, "cleo", "the next one", now=NOW)
        assert holding(database, _Published(held["item_id"])) == ()


def test_what_was_never_published_is_held_by_nothing(published: tuple[Database, Records]) -> None:
    database, records = published
    hold = placed(database, HoldScope.CAMPAIGN, records.rows["outputs"][0]["campaign"])
    assert holding(database, _Published(digest("never"))) == ()
    legal_holds.release(database, hold.hold_id, "cleo", "over", now=NOW)


def test_holds_last_when_the_database_is_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'records.db'}"
    first = Database.open(url)
    hold = placed(first, HoldScope.ASSET, "Cup.JPG")
    first.close()
    assert legal_holds.every(Database.open(url)) == (hold,)
    assert hold.of == "Cup.JPG"
