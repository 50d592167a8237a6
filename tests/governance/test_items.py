from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from governance import items, ledger, outcomes, planning
from governance.db import Database
from governance.errors import IntegrityError, UsageError
from governance.events import EventKind, item_subject
from governance.items import ItemState, NewItem, item_identity
from governance.ledger import Verified
from governance.outcomes import Quarantined, Refused
from governance.planning import PlanPage
from stylecore.data import PIPELINE_VERSION, Digest, Reason, Recipe, Scores, StyleRef, canonical_json
from tests.governance.world import (
    ACTOR,
    FORBIDDEN,
    STYLE,
    candidate,
    decided,
    digest,
    item_standing,
    kinds,
    plan,
    planned_item,
    published,
    ref,
    signed,
    start_run,
)

NOT_AN_IMAGE = Reason("not_an_image", "the file begins with a bill")


def state_of(db: Database, item_id: Digest) -> ItemState:
    item = items.get(db, item_id)
    assert item is not None
    return item.state


# Identity.


def test_an_items_identity_is_spelled_out_in_canonical_json() -> None:
    spelled = {
        "asset_digest": digest(1),
        "source": {"store": "library", "key": "1.jpg"},
        "style": {"name": "risograph", "package_digest": STYLE.package_digest},
        "recipe": {"strength": 1.0, "max_edge_px": 1600, "output_format": "like-input", "quality": 90},
        "purpose": {"channel": "web", "territory": "DE"},
        "destination": "folder:out",
        "pipeline": PIPELINE_VERSION,
    }
    assert candidate(1).item_id == Digest.of(canonical_json(spelled))


IDENTITY: dict[str, Any] = {
    "asset_digest": digest(1),
    "store": "library",
    "key": "a.jpg",
    "style": STYLE,
    "recipe": Recipe(),
    "channel": "web",
    "territory": "DE",
    "destination": "folder:out",
    "pipeline": "1",
}
OTHERS: dict[str, Any] = {
    "asset_digest": digest(2),
    "store": "archive",
    "key": "b.jpg",
    "style": StyleRef("risograph", 1, digest("another package")),
    "recipe": Recipe(strength=0.5),
    "channel": "print",
    "territory": "FR",
    "destination": "folder:elsewhere",
    "pipeline": "2",
}


@given(st.sets(st.sampled_from(sorted(OTHERS))), st.sets(st.sampled_from(sorted(OTHERS))))
def test_two_items_are_the_same_exactly_when_all_that_counts_is_the_same(one: set[str], other: set[str]) -> None:
    first = item_identity(**{**IDENTITY, **{name: OTHERS[name] for name in one}})
    second = item_identity(**{**IDENTITY, **{name: OTHERS[name] for name in other}})
    assert (first == second) == (one == other)


def test_a_styles_version_number_is_a_label_and_no_part_of_the_identity() -> None:
    assert candidate(1, style=replace(STYLE, version=7)).item_id == candidate(1).item_id


# Candidates.


@pytest.mark.parametrize("key", ["nul\0.jpg", "broken\udcff.jpg", "long" * 5_000])
def test_a_key_that_no_database_can_keep_fails_alone_and_early(key: str) -> None:
    with pytest.raises(UsageError, match="the asset's key"):
        candidate(1, ref=ref(key))


@pytest.mark.parametrize("key", ["line\nbreak.jpg", " space .jpg", "ключ.jpg", "../up.jpg", "%41.jpg", "'; DROP--.jpg"])
def test_any_other_key_is_kept_as_the_store_gave_it(database: Database, run_id: str, key: str) -> None:
    item_id = planned_item(database, run_id, ref=ref(key))
    found = items.get(database, item_id)
    assert found is not None
    assert found.ref == ref(key)


def test_a_refusal_without_reasons_is_no_refusal() -> None:
    with pytest.raises(UsageError, match="0 reasons"):
        replace(candidate(1), state=ItemState.REFUSED)


def test_a_candidate_is_planned_or_refused_and_nothing_else() -> None:
    with pytest.raises(UsageError, match="planned or refused"):
        replace(candidate(1), state=ItemState.APPROVED)


# Planning.


