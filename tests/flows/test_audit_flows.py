"""The recall and the night's audit as Prefect runs them."""

from __future__ import annotations

import pytest

from flows.deployments import serve_audits
from flows.errors import NotPermitted, UsageError
from flows.shard import run_shard
from governance import people, recalls
from governance.errors import IntegrityError
from governance.people import Role
from governance.recall_reach import Scope
from tests.flows.world import STYLE, World, photo, planned, waiting


@pytest.fixture
def house(world: World) -> World:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())
    list(run_shard(waiting(world), made))
    return world


@pytest.mark.parametrize(("cron", "timezone"), [("every night", "UTC"), ("0 2 * * *", "Middle/Earth"), ("", "UTC")])
def test_a_schedule_that_is_none_is_refused_before_anything_is_started(world: World, cron: str, timezone: str) -> None:
    with pytest.raises(UsageError, match=r"cron|timezone"):
        serve_audits(world.settings, cron, timezone)


def test_the_flow_of_a_recall_takes_back_what_was_ordered(house: World) -> None:
    from flows.recall import recall

    ordered = recalls.order(house.services.records, Scope.STYLE, STYLE, "why", "olga")
    assert recall.fn(ordered.recall_id, "olga") == {"withdrawn": 1}
    assert recall.fn(ordered.recall_id, "olga") == {}
    assert house.published() == {}


def test_the_flow_of_a_recall_asks_who_is_responsible(house: World) -> None:
    from flows.recall import recall

    records = house.services.records
    ordered = recalls.order(records, Scope.STYLE, STYLE, "why", "olga")
    people.grant(records, "ada", Role.ADMINISTRATOR, "ada")
    with pytest.raises(NotPermitted, match="bob may not recall"):
        recall.fn(ordered.recall_id, "bob")
    assert len(house.published()) == 1


@pytest.mark.slow
def test_the_nightly_flow_gives_its_report_and_fails_when_something_is_wrong(house: World) -> None:
    from flows.audit_nightly import audit_nightly

    assert audit_nightly("nora")["well"]
    (key,) = house.published()
    (house.home / "restyled" / key).unlink()
    with pytest.raises(IntegrityError, match="1 findings; the first: published files"):
        audit_nightly("nora")
