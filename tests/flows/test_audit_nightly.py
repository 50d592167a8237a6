"""The night's audit: a quiet house, and everything that can be amiss in one."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from flows.auditing import Report, audit
from flows.diagnosis import Finding
from flows.shard import run_shard
from governance import legal_holds, recalls
from governance.legal_holds import HoldScope
from governance.recall_reach import Scope
from governance.tables.outputs import OUTPUTS
from governance.tables.rights import LICENCES, STYLE_APPROVALS
from tests.flows.world import STYLE, World, photo, planned, waiting
from tests.governance.test_checkpoints import rewrite

NOW = datetime.now(UTC)
TODAY = NOW.date()


@pytest.fixture
def house(world: World) -> World:
    """Two files left this house, and all is well."""
    for number, key in enumerate(("cup.jpg", "boat.jpg")):
        world.add(key, photo(number))
    made = planned(world, world.campaign())
    list(run_shard(waiting(world), made))
    return world


def audited(world: World) -> Report:
    return audit(world.services, "nora", now=NOW)


def found(report: Report, subject: str) -> Finding:
    return next(each for each in report.findings if each.subject == subject)


def change(world: World, table: Any, **values: Any) -> None:
    with world.services.records.write() as connection:
        connection.execute(update(table).values(values))


def test_a_quiet_house_is_well_and_the_report_is_kept_for_people_and_programs(house: World) -> None:
    report = audited(house)
    assert report.is_well, report.text
    assert found(report, "published files").found == "2 well"
    kept = sorted((house.home / "audits").iterdir())
    assert [path.suffix for path in kept] == [".json", ".txt"]
    assert json.loads(kept[0].read_bytes()) == json.loads(json.dumps(report.as_dict()))
    assert kept[1].read_text().startswith(f"restyle audit of {NOW:%Y-%m-%d %H:%M} UTC: well")


def test_every_audit_leaves_a_checkpoint(house: World) -> None:
    audited(house)
    audited(house)
    assert len(list((house.home / "checkpoints").rglob("*.note"))) == 2


def test_a_rewritten_ledger_is_found_and_everything_else_is_still_looked_at(house: World) -> None:
    audited(house)
    rewrite(house.services.records, 3)
    report = audited(house)
    assert not report.is_well
    assert "rewritten" in found(report, "ledger").found
    assert found(report, "published files").state == "ok"


def test_a_file_that_is_gone_is_named(house: World) -> None:
    key = min(house.published())
    (house.home / "restyled" / key).unlink()
    told = found(audited(house), "published files")
    assert told.state == "bad"
    assert "1 missing, 1 well" in told.found
    assert key in told.found


def test_what_ends_within_thirty_days_is_a_note_and_what_has_ended_is_bad(house: World) -> None:
    change(house, STYLE_APPROVALS, valid_until=TODAY + timedelta(days=10))
    licence(house, "C-9", "consent", TODAY + timedelta(days=30))
    licence(house, "later", "picture", TODAY + timedelta(days=31))
    notes = [each.found for each in audited(house).findings if each.subject == "rights"]
    assert notes == [
        f"the approval of {STYLE} v1 ends on {TODAY + timedelta(days=10)}",
        f"the licence (consent) C-9 ends on {TODAY + timedelta(days=30)}",
    ]
    change(house, OUTPUTS, rights_until=TODAY - timedelta(days=1))
    report = audited(house)
    assert not report.is_well
    assert found(report, "rights").found == "2 live files rest on what has ended: the rights in the picture"


def licence(world: World, licence_id: str, kind: str, until: date) -> None:
    row = {
        **dict.fromkeys(("evidence_digest", "valid_from", "derivatives", "ai_training")),
        **dict.fromkeys(("asset_classes", "channels", "territories"), '["*"]'),
        **{"licence_id": licence_id, "kind": kind, "holder": "somebody", "evidence": "", "exclusive": False},
        **{"attribution": "", "state": "in force", "recorded_by": "nora", "recorded_at": NOW, "valid_until": until},
    }
    with world.services.records.write() as connection:
        connection.execute(insert(LICENCES), row)


def test_a_recall_that_is_not_done_is_bad_and_one_that_waits_for_a_hold_is_a_note(house: World) -> None:
    records = house.services.records
    recalls.order(records, Scope.ASSET, "cup.jpg", "why", "olga")
    assert "1 files are still live" in found(audited(house), "recalls").found
    legal_holds.place(records, HoldScope.ASSET, "cup.jpg", "the court asked", "lea")
    told = found(audited(house), "recalls")
    assert (told.state, "wait for a legal hold" in told.found) == ("note", True)


def test_a_hold_that_was_to_be_looked_at_again_is_named(house: World) -> None:
    placed = NOW - timedelta(days=40)
    review_on = TODAY - timedelta(days=1)
    hold = legal_holds.place(
        house.services.records, HoldScope.ASSET, "x.jpg", "an old case", "lea", review_on=review_on, now=placed
    )
    told = found(audited(house), "legal holds")
    assert (told.state, hold.hold_id in told.found) == ("note", True)


def test_a_look_that_breaks_is_a_finding_and_the_others_go_on(house: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr("governance.ending_rights.ended", broken)
    report = audited(house)
    assert found(report, "rights").found == "it could not be looked at (ZeroDivisionError: a mistake of ours)"
    assert found(report, "recalls").state == "ok"