def test_what_is_planned_can_be_read_back_whole(database: Database, run_id: str) -> None:
    new = candidate(1)
    plan(database, run_id, new)
    item = items.get(database, new.item_id)
    assert item is not None
    for name in {each.name for each in fields(NewItem)} & {each.name for each in fields(item)}:
        assert getattr(item, name) == getattr(new, name)
    assert (item.planned_in_run, item.touched_in_run) == (run_id, run_id)
    assert item.created_at == item.updated_at


def test_a_plan_counts_new_and_refused_items_and_tells_the_ledger(database: Database, run_id: str) -> None:
    page = plan(database, run_id, candidate(1), candidate(2, refused=FORBIDDEN))
    assert page == PlanPage(seen=2, new=1, refused_new=1)
    assert kinds(database)[1:] == [EventKind.ITEM_PLANNED, EventKind.ITEM_REFUSED]
    (event,) = ledger.page(database, kind=EventKind.ITEM_REFUSED)
    assert event.body["reasons"] == [{"code": "licence_forbids", "text": "the licence forbids derivatives"}]
    assert event.subject == item_subject(candidate(2).item_id)


def test_planning_twice_plans_nothing_new_and_writes_nothing(database: Database, run_id: str) -> None:
    page = (candidate(1), candidate(2, refused=FORBIDDEN))
    plan(database, run_id, *page)
    before = ledger.head(database)
    later = start_run(database).run_id
    assert plan(database, later, *page) == PlanPage(seen=2, already=2)
    assert ledger.head(database).seq == before.seq + 1  # the run's own start
    assert items.counts(database, run_id=later) == dict.fromkeys(ItemState, 0)


def test_the_same_candidate_twice_in_a_page_is_one_item(database: Database, run_id: str) -> None:
    assert plan(database, run_id, candidate(1), candidate(1)) == PlanPage(seen=2, new=1, already=1)


def test_a_refusal_is_lifted_when_policy_now_permits(database: Database, run_id: str) -> None:
    plan(database, run_id, candidate(1, refused=FORBIDDEN))
    assert plan(database, run_id, candidate(1)) == PlanPage(seen=1, lifted=1)
    item = items.get(database, candidate(1).item_id)
    assert item is not None
    assert (item.state, item.reasons) == (ItemState.PLANNED, ())
    assert kinds(database)[-1] is EventKind.ITEM_PERMITTED


def test_a_planned_item_is_withdrawn_when_policy_now_refuses(database: Database, run_id: str) -> None:
    plan(database, run_id, candidate(1))
    assert plan(database, run_id, candidate(1, refused=FORBIDDEN)) == PlanPage(seen=1, withdrawn=1)
    item = items.get(database, candidate(1).item_id)
    assert item is not None
    assert (item.state, item.reasons) == (ItemState.REFUSED, FORBIDDEN)
    assert kinds(database)[-1] is EventKind.ITEM_REFUSED


def test_other_reasons_for_the_same_refusal_are_recorded(database: Database, run_id: str) -> None:
    other = (Reason("licence_expired", "ended 2025-01-01"), *FORBIDDEN)
    plan(database, run_id, candidate(1, refused=FORBIDDEN))
    assert plan(database, run_id, candidate(1, refused=other)) == PlanPage(seen=1, changed=1)
    assert plan(database, run_id, candidate(1, refused=other[::-1])) == PlanPage(seen=1, already=1)
    (_, event) = ledger.page(database, kind=EventKind.ITEM_REFUSED)
    assert len(event.body["reasons"]) == 2


def test_a_planned_item_follows_its_place_to_the_stores_newest_version(database: Database, run_id: str) -> None:
    plan(database, run_id, candidate(1))
    newer = candidate(1, ref=ref("1.jpg", version="2"), asset_class="portrait")
    assert plan(database, run_id, newer) == PlanPage(seen=1, changed=1)
    item = items.get(database, newer.item_id)
    assert item is not None
    assert (item.ref.version, item.asset_class, item.state) == ("2", "portrait", ItemState.PLANNED)
    (event,) = ledger.page(database, kind=EventKind.ITEM_REPLANNED)
    assert event.body["changed"] == ["asset_class", "version"]


