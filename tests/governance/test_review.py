from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select

from governance import items, ledger, outcomes, review
from governance.db import Database
from governance.errors import ReviewError, UsageError
from governance.events import EventKind, item_subject
from governance.items import ItemState
from governance.review import ReviewOutcome, ReviewReason, Verdict
from governance.tables.work import REVIEWS
from stylecore.data import Digest
from tests.governance.world import ACTOR, FORBIDDEN, candidate, decided, digest, item_standing, kinds, plan

FITS = ReviewReason.BRAND_FIT


@pytest.fixture
def held(database: Database, run_id: str) -> Digest:
    return item_standing(database, run_id, "review")


@pytest.fixture
def four_eyes(database: Database, run_id: str) -> Digest:
    return item_standing(database, run_id, "review", number=2, approvals_needed=2)


def test_the_queue_is_oldest_first_and_pages(database: Database, run_id: str) -> None:
    ids = [item_standing(database, run_id, "review", number=number) for number in range(5)]
    first = review.queue(database, limit=3)
    second = review.queue(database, after=first[-1].item_id, limit=3)
    assert [item.item_id for item in (*first, *second)] == ids
    assert review.queue(database, campaign="summer") == ()


def test_an_approval_approves_and_is_told(database: Database, held: Digest) -> None:
    assert review.approve(database, held, "rosa", FITS, "lovely") == ReviewOutcome(held, ItemState.APPROVED, 1, 1)
    (event,) = ledger.page(database, kind=EventKind.ITEM_REVIEW_APPROVED)
    assert (event.actor, event.subject) == ("rosa", item_subject(held))
    assert (event.body["reason"], event.body["note"]) == ("brand_fit", "lovely")
    assert review.queue(database) == ()


def test_a_rejection_rejects_and_is_told(database: Database, held: Digest) -> None:
    outcome = review.reject(database, held, "rosa", ReviewReason.LIKENESS, "a face")
    assert outcome == ReviewOutcome(held, ItemState.REJECTED, 0, 1)
    assert kinds(database)[-1] is EventKind.ITEM_REVIEW_REJECTED
    (said,) = review.reviews_of(database, held)
    assert (said.reviewer, said.verdict, said.reason, said.note) == ("rosa", Verdict.REJECT, "likeness", "a face")


def test_why_an_item_was_held_stays_known_after_the_review(database: Database, held: Digest) -> None:
    before = items.get(database, held)
    review.approve(database, held, "rosa", FITS)
    after = items.get(database, held)
    assert before is not None
    assert after is not None
    assert after.reasons == before.reasons != ()


def test_an_item_is_decided_once(database: Database, held: Digest) -> None:
    review.approve(database, held, "rosa", FITS)
    with pytest.raises(ReviewError, match="is approved; expected an item in review"):
        review.reject(database, held, "sven", ReviewReason.ARTEFACTS)
    assert len(review.reviews_of(database, held)) == 1


def test_one_may_review_what_one_asked_for_where_one_pair_of_eyes_is_enough(database: Database, held: Digest) -> None:
    assert review.approve(database, held, "brand-ops", FITS).state is ItemState.APPROVED


def test_four_eyes_need_two_people(database: Database, four_eyes: Digest) -> None:
    assert review.approve(database, four_eyes, "rosa", FITS) == ReviewOutcome(four_eyes, ItemState.IN_REVIEW, 1, 2)
    assert [item.item_id for item in review.queue(database)] == [four_eyes]
    assert review.approve(database, four_eyes, "sven", FITS) == ReviewOutcome(four_eyes, ItemState.APPROVED, 2, 2)
    assert kinds(database)[-2:] == [EventKind.ITEM_REVIEW_ENDORSED, EventKind.ITEM_REVIEW_APPROVED]


@pytest.mark.parametrize("again", ["rosa", "Rosa", " ROSA ", "ｒｏｓａ"])
def test_spelling_a_name_otherwise_does_not_make_it_a_second_person(
    database: Database, four_eyes: Digest, again: str
) -> None:
    review.approve(database, four_eyes, "rosa", FITS)
    with pytest.raises(ReviewError, match=r"has reviewed item .* already"):
        review.approve(database, four_eyes, again, FITS)


@pytest.mark.parametrize("asker", ["brand-ops", "Brand-Ops "])
def test_who_asked_is_none_of_the_four_eyes(database: Database, four_eyes: Digest, asker: str) -> None:
    with pytest.raises(ReviewError, match="needs four eyes; expected two people who did not ask"):
        review.approve(database, four_eyes, asker, FITS)


def test_one_no_ends_a_four_eyes_item_after_a_yes(database: Database, four_eyes: Digest) -> None:
    review.approve(database, four_eyes, "rosa", FITS)
    assert review.reject(database, four_eyes, "sven", ReviewReason.OFF_BRAND).state is ItemState.REJECTED


