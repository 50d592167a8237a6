"""The audit's questions put to what a real run wrote: the records of a year are made up, these are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.approved_items import publish_approved
from flows.audit_answers import answer
from flows.recalling import affected
from flows.shard import run_shard
from governance import legal_holds, review
from governance.legal_holds import HoldScope
from governance.recall_reach import Scope
from governance.review import ReviewReason
from tests.flows.world import STYLE, World, photo, planned, waiting

LOGO = '[{"kind": "logo", "box": [0.1, 0.1, 0.3, 0.2]}]'


def asked(world: World, name: str, **given: str) -> list[dict[str, Any]]:
    found = answer(world.services, "ada", name, given, limit=100)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def assets(world: World, name: str, **given: str) -> list[str]:
    return [row["asset"] for row in asked(world, name, **given)]


def run(world: World, least: float) -> None:
    """Plan, and do all that is planned."""
    made = planned(world, world.campaign(least))
    list(run_shard(waiting(world), made))


@pytest.fixture
def lived_in(world: World) -> World:
    """A cup with a logo published by its scores, an agency's picture refused, and a jug that ann let pass."""
    world.add("cup.jpg", photo(1), zones=LOGO)
    world.add("agency.jpg", photo(2), derivatives="forbidden")
    run(world, least=-1.0)
    world.add("jug.jpg", photo(3))
    run(world, least=2.0)
    (held,) = review.queue(world.services.records)
    review.approve(world.services.records, held.item_id, "ann", ReviewReason.LOOKS_RIGHT, batch="tuesday")
    list(publish_approved(world.services, "ann"))
    return world


def test_what_was_published_is_found_by_how_it_was(lived_in: World) -> None:
    assert assets(lived_in, "made-with", style=STYLE) == ["cup.jpg", "jug.jpg"]
    assert assets(lived_in, "made-with", style=f"{STYLE}/1") == ["cup.jpg", "jug.jpg"]
    assert assets(lived_in, "unreviewed") == ["cup.jpg"]
    assert assets(lived_in, "marks") == ["cup.jpg"]
    assert assets(lived_in, "credentials") == ["cup.jpg", "jug.jpg"]
    for name in ("unlabelled", "credentials-dropped", "people-without-consent", "outside-territory", "drift"):
        assert assets(lived_in, name) == []
    assert assets(lived_in, "published-after-licence-ended") == assets(lived_in, "licence-ending") == []


def test_what_was_decided_is_found_with_who_and_why(lived_in: World) -> None:
    (refusal,) = asked(lived_in, "refusals")
    assert (refusal["when"], refusal["style"], bool(refusal["why"])) == ("restyle", STYLE, True)
    (override,) = asked(lived_in, "overrides")
    assert (override["by"], override["reason given"]) == ("ann", "looks_right")
    assert "is below 2" in override["set aside"]
    (reviewer,) = asked(lived_in, "reviewers", since="2000-01-01", until="2100-01-01")
    assert (reviewer["reviewer"], reviewer["yes"], reviewer["decided in batches"]) == ("ann", 1, 1)
    assert asked(lived_in, "self-approvals") == []


def test_the_style_and_the_policy_have_their_history(lived_in: World) -> None:
    what = [row["what"] for row in asked(lived_in, "style-history", style=STYLE)]
    assert what[0] == "style:registered"
    assert "style:approved" in what
    assert asked(lived_in, "style-sources", style=STYLE)
    files = asked(lived_in, "policy-then")
    assert {row["still in force"] for row in files} == {"yes"}
    assert {"assets.cedar", "people.cedar", "styles.cedar"} <= {row["file"] for row in files}
    before = datetime.now(UTC) - timedelta(days=2)
    assert asked(lived_in, "policy-then", at=before.date().isoformat()) == []


def test_the_story_the_ledger_the_certificate_and_the_cost_are_told(lived_in: World) -> None:
    (cup, _) = asked(lived_in, "made-with", style=STYLE)
    told = [row["what"] for row in asked(lived_in, "lineage", digest=cup["file digest"])]
    assert {"asset", "style", "approval of the style", "file", "rights", "item:planned", "item:published"} <= set(told)
    (proof,) = asked(lived_in, "ledger-intact")
    assert (proof["after event"], proof["intact"]) == (0, "yes")
    signers = [row for row in asked(lived_in, "certificates") if row["signs"] == "files"]
    assert [(row["stands"], row["files"]) for row in signers] == [("in use", 2)]
    assert sum(row["pictures"] for row in asked(lived_in, "cost")) == 2


def test_a_held_file_is_named_by_a_recall_and_by_retention_and_not_removed(lived_in: World) -> None:
    placed = legal_holds.place(lived_in.services.records, HoldScope.ASSET, "cup.jpg", "a court asked", "cleo")
    states = {each.reached.made.key: each.state for each in affected(lived_in.services, Scope.STYLE, STYLE)}
    assert states == {"cup.jpg": "held", "jug.jpg": "live"}
    assert placed.review_on is None
    assert asked(lived_in, "retention") == []
    assert assets(lived_in, "takedown-impact", asset="cup.jpg") == ["cup.jpg"]