def test_a_planned_item_belongs_to_the_campaign_that_asked_last(database: Database, run_id: str) -> None:
    plan(database, run_id, candidate(1))
    plan(database, run_id, candidate(1, campaign="summer"))
    assert items.page(database, states=(ItemState.PLANNED,), campaign="spring") == ()
    assert [item.item_id for item in items.page(database, states=(ItemState.PLANNED,), campaign="summer")] == [
        candidate(1).item_id
    ]


@pytest.mark.parametrize("verdict", ["approve", "review", "reject"])
def test_what_was_worked_on_is_left_alone_by_a_plan(database: Database, run_id: str, verdict: Any) -> None:
    item_id = item_standing(database, run_id, verdict)
    before = items.get(database, item_id)
    assert plan(database, run_id, candidate(1, refused=FORBIDDEN)) == PlanPage(seen=1, already=1)
    assert items.get(database, item_id) == before


def test_a_plan_for_a_run_that_was_never_started_is_refused_whole(database: Database) -> None:
    with pytest.raises(UsageError, match="no run 20250101"):
        plan(database, "20250101", candidate(1))
    assert items.page(database) == ()
    assert ledger.head(database).seq == 0


STEPS = st.lists(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=6), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)
@given(pages=STEPS)
def test_however_plans_follow_each_other_each_item_stands_where_the_last_one_put_it(
    tmp_path_factory: pytest.TempPathFactory, pages: list[list[tuple[int, bool]]]
) -> None:
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'records.db'}")
    run_id, expected, moved = start_run(database).run_id, {}, 0
    for page in pages:
        told = plan(database, run_id, *(candidate(n, refused=FORBIDDEN if no else ()) for n, no in page))
        expected.update({n: ItemState.REFUSED if no else ItemState.PLANNED for n, no in page})
        moved += told.seen - told.already
        assert told.seen == len(page)
        assert told.seen == told.new + told.refused_new + told.already + told.lifted + told.withdrawn + told.changed
    assert {n: state_of(database, candidate(n).item_id) for n in expected} == expected
    assert ledger.verify(database) == Verified(1 + moved, ledger.head(database).hash)
    database.close()


# Outcomes.


def test_a_decision_moves_a_planned_item_and_keeps_all_that_was_found(database: Database, run_id: str) -> None:
    item_id = planned_item(database, run_id)
    outcome = decided(item_id, "review", approvals_needed=2)
    assert outcomes.record(database, run_id, ACTOR, [outcome]) == {item_id}
    item = items.get(database, item_id)
    assert item is not None
    assert item.state is ItemState.IN_REVIEW
    assert (item.reasons, item.scores) == (outcome.decision.reasons, outcome.scores)
    assert (item.rendition, item.statement_digest) == (outcome.rendition, outcome.statement_digest)
    assert item.approvals_needed == 2
    assert item.updated_at > item.created_at


@pytest.mark.parametrize(
    ("verdict", "state", "kind"),
    [
        ("approve", ItemState.APPROVED, EventKind.ITEM_APPROVED),
        ("review", ItemState.IN_REVIEW, EventKind.ITEM_REVIEW_HELD),
        ("reject", ItemState.REJECTED, EventKind.ITEM_REJECTED),
    ],
)
def test_each_verdict_has_its_state_and_its_event(
    database: Database, run_id: str, verdict: Any, state: ItemState, kind: EventKind
) -> None:
    item_id = item_standing(database, run_id, verdict)
    assert state_of(database, item_id) is state
    assert kinds(database, item_subject(item_id)) == [EventKind.ITEM_PLANNED, kind]


def test_a_batch_of_outcomes_is_one_transaction_with_an_event_each(database: Database, run_id: str) -> None:
    ids = [planned_item(database, run_id, number) for number in range(4)]
    batch: list[outcomes.Outcome] = [
        decided(ids[0]),
        Quarantined(ids[1], NOT_AN_IMAGE),
        Refused(ids[2], FORBIDDEN),
        decided(ids[3], "reject"),
    ]
    assert outcomes.record(database, run_id, ACTOR, batch) == set(ids)
    states = [item.state for item in items.get_many(database, ids)]
    assert states == [ItemState.APPROVED, ItemState.QUARANTINED, ItemState.REFUSED, ItemState.REJECTED]
    assert len(kinds(database)) == 1 + 4 + 4


