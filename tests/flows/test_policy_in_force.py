"""The policy in force: told when it changes, one and the same for a run, and asked from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.approved_items import publish_approved
from flows.cli.app import app
from flows.errors import NotPermitted
from flows.restyle_library import publish_leftovers, stylize_shard
from flows.run_records import begin, require_its_policy
from flows.shard import run_shard
from governance import items, ledger, review, runs
from governance.errors import PolicyError
from governance.events import EventKind
from governance.items import Item, ItemState
from governance.policy_rules import SHIPPED_POLICIES
from governance.review import ReviewReason
from tests.flows.world import STYLE, World, photo, planned, waiting

ASSETS = '(principal, action in [Action::"restyle", Action::"publish"], resource)'
NO_CUPS = f"""@id("no_cups")
@reason("cups are not shown any more")
forbid {ASSETS} when {{ resource.class == "product" }};
"""
KNOWN = ["--field", "class=product", "--field", "derivatives=allowed", "--field", "person=no"]


@pytest.fixture
def folder(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy folder of the house's own: a copy of the shipped rules."""
    own = tmp_path / "policy"
    own.mkdir()
    for path in SHIPPED_POLICIES.glob("*.cedar"):
        (own / path.name).write_text(path.read_text())
    monkeypatch.setenv("RESTYLE_POLICY_FOLDER", str(own))
    return own


def forbid_cups(folder: Path) -> None:
    (folder / "cups.cedar").write_text(NO_CUPS)


def told_changes(world: World) -> list[Any]:
    return [event.body["to"] for event in ledger.page(world.services.records, kind=EventKind.POLICY_CHANGED)]


def item_in(world: World, state: ItemState) -> Item:
    (found,) = items.page(world.services.records, states=(state,))
    return found


def restyle(*words: str) -> Result:
    return CliRunner(env={"COLUMNS": "250"}).invoke(app, words)


def answer_of(*words: str) -> dict[str, Any]:
    answer = restyle(*words, "--json")
    told: dict[str, Any] = json.loads(answer.stdout)
    return told


# In force.


def test_the_policy_in_force_is_what_the_folder_says_now(world: World, folder: Path) -> None:
    services = world.services
    before = services.policy
    assert services.policy is before
    forbid_cups(folder)
    assert services.policy.digest != before.digest
    (folder / "cups.cedar").unlink()
    assert services.policy.digest == before.digest


def test_the_ledger_tells_of_a_policy_once_and_of_the_next_when_it_counts(world: World, folder: Path) -> None:
    world.add("cup.jpg", photo(1))
    planned(world, world.campaign())
    planned(world, world.campaign())
    before = world.services.policy.digest
    assert told_changes(world) == [before]
    forbid_cups(folder)
    list(publish_approved(world.services, "tester"))
    assert told_changes(world) == [before, world.services.policy.digest]


def test_a_run_knows_the_policy_it_went_by(world: World, folder: Path) -> None:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())
    run = runs.get(world.services.records, made.run_id)
    assert run.policy_digest == world.services.policy.digest
    (started,) = ledger.page(world.services.records, kind=EventKind.RUN_STARTED)
    assert started.body["policy_digest"] == run.policy_digest


def test_a_shard_that_has_begun_ends_by_the_policy_it_began_with(world: World, folder: Path) -> None:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())
    forbid_cups(folder)
    (ended,) = run_shard(waiting(world), made)
    assert ended.state == ItemState.PUBLISHED


def test_no_shard_begins_by_a_policy_that_was_replaced(world: World, folder: Path) -> None:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())
    forbid_cups(folder)
    for step in (lambda: stylize_shard.fn(made.run_id, 1, []), lambda: publish_leftovers.fn(made.run_id)):
        with pytest.raises(NotPermitted, match=r"put in force while run .*one policy for a whole run.*again"):
            step()
    assert [item.state for item in waiting(world)] == [ItemState.PLANNED]


def test_the_next_run_asks_the_new_policy_of_all_that_is_left(world: World, folder: Path) -> None:
    world.add("cup.jpg", photo(1))
    planned(world, world.campaign())
    forbid_cups(folder)
    planned(world, world.campaign())
    assert [reason.code for reason in item_in(world, ItemState.REFUSED).reasons] == ["no_cups"]


def test_what_people_approved_under_the_old_policy_is_refused_by_the_new(world: World, folder: Path) -> None:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign(least=2.0))
    list(run_shard(waiting(world), made))
    review.approve(world.services.records, item_in(world, ItemState.IN_REVIEW).item_id, "ann", ReviewReason.LOOKS_RIGHT)
    forbid_cups(folder)
    (ended,) = publish_approved(world.services, "tester")
    assert ended.state == ItemState.REFUSED
    assert [reason.code for reason in ended.reasons] == ["no_cups"]


