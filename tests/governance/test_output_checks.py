"""Looks at published files in the records: what is kept, what the ledger is told, what comes next; and what ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from governance import ending_rights, ledger, output_checks, outputs
from governance.db import Database
from governance.lineage import lineage_of
from governance.output_checks import Look
from tests.governance.world import FACTS, TERMS, digest, permitted, published_item

NOW = datetime(2026, 5, 1, 3, tzinfo=UTC)


def looked(db: Database, number: int, found: str = "same", credentials: str | None = "valid", **told: str) -> Look:
    output = outputs.page(db)[number]
    return Look(output.ordinal, output.item_id, found, output.output_digest, credentials, **told)  # type: ignore[arg-type]


def told(db: Database) -> list[tuple[str, str | None]]:
    return [(e.body["found"], e.body["credentials"]) for e in ledger.page(db, kind="output:checked", limit=100)]


def test_a_file_that_is_as_it_left_is_noted_and_the_ledger_hears_nothing(database: Database, run_id: str) -> None:
    published_item(database, run_id)
    assert output_checks.record(database, [looked(database, 0)], "nora", now=NOW) == 0
    (output,) = outputs.page(database)
    assert (output.found, output.credentials, output.checked_at) == ("same", "valid", NOW)
    assert told(database) == []


def test_the_ledger_hears_of_each_change_once_also_when_all_is_well_again(database: Database, run_id: str) -> None:
    published_item(database, run_id)
    for found, credentials in [("changed", "invalid"), ("changed", "invalid"), ("missing", None), ("same", "valid")]:
        output_checks.record(database, [looked(database, 0, found, credentials, why="a\nforged line")], "nora")
    assert told(database) == [("changed", "invalid"), ("missing", None), ("same", "valid")]
    (output,) = outputs.page(database)
    assert output.credentials_why == "a\N{REPLACEMENT CHARACTER}forged line"


def test_those_that_nobody_looked_at_come_first_then_those_of_longest_ago(database: Database, run_id: str) -> None:
    for number in range(4):
        published_item(database, run_id, number)
    first, second, third, fourth = (each.ordinal for each in outputs.page(database))
    output_checks.record(database, [looked(database, 0)], "nora", now=NOW)
    output_checks.record(database, [looked(database, 2)], "nora", now=NOW - timedelta(days=1))
    assert output_checks.due(database) == (second, fourth, third, first)
    assert output_checks.due(database, limit=3) == (second, fourth, third)
    assert output_checks.due(database, campaign="another") == ()


def test_rights_that_ended_are_counted_by_what_ended(database: Database, run_id: str) -> None:
    today = date(2027, 1, 1)
    ended = replace(FACTS, rights_until=date(2026, 12, 31), consent="C-1", consent_until=today)
    published_item(database, run_id, 1, permitted(ended))
    published_item(database, run_id, 2, permitted(FACTS, replace(TERMS, valid_until=date(2026, 1, 1))))
    assert ending_rights.ended(database, today) == {"the licence of the style": 1, "the rights in the picture": 1}
    assert ending_rights.ended(database, date(2025, 7, 1)) == {}
    assert ending_rights.ending(database, today, today + timedelta(days=30)) == ()


def test_the_story_of_an_item_is_told_before_and_after_it_left(database: Database, run_id: str) -> None:
    item_id = published_item(database, run_id)
    story = lineage_of(database, item_id)
    assert story.output is not None
    assert story.output.output_digest == digest(("output", 1))
    assert story.people == {"asked for it": "brand-ops", "published it": "ada"}
    assert [event.kind for event in story.events] == [
        "item:planned",
        "item:approved",
        "item:signed",
        "item:published",
    ]
    assert story.as_dict()["output"]["rights_end"] == date(2028, 1, 1)
