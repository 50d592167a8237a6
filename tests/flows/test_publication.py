"""What is on record of a publication: what it rests on, what its file is, what was asked, and what it cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from flows.approved_items import publish_approved, ready_to_publish
from flows.campaign import Campaign
from flows.publishing import Publisher
from flows.report import write_report
from flows.shard import Tools, run_shard
from flows.stores.base import Put
from governance import approvals, items, ledger, outputs, policy_records, review, runs, usage
from governance.events import EventKind
from governance.items import Item, ItemState
from governance.outputs import Output
from governance.policy import Policy
from governance.review import ReviewReason
from stylecore.data import Digest
from tests.flows.world import STYLE, World, photo, planned, waiting


def all_outputs(world: World) -> tuple[Output, ...]:
    return outputs.page(world.services.records)


def only_output(world: World) -> Output:
    (found,) = all_outputs(world)
    return found


def run(world: World, campaign: Campaign | None = None) -> Tools:
    """Plan, and do all that is planned."""
    made = planned(world, campaign or world.campaign())
    list(run_shard(waiting(world), made))
    return made


def keeping(world: World, days: int) -> Campaign:
    campaign = world.campaign()
    return campaign.model_copy(update={"publish": campaign.publish.model_copy(update={"retain_days": days})})


def with_shelf(made: Tools, shelf: object) -> Tools:
    return replace(made, publisher=replace(made.publisher, shelf=shelf))  # type: ignore[arg-type]


def on_day(publisher: Publisher, day: date) -> Publisher:
    return replace(publisher, asking=replace(publisher.asking, today=lambda: day))


def held_and_approved(world: World, **facts: str) -> tuple[Tools, Item]:
    """A picture that a person approved and nobody has published yet."""
    world.add("cup.jpg", photo(1), **facts)
    made = planned(world, world.campaign(least=2.0))
    list(run_shard(waiting(world), made))
    (item,) = review.queue(world.services.records)
    review.approve(world.services.records, item.item_id, "ann", ReviewReason.LOOKS_RIGHT)
    found = items.get(world.services.records, item.item_id)
    assert found is not None
    return made, found


# Outputs.


def test_what_a_shard_publishes_is_on_record_with_the_facts_of_the_file(world: World) -> None:
    world.add("cup.jpg", photo(1), zones='[{"kind": "logo", "box": [0.1, 0.1, 0.3, 0.2]}]')
    made = run(world, keeping(world, 30))
    found, ((_, content),) = only_output(world), world.published().items()
    assert (found.output_digest, found.size_bytes) == (Digest.of(content), len(content))
    assert (found.media_type, found.uri.startswith("file:")) == ("image/jpeg", True)
    assert found.certificate == world.services.identity.fingerprint
    assert (found.ai_label, found.stamped, found.inbound) == (True, False, "none")
    assert (found.has_mark, found.reviews, found.run_id) == (True, 0, made.run_id)
    assert (found.asset_licence, found.style_licence, found.shows_person) == ("studio", "house", False)
    assert found.policy_digest == made.publisher.asking.policy.digest
    assert found.retain_until == made.publisher.asking.today() + timedelta(days=30)
    assert found.fingerprint is not None
    assert len(found.fingerprint) == 16


def test_what_a_person_approved_counts_them_and_keeps_no_end_that_nobody_set(world: World) -> None:
    held_and_approved(world)
    list(publish_approved(world.services, "tester"))
    found = only_output(world)
    assert (found.reviews, found.retain_until, found.run_id, found.has_mark) == (1, None, None, False)


def test_credentials_that_a_source_carries_are_kept_and_the_record_says_so(world: World) -> None:
    world.add("cup.jpg", photo(1))
    run(world)
    ((_, signed),) = world.published().items()
    world.add("again.jpg", signed)
    run(world)
    assert {each.key: each.inbound for each in all_outputs(world)} == {"cup.jpg": "none", "again.jpg": "kept"}


def test_credentials_that_nobody_can_read_are_dropped_and_the_record_says_so(world: World) -> None:
    world.add("cup.jpg", photo(1))
    run(world)
    ((_, signed),) = world.published().items()
    begin = signed.index(b"jumdc2pa")
    spoilt = signed[: begin + 60] + bytes(40) + signed[begin + 100 :]
    world.add("spoilt.jpg", spoilt)
    run(world)
    assert {each.key: each.inbound for each in all_outputs(world)}["spoilt.jpg"] == "dropped"


class _Stopping:
    """A destination after which the process is gone: the picture is there, and nobody has heard of it."""

    def __init__(self, shelf: Any) -> None:
        self._shelf = shelf

    def put_new(self, key: str, *what: Any, **about: Any) -> Put:
        put: Put = self._shelf.put_new(key, *what, **about)
        if not key.endswith(".json"):
            raise KeyboardInterrupt
        return put


def test_a_publication_that_is_finished_after_an_interruption_is_on_record_once(world: World) -> None:
    made, item = held_and_approved(world)
    stopping = with_shelf(made, _Stopping(made.publisher.shelf))
    ready = ready_to_publish(made.publisher, item)
    with pytest.raises(KeyboardInterrupt):
        stopping.publisher.publish(ready)
    assert len(world.published()) == 1
    assert all_outputs(world) == ()
    for _ in range(2):
        list(publish_approved(world.services, "tester"))
    assert only_output(world).certificate == world.services.identity.fingerprint


# What was asked.


def test_making_and_publishing_are_both_on_record_with_their_question(world: World) -> None:
    world.add("cup.jpg", photo(1))
    run(world)
    told = policy_records.verdicts_of(world.services.records, only_output(world).item_id)
    assert [(each.action, each.permitted) for each in told] == [("restyle", True), ("restyle", True), ("publish", True)]
    assert {each.policy_digest for each in told} == {Policy.shipped().digest}
    asked = [(each.question_digest, each.asked_on) for each in told]
    restyle, again, publish = policy_records.questions(world.services.records, asked)
    assert restyle == again == replace(publish, action="restyle")
    assert (publish.facts.licence, publish.purpose.asked_by) == ("studio", "maria@brand.example")


def test_a_licence_that_ends_between_rendering_and_publishing_is_refused_and_recorded(world: World) -> None:
    made, item = held_and_approved(world, **{"rights-until": "2030-01-01"})
    refused = on_day(made.publisher, date(2030, 1, 2)).publish(ready_to_publish(made.publisher, item))
    assert [reason.code for reason in getattr(refused, "reasons", ())] == ["asset_rights_expired"]
    assert world.published() == {}
    assert all_outputs(world) == ()
    last = policy_records.verdicts_of(world.services.records, item.item_id)[-1]
    assert (last.action, last.permitted, last.asked_on) == ("publish", False, date(2030, 1, 2))
    assert last.codes == ("asset_rights_expired",)
    found = policy_records.refusals_of(world.services.records, item.item_id)
    assert [reason.code for _, reason in found] == ["asset_rights_expired"]
    assert EventKind.ITEM_PUBLISH_REFUSED in [each.kind for each in ledger.page(world.services.records, limit=1000)]


def test_on_the_last_day_of_its_licence_a_picture_is_still_published(world: World) -> None:
    made, item = held_and_approved(world, **{"rights-until": "2030-01-01"})
    on_day(made.publisher, date(2030, 1, 1)).publish(ready_to_publish(made.publisher, item))
    assert only_output(world).rights_until == date(2030, 1, 1)


class _Revoking:
    """A destination that sees the style revoked right after the third picture has arrived."""

    def __init__(self, shelf: Any, world: World) -> None:
        self._shelf, self._world, self._arrived = shelf, world, 0

    def put_new(self, key: str, *what: Any, **about: Any) -> Put:
        put: Put = self._shelf.put_new(key, *what, **about)
        self._arrived += not key.endswith(".json")
        if self._arrived == 3 and not key.endswith(".json"):
            approvals.revoke(self._world.services.records, STYLE, 1, "compliance", "the artist objects")
        return put


def test_a_style_revoked_while_its_shard_runs_is_refused_at_the_next_picture(world: World) -> None:
    """Only pictures that were on their way out at that very moment still leave: as many as are published at once."""
    for seed in range(16):
        world.add(f"{seed:02}.jpg", photo(seed))
    made = planned(world, world.campaign())
    ended = list(run_shard(waiting(world), with_shelf(made, _Revoking(made.publisher.shelf, world))))
    states = [each.state for each in ended]
    assert len(states) == 16
    assert 3 <= states.count(ItemState.PUBLISHED) <= 3 + 3
    refused = [each for each in ended if each.state == ItemState.REFUSED]
    assert len(refused) == 16 - states.count(ItemState.PUBLISHED)
    assert {reason.code for each in refused for reason in each.reasons} == {"style_not_approved"}
    assert len(all_outputs(world)) == len(world.published()) == states.count(ItemState.PUBLISHED)
    assert all(policy_records.refusals_of(world.services.records, each.item_id) for each in refused)


# What it cost.


def test_a_run_knows_how_many_pictures_it_made_on_what_and_for_how_long(world: World) -> None:
    for seed in range(3):
        world.add(f"{seed}.jpg", photo(seed))
    world.add("letter.jpg", b"Dear colleagues,")
    made = run(world)
    (found,) = usage.of_run(world.services.records, made.run_id)
    assert (found.style_name, found.pictures) == (STYLE, 3)
    assert found.device.startswith("cpu")
    assert found.busy_ms > 0
    assert found.energy_j is None  # no CPU tells us, and nothing is estimated
    report = write_report(world.services, runs.get(world.services.records, made.run_id)).read_text()
    assert f"3 pictures, {found.busy_ms / 1000:,.1f} s of cpu" in report


def test_a_shard_in_which_nothing_was_stylized_cost_nothing(world: World) -> None:
    world.add("letter.jpg", b"Dear colleagues,")
    made = run(world)
    assert usage.of_run(world.services.records, made.run_id) == ()


def test_work_that_breaks_off_takes_time_and_makes_no_picture(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("cup.jpg", photo(1))
    made = planned(world, world.campaign())

    def broken(*_: object) -> None:
        raise ValueError("the network ran out of numbers")

    monkeypatch.setattr("flows.shard.stylize", broken)
    list(run_shard(waiting(world), made))
    (found,) = usage.of_run(world.services.records, made.run_id)
    assert found.pictures == 0