def test_a_policy_folder_that_breaks_during_a_run_holds_everything(world: World, folder: Path) -> None:
    made = planned(world, world.campaign())
    (folder / "cups.cedar").write_text("forbid (")
    with pytest.raises(PolicyError):
        stylize_shard.fn(made.run_id, 1, [])


def test_a_run_that_an_older_restyle_began_goes_on(world: World) -> None:
    services = world.services
    run = begin(services.records, world.campaign(), "tester", None, services.policy)
    require_its_policy(replace(run, policy_digest=None), services.policy)


# From the command line.


def published_cup(world: World) -> Item:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())
    list(run_shard(waiting(world), made))
    return item_in(world, ItemState.PUBLISHED)


def test_one_question_is_answered_with_every_reason(world: World) -> None:
    known = ["--style", STYLE, *KNOWN]
    assert answer_of("policy", "check", *known)["permitted"] is True
    ending = [*known, "--field", "rights-until=2026-03-04"]
    told = answer_of("policy", "check", *ending, "--channel", "tv", "--on", "2026-03-05")
    assert [reason["code"] for reason in told["reasons"]] == ["asset_rights_expired", "style_channel_not_covered"]
    assert answer_of("policy", "check", *ending, "--on", "2026-03-04", "--publish")["permitted"] is True


def test_a_question_may_be_put_to_a_policy_that_is_still_to_come(world: World, folder: Path, tmp_path: Path) -> None:
    forbid_cups(folder)
    now = answer_of("policy", "check", "--style", STYLE, *KNOWN, "--policy", str(SHIPPED_POLICIES))
    then = answer_of("policy", "check", "--style", STYLE, *KNOWN, "--policy", str(folder))
    assert (now["permitted"], then["permitted"]) == (True, False)


@pytest.mark.parametrize("words", [[], ["campaign.yaml", "--style", STYLE], ["--style", STYLE, "--field", "class"]])
def test_a_question_that_is_none_says_what_one_is(world: World, words: list[str]) -> None:
    answer = restyle("policy", "check", *words)
    assert answer.exit_code != 0
    assert getattr(answer.exception, "kind", "") == "usage"


def test_an_item_is_explained_by_what_was_decided_and_what_would_be_now(world: World, folder: Path) -> None:
    item = published_cup(world)
    before = world.services.policy.digest
    forbid_cups(folder)
    told = answer_of("policy", "explain", item.item_id[:12])
    assert [(each["action"], each["permitted"]) for each in told["decisions"]][-1] == ("publish", True)
    assert {each["policy_digest"] for each in told["decisions"]} == {before}
    assert [reason["code"] for reason in told["now"]["reasons"]] == ["no_cups"]
    assert told["now"]["policy"] == world.services.policy.digest
    page = restyle("policy", "explain", item.item_id[:12]).stdout
    assert "cups are not shown any more" in page
    assert before.short in page


def test_an_item_whose_asset_is_gone_is_explained_as_far_as_records_go(world: World) -> None:
    item = published_cup(world)
    (world.home / "library" / "_restyle.csv").write_text("not,a\nsidecar")
    told = answer_of("policy", "explain", item.item_id)
    assert len(told["decisions"]) == 3
    assert "problem" in told["now"] or told["now"]["permitted"] is False


def test_a_replay_ends_with_one_when_something_live_would_be_refused(world: World, folder: Path) -> None:
    published_cup(world)
    since = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"
    calm = restyle("policy", "replay", "--since", since)
    assert calm.exit_code == 0, calm.output
    forbid_cups(folder)
    alarm = restyle("policy", "replay", "--since", since)
    assert alarm.exit_code == 1
    for words in ("1 published files would have been refused", "cup.jpg", "no_cups"):
        assert words in alarm.output
    told = answer_of("policy", "replay", "--since", since, "--policy", str(folder))
    assert (told["answers"], told["now_refused"], told["live"]) == (3, 3, 1)
    assert told["refused_by_rule"] == {"no_cups": 3}
    assert told["live_examples"][0]["published_at"].startswith("file:")
    assert restyle("policy", "replay", "--since", since, "--policy", str(SHIPPED_POLICIES)).exit_code == 0
    earlier = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    assert answer_of("policy", "replay", "--since", since, "--until", earlier)["answers"] == 0