def test_an_item_that_somebody_else_moved_first_is_not_moved_again(database: Database, run_id: str) -> None:
    item_id = planned_item(database, run_id)
    assert outcomes.record(database, run_id, ACTOR, [decided(item_id)]) == {item_id}
    before, head = items.get(database, item_id), ledger.head(database)
    assert outcomes.record(database, run_id, ACTOR, [decided(item_id, "reject")]) == frozenset()
    assert outcomes.record(database, run_id, ACTOR, [Quarantined(item_id, NOT_AN_IMAGE)]) == frozenset()
    assert (items.get(database, item_id), ledger.head(database)) == (before, head)


def test_an_item_twice_in_a_batch_moves_once(database: Database, run_id: str) -> None:
    item_id = planned_item(database, run_id)
    outcomes.record(database, run_id, ACTOR, [decided(item_id), decided(item_id, "reject")])
    assert state_of(database, item_id) is ItemState.APPROVED
    assert kinds(database, item_subject(item_id)) == [EventKind.ITEM_PLANNED, EventKind.ITEM_APPROVED]


def test_an_unknown_item_moves_nothing(database: Database, run_id: str) -> None:
    assert outcomes.record(database, run_id, ACTOR, [decided(digest("nobody"))]) == frozenset()


def test_a_score_that_is_no_number_is_kept_as_absent_with_what_it_was(database: Database, run_id: str) -> None:
    item_id = planned_item(database, run_id)
    strange = replace(decided(item_id), scores=Scores(psnr_db=float("inf"), ssim_full=float("nan"), lpips=0.1))
    outcomes.record(database, run_id, ACTOR, [strange])
    item = items.get(database, item_id)
    assert item is not None
    assert item.scores is not None
    assert (item.scores.psnr_db, item.scores.ssim_full, item.scores.lpips) == (None, None, 0.1)
    assert "inf" in item.scores.absent["psnr_db"]


def test_what_a_hostile_file_makes_a_decoder_say_is_kept_in_plain_text(database: Database, run_id: str) -> None:
    item_id = planned_item(database, run_id)
    nasty = Reason("corrupt", "bad chunk \x1b[2J\0\u202egpj.exe\udc80 " + "x" * 10_000)
    outcomes.record(database, run_id, ACTOR, [Quarantined(item_id, nasty)])
    item = items.get(database, item_id)
    assert item is not None
    (reason,) = item.reasons
    assert reason.text.startswith("bad chunk \ufffd[2J\ufffd\ufffdgpj.exe\ufffd xxx")
    assert len(reason.text) == 500


def test_a_quarantined_item_can_be_planned_again(database: Database, run_id: str) -> None:
    item_id = planned_item(database, run_id)
    outcomes.record(database, run_id, ACTOR, [Quarantined(item_id, NOT_AN_IMAGE)])
    because = Reason("out_of_memory", "the machine was at fault")
    assert outcomes.requeue(database, ACTOR, [item_id, digest("nobody")], because=because) == {item_id}
    assert [item.item_id for item in items.page(database, states=(ItemState.PLANNED,))] == [item_id]
    assert kinds(database)[-1] is EventKind.ITEM_REQUEUED


def test_two_threads_and_one_page_of_items_one_wins_each(
    database: Database, run_id: str, open_again: Callable[[], Database]
) -> None:
    ids = [planned_item(database, run_id, number) for number in range(20)]
    won: dict[str, list[Digest]] = {"ada": [], "grace": []}
    begin = threading.Barrier(2)

    def work(db: Database, actor: str) -> None:
        begin.wait()
        for item_id in ids:
            won[actor] += outcomes.record(db, run_id, actor, [decided(item_id)])

    both = ((database, "ada"), (open_again(), "grace"))
    workers = [threading.Thread(target=work, args=each) for each in both]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(won["ada"] + won["grace"]) == sorted(ids)
    assert ledger.verify(database) == Verified(41, ledger.head(database).hash)


def _race(url: str, run_id: str, who: str) -> None:
    db = Database.open(url)
    candidates = [candidate(number) for number in range(60)]
    for start in range(0, 60, 10):
        planning.plan_page(db, run_id, who, candidates[start : start + 10])
    for item in items.every(db, page_size=7, states=[ItemState.PLANNED]):
        outcomes.record(db, run_id, who, [decided(item.item_id)])
    db.close()