def test_a_yes_to_an_earlier_rendition_is_no_yes_to_the_new_one(
    database: Database, run_id: str, four_eyes: Digest
) -> None:
    review.approve(database, four_eyes, "rosa", FITS)
    review.approve(database, four_eyes, "sven", FITS)
    outcomes.refuse_publishing(database, ACTOR, outcomes.Refused(four_eyes, FORBIDDEN))
    plan(database, run_id, candidate(2))
    outcomes.record(database, run_id, ACTOR, [decided(four_eyes, "review", approvals_needed=2, bytes_of=1)])
    assert review.approve(database, four_eyes, "rosa", FITS) == ReviewOutcome(four_eyes, ItemState.IN_REVIEW, 1, 2)
    assert [said.counts for said in review.reviews_of(database, four_eyes)] == [False, False, True]


def test_two_reviewers_at_once_one_decides(
    database: Database, held: Digest, open_again: Callable[[], Database]
) -> None:
    begin = threading.Barrier(2)
    told: list[ItemState | ReviewError] = []

    def decide(db: Database, who: str) -> None:
        begin.wait()
        try:
            told.append(review.approve(db, held, who, FITS).state)
        except ReviewError as problem:
            told.append(problem)

    both = [threading.Thread(target=decide, args=(db, who)) for db, who in ((database, "rosa"), (open_again(), "sven"))]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(type(each).__name__ for each in told) == ["ItemState", "ReviewError"]
    assert len(review.reviews_of(database, held)) == 1


def test_other_as_a_reason_needs_words(database: Database, held: Digest) -> None:
    with pytest.raises(ReviewError, match="the note is empty"):
        review.reject(database, held, "rosa", ReviewReason.OTHER, "  ")
    assert review.reject(database, held, "rosa", ReviewReason.OTHER, "it hums").state is ItemState.REJECTED


@pytest.mark.parametrize(
    "note", ["two\nlines", "\x1b[31mred", "\u202ednuora yaw eht lla", "x" * 501, "nul\0", "\udc80"]
)
def test_notes_that_hide_or_forge_or_never_end_are_refused(database: Database, held: Digest, note: str) -> None:
    with pytest.raises(ReviewError, match="the note"):
        review.approve(database, held, "rosa", FITS, note)
    assert len(review.queue(database)) == 1


@pytest.mark.parametrize("note", ["'; DROP TABLE items; --", "<script>alert(1)</script>", "größer als 日本 👩‍🎨"])
def test_any_other_words_are_kept_as_they_are(database: Database, held: Digest, note: str) -> None:
    review.approve(database, held, "rosa", FITS, note)
    assert review.reviews_of(database, held)[0].note == note


def test_a_reason_nobody_knows_is_refused_with_those_there_are(database: Database, held: Digest) -> None:
    with pytest.raises(ReviewError, match="looks_right, brand_fit"):
        review.approve(database, held, "rosa", "because")  # type: ignore[arg-type]


def test_an_item_is_shown_with_what_was_said_of_it(database: Database, four_eyes: Digest) -> None:
    review.approve(database, four_eyes, "rosa", FITS)
    shown = review.show(database, four_eyes[:10])
    assert shown.item.item_id == four_eyes
    assert [said.reviewer for said in shown.reviews] == ["rosa"]


def test_an_item_that_does_not_exist_is_told_as_such(database: Database) -> None:
    with pytest.raises(ReviewError, match="no item has an id that begins"):
        review.show(database, "abcdef")
    with pytest.raises(ReviewError, match="no item has an id that begins"):
        review.approve(database, digest("nobody"), "rosa", FITS)
    with pytest.raises(UsageError, match="4 to 64 hex digits"):
        review.show(database, "no digest")


def test_a_review_knows_since_when_the_item_waited_and_what_was_decided_with_it(
    database: Database, run_id: str, held: Digest, four_eyes: Digest
) -> None:
    waiting = {event.subject: event.at for event in ledger.page(database, kind=EventKind.ITEM_REVIEW_HELD)}
    review.approve(database, four_eyes, "rosa", FITS)
    review.approve(database, four_eyes, "mina", FITS, batch="tuesday")
    review.reject(database, held, "mina", ReviewReason.ARTEFACTS, batch="tuesday")
    with database.read() as connection:
        kept = connection.execute(select(REVIEWS).order_by(REVIEWS.c.ordinal)).mappings().all()
    assert [row["batch"] for row in kept] == [None, "tuesday", "tuesday"]
    assert [row["held_at"] for row in kept] == [waiting[item_subject(row["item_id"])] for row in kept]
    assert all(row["held_at"] <= row["at"] for row in kept)


@pytest.mark.parametrize(("reviewer", "own"), [("Brand-Ops ", True), ("ＢＲＡＮＤ-ops", True), ("rosa", False)])
def test_a_review_of_ones_own_item_is_marked_however_the_name_is_spelled(
    database: Database, held: Digest, reviewer: str, own: bool
) -> None:
    review.approve(database, held, reviewer, FITS)
    with database.read() as connection:
        assert connection.execute(select(REVIEWS.c.own)).scalar_one() is own


def test_the_name_of_a_batch_is_bounded_and_plain(database: Database, held: Digest) -> None:
    for batch in ("", "x" * 41, "two\nlines"):
        with pytest.raises(ReviewError, match="the batch"):
            review.approve(database, held, "rosa", FITS, batch=batch)
