"""Taking published files back: from a folder and from S3, interrupted and again, held, changed, and never made anew."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from flows import recalling
from flows.approved_items import publish_approved
from flows.recalling import CHANGED, FAILED, HELD, LIVE, WITHDRAWN, Affected, affected, take_back
from flows.shard import run_shard
from flows.stores.errors import StoreUnreachable
from flows.stores.local import FolderStore
from flows.stores.spec import S3Spec
from governance import items, ledger, legal_holds, outputs, recalls, review
from governance.items import ItemState
from governance.ledger import Verified
from governance.legal_holds import HoldScope
from governance.recall_reach import Scope
from governance.recalls import Recall
from governance.review import ReviewReason
from tests.flows.world import STYLE, World, photo, planned, waiting

WHY = "the artist withdrew"


def publish(world: World, *keys: str) -> None:
    for number, key in enumerate(keys):
        world.add(key, photo(number))
    run(world, world.campaign())


def run(world: World, campaign: Any) -> None:
    """Plan and run one shard of everything that the campaign asks for."""
    made = planned(world, campaign)
    list(run_shard(waiting(world), made))


def order(world: World, scope: Scope = Scope.STYLE, of: str = STYLE) -> Recall:
    return recalls.order(world.services.records, scope, of, WHY, "olga")


def taken(world: World, recall: Recall) -> Counter[str]:
    return Counter(each.state for each in take_back(world.services, recall, "olga"))


def files(world: World) -> set[str]:
    shelf = world.home / "restyled"
    return {
        str(path.relative_to(shelf))
        for path in shelf.rglob("*")
        if path.is_file() and not path.relative_to(shelf).parts[0].startswith(".")
    }


def states(world: World) -> Counter[str]:
    return Counter(each.state for each in outputs.page(world.services.records))


def test_looking_changes_nothing(world: World) -> None:
    publish(world, "cup.jpg", "sea/boat.jpg")
    before, events = files(world), ledger.head(world.services.records)
    found = list(affected(world.services, Scope.STYLE, STYLE))
    assert [each.state for each in found] == [LIVE, LIVE]
    assert {each.reached.made.key for each in found} == {"cup.jpg", "sea/boat.jpg"}
    assert (files(world), ledger.head(world.services.records)) == (before, events)


def test_files_and_their_statements_go_and_a_tombstone_says_why(world: World) -> None:
    publish(world, "cup.jpg", "sea/boat.jpg")
    pictures = set(world.published())
    recall = order(world)
    assert taken(world, recall) == {WITHDRAWN: 2}
    assert files(world) == {f"{key}.restyle-withdrawn.json" for key in pictures}
    for key in pictures:
        told = json.loads((world.home / "restyled" / f"{key}.restyle-withdrawn.json").read_bytes())
        assert (told["recall"], told["why"]) == (recall.recall_id, WHY)
        item = items.find_by_digest_prefix(world.services.records, told["item"])
        assert [each.output_digest for each in item] == [told["sha256"]]
    assert states(world) == {"withdrawn": 2}
    assert recalls.get(world.services.records, recall.recall_id).ended_at is not None
    assert isinstance(ledger.verify(world.services.records), Verified)


def test_only_what_is_reached_goes(world: World) -> None:
    publish(world, "cup.jpg", "sea/boat.jpg")
    assert taken(world, order(world, Scope.ASSET, "cup.jpg")) == {WITHDRAWN: 1}
    assert len(world.published()) == 1
    assert states(world) == {"withdrawn": 1, "live": 1}


class _Killed(BaseException):
    """As a kill is: nothing of ours catches it."""


@pytest.mark.parametrize("after", ["remove", "put_new", "withdraw", "end"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_killed_anywhere_and_started_again_it_ends_as_if_nothing_had_happened(
    world: World, monkeypatch: pytest.MonkeyPatch, after: str, times: int
) -> None:
    publish(world, "a.jpg", "b.jpg")
    pictures = set(world.published())
    recall = order(world)
    monkeypatch.setattr(recalling, "_HANDS", 1)
    place: Any = FolderStore if after in ("remove", "put_new") else recalls
    real, calls = getattr(place, after), 0

    def killed_after(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        answer = real(*args, **named)
        if calls == times:
            raise _Killed
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(place, after, killed_after)
        with contextlib.suppress(_Killed):
            taken(world, recall)
    taken(world, recalls.get(world.services.records, recall.recall_id))
    assert files(world) == {f"{key}.restyle-withdrawn.json" for key in pictures}
    assert states(world) == {"withdrawn": 2}
    told = Counter(event.kind for event in ledger.page(world.services.records, limit=1000))
    assert (told["output:withdrawn"], told["recall:ordered"], told["recall:ended"]) == (2, 1, 1)


def test_a_file_that_is_gone_already_is_withdrawn_and_that_is_said(world: World) -> None:
    publish(world, "cup.jpg")
    (key,) = world.published()
    (world.home / "restyled" / key).unlink()
    (ended,) = take_back(world.services, order(world), "olga")
    assert (ended.state, ended.why) == (WITHDRAWN, "the file was gone already")
    (told,) = ledger.page(world.services.records, kind="output:withdrawn")
    assert told.body["was_there"] is False


def test_a_file_that_somebody_changed_is_left_and_told_and_the_recall_stays_open(world: World) -> None:
    publish(world, "a.jpg", "b.jpg")
    key = sorted(world.published())[0]
    (world.home / "restyled" / key).write_bytes(b"somebody's own work")
    recall = order(world)
    ended = list(take_back(world.services, recall, "olga"))
    assert Counter(each.state for each in ended) == {WITHDRAWN: 1, CHANGED: 1}
    assert "holds other bytes" in next(each.why for each in ended if each.state == CHANGED)
    assert (world.home / "restyled" / key).read_bytes() == b"somebody's own work"
    assert recalls.get(world.services.records, recall.recall_id).ended_at is None


def test_what_is_under_a_legal_hold_is_listed_and_stays_until_the_hold_ends(world: World) -> None:
    publish(world, "a.jpg", "b.jpg")
    records = world.services.records
    hold = legal_holds.place(records, HoldScope.ASSET, "a.jpg", "the court asked", "lea")
    recall = order(world)
    looked = {each.reached.made.key: each for each in affected(world.services, Scope.STYLE, STYLE)}
    assert (looked["a.jpg"].state, looked["b.jpg"].state) == (HELD, LIVE)
    assert "the court asked" in looked["a.jpg"].why
    assert taken(world, recall) == {HELD: 1, WITHDRAWN: 1}
    assert len(world.published()) == 1
    legal_holds.release(records, hold.hold_id, "lea", "the case is closed")
    assert taken(world, recall) == {WITHDRAWN: 1}
    assert recalls.get(records, recall.recall_id).ended_at is not None


def test_a_store_that_is_gone_leaves_the_rest_going_and_the_recall_open(world: World) -> None:
    publish(world, "a.jpg")
    campaign = world.campaign()
    elsewhere = campaign.publish.store.model_copy(update={"path": world.home / "elsewhere"})
    publish_to = campaign.publish.model_copy(update={"store": elsewhere})
    run(world, campaign.model_copy(update={"publish": publish_to}))
    (world.home / "elsewhere").rename(world.home / "unmounted")
    recall = order(world)
    ended = list(take_back(world.services, recall, "olga"))
    assert Counter(each.state for each in ended) == {WITHDRAWN: 1, FAILED: 1}
    assert recalls.get(world.services.records, recall.recall_id).ended_at is None
    assert not (world.home / "elsewhere").exists()
    (world.home / "unmounted").rename(world.home / "elsewhere")
    assert taken(world, recall) == {WITHDRAWN: 1}
    assert recalls.get(world.services.records, recall.recall_id).ended_at is not None


def test_a_store_that_does_not_answer_is_not_asked_for_every_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(world, "a.jpg", "b.jpg", "c.jpg")
    monkeypatch.setattr(recalling, "_HANDS", 1)
    asked = []

    def unreachable(*_: Any, **__: Any) -> None:
        asked.append(1)
        raise StoreUnreachable("nobody answered")

    monkeypatch.setattr(FolderStore, "remove", unreachable)
    assert taken(world, order(world)) == {FAILED: 3}
    assert len(asked) == 1


@pytest.mark.parametrize("versions", [False, True])
def test_from_s3_files_go_too_and_where_versions_are_kept_that_is_said(
    world: World, versions: bool, request: pytest.FixtureRequest, s3_endpoint: str, s3_creates_once: Any
) -> None:
    bucket = request.getfixturevalue("s3_bucket_with_versions" if versions else "s3_bucket")
    if not s3_creates_once(bucket):
        pytest.skip("this server overwrites although told not to, so nothing is published to it")
    prefix = f"recall-{datetime.now(UTC):%H%M%S%f}"
    campaign = world.campaign()
    shelf = S3Spec(bucket=bucket, prefix=prefix, endpoint_url=s3_endpoint)
    world.add("cup.jpg", photo(1))
    publish_to = campaign.publish.model_copy(update={"store": shelf})
    run(world, campaign.model_copy(update={"publish": publish_to}))
    admin = request.getfixturevalue("s3_admin")
    assert len(_keys(admin, bucket, prefix)) == 2
    assert taken(world, order(world)) == {WITHDRAWN: 1}
    (left,) = _keys(admin, bucket, prefix)
    assert left.endswith(".restyle-withdrawn.json")
    (told,) = ledger.page(world.services.records, kind="output:withdrawn")
    assert told.body["older_versions_kept"] is versions


def _keys(admin: Any, bucket: str, prefix: str) -> list[str]:
    found = admin.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [each["Key"] for each in found if "create-once" not in each["Key"]]


def test_what_was_recalled_is_not_planned_again_in_any_other_way_until_it_is_lifted(world: World) -> None:
    publish(world, "cup.jpg", "boat.jpg")
    recall = order(world, Scope.ASSET, "cup.jpg")
    taken(world, recall)
    smaller = world.campaign()
    smaller = smaller.model_copy(update={"recipe": smaller.recipe.model_copy(update={"max_edge_px": 64})})
    run(world, smaller)
    (refused,) = items.page(world.services.records, states=(ItemState.REFUSED,))
    assert (refused.ref.key, refused.reasons[0].code) == ("cup.jpg", "recalled")
    assert len(world.published()) == 2
    recalls.lift(world.services.records, recall, "olga", "a new licence was signed")
    run(world, smaller)
    assert len(world.published()) == 3
    assert states(world) == {"live": 3, "withdrawn": 1}


def test_planning_the_very_same_again_publishes_nothing_anew(world: World) -> None:
    publish(world, "cup.jpg")
    recall = order(world)
    taken(world, recall)
    recalls.lift(world.services.records, recall, "olga", "a mistake")
    run(world, world.campaign())
    assert world.published() == {}
    assert states(world) == {"withdrawn": 1}


def test_what_a_person_approved_meanwhile_is_refused_when_it_would_be_published(world: World) -> None:
    world.add("cup.jpg", photo(1))
    run(world, world.campaign(least=2.0))
    (held,) = review.queue(world.services.records)
    review.approve(world.services.records, held.item_id, "ann", ReviewReason.LOOKS_RIGHT)
    order(world)
    (ended,) = publish_approved(world.services, "tester")
    assert (ended.state, ended.reasons[0].code) == (ItemState.REFUSED, "recalled")
    assert world.published() == {}


def test_every_file_that_was_taken_back_says_who_did_it(world: World) -> None:
    publish(world, "cup.jpg")
    ended: list[Affected] = list(take_back(world.services, order(world), "olga"))
    told = ledger.page(world.services.records, subject=f"item:{ended[0].reached.item_id}", limit=50)
    assert (told[-1].kind, told[-1].actor) == ("output:withdrawn", "olga")