def test_two_processes_planning_and_deciding_the_same_items_corrupt_nothing(
    database: Database, database_url: str, run_id: str
) -> None:
    spawn = multiprocessing.get_context("spawn")
    racers = [spawn.Process(target=_race, args=(database_url, run_id, who)) for who in ("ada", "grace")]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [racer.exitcode for racer in racers] == [0, 0]
    assert items.counts(database)[ItemState.APPROVED] == 60
    assert sorted(kinds(database)) == sorted(
        [EventKind.RUN_STARTED, *[EventKind.ITEM_PLANNED] * 60, *[EventKind.ITEM_APPROVED] * 60]
    )
    assert ledger.verify(database) == Verified(121, ledger.head(database).hash)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_row_that_moves_under_a_writers_hands_undoes_the_whole_batch(database: Database, run_id: str) -> None:
    ids = [planned_item(database, run_id, number) for number in range(2)]
    meddling = (
        "CREATE TRIGGER meddling AFTER UPDATE ON items WHEN NEW.state = 'approved' "
        "BEGIN UPDATE items SET state = 'rejected' WHERE state = 'planned'; END"
    )
    with database.write() as connection:
        connection.execute(text(meddling))
    with pytest.raises(IntegrityError, match="1 of 2 items moved under a writer's hands"):
        outcomes.record(database, run_id, ACTOR, [decided(item_id) for item_id in ids])
    assert items.counts(database)[ItemState.PLANNED] == 2


# Publishing.


def test_an_approved_item_is_signed_then_published(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "approve")
    output = digest("signed bytes")
    assert outcomes.record_signed(database, ACTOR, [signed(item_id, output)], run_id=run_id) == {item_id}
    assert state_of(database, item_id) is ItemState.APPROVED
    assert outcomes.mark_published(database, ACTOR, [published(item_id, output)]) == {item_id}
    item = items.get(database, item_id)
    assert item is not None
    assert (item.state, item.output_digest, item.output_uri) == (ItemState.PUBLISHED, output, "file:///out/1.jpg")
    assert kinds(database)[-2:] == [EventKind.ITEM_SIGNED, EventKind.ITEM_PUBLISHED]
    assert items.find_by_output_digest(database, output) == (item,)


def test_of_two_who_sign_the_first_wins_and_only_those_bytes_can_be_published(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "approve")
    first, second = (signed(item_id, digest(name)) for name in ("first", "second"))
    assert outcomes.record_signed(database, ACTOR, [first]) == {item_id}
    assert outcomes.record_signed(database, ACTOR, [second]) == frozenset()
    assert not outcomes.mark_published(database, ACTOR, [published(item_id, digest("second"))])
    assert outcomes.mark_published(database, ACTOR, [published(item_id, digest("first"))])


def test_nothing_is_published_that_was_not_signed(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "approve")
    assert not outcomes.mark_published(database, ACTOR, [published(item_id, digest("x"))])


@pytest.mark.parametrize("verdict", ["review", "reject"])
def test_only_approved_items_are_signed(database: Database, run_id: str, verdict: Any) -> None:
    item_id = item_standing(database, run_id, verdict)
    assert not outcomes.record_signed(database, ACTOR, [signed(item_id, digest("x"))])
    assert not outcomes.refuse_publishing(database, ACTOR, Refused(item_id, FORBIDDEN))


def test_publishing_that_policy_now_refuses_is_recorded_and_a_later_plan_may_lift_it(
    database: Database, run_id: str
) -> None:
    item_id = item_standing(database, run_id, "approve")
    outcomes.record_signed(database, ACTOR, [signed(item_id, digest("x"))])
    assert outcomes.refuse_publishing(database, ACTOR, Refused(item_id, FORBIDDEN))
    assert kinds(database)[-1] is EventKind.ITEM_PUBLISH_REFUSED
    assert plan(database, run_id, candidate(1)).lifted == 1
    outcomes.record(database, run_id, ACTOR, [decided(item_id)])
    item = items.get(database, item_id)
    assert item is not None
    assert (item.state, item.output_digest) == (ItemState.APPROVED, None)


# Questions.


def test_pages_give_every_item_once_in_the_order_they_were_planned(database: Database, run_id: str) -> None:
    plan(database, run_id, *(candidate(number) for number in range(23)))
    found = list(items.every(database, page_size=5))
    assert [item.ref.key for item in found] == [f"{number}.jpg" for number in range(23)]


def test_a_campaigns_items_come_in_the_order_they_were_planned_whatever_their_state(
    database: Database, run_id: str
) -> None:
    plan(database, run_id, *(candidate(number, refused=FORBIDDEN if number % 3 else ()) for number in range(20)))
    outcomes.record(database, run_id, ACTOR, [decided(candidate(number).item_id) for number in range(0, 20, 6)])
    planned, refused = [ItemState.PLANNED], [ItemState.PLANNED, ItemState.REFUSED]
    everything = list(items.every(database, page_size=3, campaign="spring"))
    assert [item.ref.key for item in everything] == [f"{number}.jpg" for number in range(20)]
    assert list(items.every(database, page_size=3, run_id=run_id)) == everything
    assert len(list(items.every(database, page_size=4, states=refused))) == 16
    assert len(list(items.every(database, page_size=4, states=planned, campaign="spring"))) == 3


def test_items_that_move_between_pages_are_neither_lost_nor_given_twice(database: Database, run_id: str) -> None:
    plan(database, run_id, *(candidate(number) for number in range(10)))
    given = []
    for item in items.every(database, page_size=3, states=[ItemState.PLANNED]):
        given.append(item.ref.key)
        outcomes.record(database, run_id, ACTOR, [decided(item.item_id)])
    assert given == [f"{number}.jpg" for number in range(10)]


def test_items_are_counted_by_campaign_and_by_run(database: Database, run_id: str) -> None:
    planned_item(database, run_id, 1)
    planned_item(database, run_id, 2, campaign="summer")
    later = start_run(database).run_id
    outcomes.record(database, later, ACTOR, [decided(candidate(1).item_id)])
    assert items.counts(database, campaign="spring")[ItemState.APPROVED] == 1
    assert items.counts(database, campaign="summer")[ItemState.PLANNED] == 1
    assert items.counts(database, run_id=later)[ItemState.APPROVED] == 1
    assert sum(items.counts(database, run_id=run_id).values()) == 1
    assert set(items.counts(database)) == set(ItemState)


def test_items_are_filtered_by_everything_they_can_be_asked_for(database: Database, run_id: str) -> None:
    planned_item(database, run_id, 1)
    planned_item(database, run_id, 2, destination="folder:two", style=StyleRef("woodcut", 1, digest("w")))
    (other,) = items.page(database, destination="folder:two")
    assert items.page(database, style_name="woodcut") == (other,)
    assert items.page(database, package_digest=digest("w")) == (other,)
    assert items.page(database, run_id="none") == ()
    assert len(items.page(database, states=[ItemState.PLANNED, ItemState.REFUSED])) == 2


def test_an_item_is_found_by_the_beginning_of_any_of_its_digests(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "approve")
    output = digest("signed bytes")
    outcomes.record_signed(database, ACTOR, [signed(item_id, output)])
    item = items.get(database, item_id)
    assert item is not None
    assert item.rendition is not None
    for known in (item_id, item.asset_digest, item.rendition.digest, output):
        assert items.find_by_digest_prefix(database, known[:12].upper()) == (item,)
    assert items.find_by_digest_prefix(database, digest("unknown")[:12]) == ()


@pytest.mark.parametrize("prefix", ["", "abc", "xyzw", "%", "a" * 65])
def test_too_little_or_no_digest_finds_nothing_and_says_so(database: Database, prefix: str) -> None:
    with pytest.raises(UsageError, match="4 to 64 hex digits"):
        items.find_by_digest_prefix(database, prefix)


def test_instants_come_back_in_utc(database: Database, run_id: str) -> None:
    item_id = planned_item(database, run_id)
    item = items.get(database, item_id)
    assert item is not None
    assert item.created_at.tzinfo == UTC
    assert item.ref.modified_at == datetime(2025, 1, 2, 3, tzinfo=UTC)
