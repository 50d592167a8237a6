"""Routing: only numbers that were measured and held can approve; everything else goes to a person or away."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import UsageError
from governance.route import Bound, Decision, Routing, is_sampled, route
from stylecore.data import SCORE_NAMES, Digest, Scores

ITEM = Digest.of(b"an item")
GOOD = Scores(ssim_eighth=0.62, style_gap_closed=0.4, psnr_db=18.0)
BOUND = Bound("ssim_eighth", at_least=0.45)

VALUES = st.one_of(st.none(), st.floats(0.0, 1.0), st.just(math.nan), st.just(math.inf))
SCORES = st.builds(Scores, **dict.fromkeys(SCORE_NAMES, VALUES))
BOUNDS = st.builds(
    lambda metric, low, width, otherwise: Bound(metric, low, None if width is None else low + width, otherwise),
    st.sampled_from(SCORE_NAMES),
    st.floats(0.0, 1.0),
    st.one_of(st.none(), st.floats(0.0, 1.0)),
    st.sampled_from(["review", "reject"]),
)
CLASSES = st.frozensets(st.sampled_from(["people", "product", "food"]))
ROUTINGS = st.builds(
    Routing,
    st.lists(BOUNDS, max_size=5).map(tuple),
    st.floats(0.0, 1.0),
    four_eyes_classes=CLASSES,
    review_classes=CLASSES,
)
ITEMS = st.binary(max_size=8).map(Digest.of)
STRICTNESS = {"approve": 0, "review": 1, "reject": 2}


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_scores_within_all_bounds_approve() -> None:
    decision = route(ITEM, "product", GOOD, Routing((BOUND, Bound("style_gap_closed", at_least=0.3))))
    assert decision == Decision("approve", (), 1, sampled=False)


def test_a_score_exactly_on_its_bound_holds() -> None:
    assert route(ITEM, "product", GOOD, Routing((Bound("psnr_db", 18.0, 18.0),))).verdict == "approve"


def test_a_score_below_its_bound_is_named_with_both_numbers() -> None:
    decision = route(ITEM, "product", Scores(ssim_eighth=0.31), Routing((BOUND,)))
    assert decision.verdict == "review"
    assert [reason.text for reason in decision.reasons] == ["ssim_eighth 0.31 is below 0.45"]


def test_a_score_above_its_bound_is_named_with_both_numbers() -> None:
    decision = route(ITEM, "product", Scores(lpips=0.8), Routing((Bound("lpips", at_most=0.6, otherwise="reject"),)))
    assert decision.verdict == "reject"
    assert [reason.text for reason in decision.reasons] == ["lpips 0.8 is above 0.6"]


def test_a_near_miss_is_not_rounded_to_the_bound_that_it_missed() -> None:
    decision = route(ITEM, "product", Scores(ssim_eighth=0.44999), Routing((BOUND,)))
    assert decision.reasons[0].text == "ssim_eighth 0.44999 is below 0.45"


def test_an_absent_score_goes_to_a_person_with_what_made_it_absent() -> None:
    scores = Scores(absent={"lpips": "no backbone weights in the weights folder"})
    decision = route(ITEM, "product", scores, Routing((Bound("lpips", at_most=0.6, otherwise="reject"),)))
    assert decision.verdict == "review"
    assert codes(decision) == ["score_absent"]
    assert decision.reasons[0].text == "lpips is absent: no backbone weights in the weights folder"


@pytest.mark.parametrize("otherwise", ["review", "reject"])
def test_a_score_that_is_not_a_number_fails_its_bound(otherwise: str) -> None:
    bound = Bound("ssim_eighth", at_most=1.0, otherwise=otherwise)  # type: ignore[arg-type]
    decision = route(ITEM, "product", Scores(ssim_eighth=math.nan), Routing((bound,)))
    assert (decision.verdict, codes(decision)) == (otherwise, ["score_not_a_number"])


def test_an_unchanged_picture_has_infinite_psnr_and_holds_a_lower_bound() -> None:
    assert route(ITEM, "product", Scores(psnr_db=math.inf), Routing((Bound("psnr_db", 10.0),))).verdict == "approve"


def test_without_any_bound_nothing_is_approved() -> None:
    decision = route(ITEM, "product", GOOD, Routing(()))
    assert (decision.verdict, codes(decision)) == ("review", ["no_bounds"])


def test_a_class_under_four_eyes_needs_two_approvals() -> None:
    decision = route(ITEM, "people", GOOD, Routing((BOUND,), four_eyes_classes=frozenset({"People"})))
    assert (decision.verdict, decision.approvals_needed, codes(decision)) == ("review", 2, ["four_eyes_class"])


def test_a_class_for_review_needs_one_approval() -> None:
    decision = route(ITEM, "people", GOOD, Routing((BOUND,), review_classes=frozenset({"*"})))
    assert (decision.verdict, decision.approvals_needed, codes(decision)) == ("review", 1, ["review_class"])


def test_a_sampled_item_goes_to_a_person() -> None:
    decision = route(ITEM, "product", GOOD, Routing((BOUND,), sample_share=1.0))
    assert (decision.verdict, codes(decision), decision.sampled) == ("review", ["calibration_sample"], True)


def test_a_rejected_item_is_not_said_to_go_to_a_person_though_it_was_drawn() -> None:
    bound = Bound("ssim_eighth", at_least=0.9, otherwise="reject")
    decision = route(ITEM, "product", GOOD, Routing((bound,), sample_share=1.0))
    assert (decision.verdict, codes(decision), decision.sampled) == ("reject", ["score_below_bound"], True)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_the_share_that_is_drawn_is_the_share_that_was_asked_for(share: float) -> None:
    count = 20_000
    drawn = sum(is_sampled(Digest.of(str(number).encode()), share) for number in range(count))
    assert abs(drawn - share * count) < 4.5 * math.sqrt(count * share * (1 - share))


@given(ITEMS, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_larger_share_draws_the_same_items_and_more(item: Digest, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert is_sampled(item, high) or not is_sampled(item, low)
    assert is_sampled(item, 1.0)
    assert not is_sampled(item, 0.0)


@given(ITEMS, SCORES, ROUTINGS, st.floats(0.0, 0.5))
def test_tightening_a_bound_never_approves_what_was_not_approved(
    item: Digest, scores: Scores, routing: Routing, by: float
) -> None:
    tightened = tuple(
        dataclasses.replace(
            bound,
            at_least=min((bound.at_least or 0.0) + by, math.inf if bound.at_most is None else bound.at_most),
        )
        for bound in routing.bounds
    )
    before = route(item, "product", scores, routing)
    after = route(item, "product", scores, dataclasses.replace(routing, bounds=tightened))
    assert STRICTNESS[after.verdict] >= STRICTNESS[before.verdict]


@given(ITEMS, SCORES, ROUTINGS, BOUNDS)
def test_one_more_bound_never_makes_a_verdict_milder_unless_it_is_the_first(
    item: Digest, scores: Scores, routing: Routing, bound: Bound
) -> None:
    if not routing.bounds:
        return
    more = dataclasses.replace(routing, bounds=(*routing.bounds, bound))
    verdicts = [route(item, "food", scores, one).verdict for one in (routing, more)]
    assert STRICTNESS[verdicts[1]] >= STRICTNESS[verdicts[0]]


@given(ITEMS, SCORES, ROUTINGS, st.randoms(use_true_random=False))
def test_the_order_of_the_bounds_is_irrelevant(
    item: Digest, scores: Scores, routing: Routing, rng: random.Random
) -> None:
    shuffled = list(routing.bounds)
    rng.shuffle(shuffled)
    other = dataclasses.replace(routing, bounds=tuple(shuffled))
    assert route(item, "people", scores, routing) == route(item, "people", scores, other)


@given(ITEMS, SCORES, ROUTINGS)
def test_reject_dominates_review_and_review_dominates_approve(item: Digest, scores: Scores, routing: Routing) -> None:
    decision = route(item, "people", scores, routing)
    alone = [route(item, "food", scores, Routing((bound,))).verdict for bound in routing.bounds]
    if "reject" in alone:
        assert decision.verdict == "reject"
    elif "review" in alone or decision.reasons:
        assert decision.verdict == "review"
    else:
        assert decision.verdict == "approve"


@given(ITEMS, SCORES, ROUTINGS)
def test_whatever_is_not_approved_has_a_reason(item: Digest, scores: Scores, routing: Routing) -> None:
    decision = route(item, "people", scores, routing)
    assert (decision.verdict == "approve") == (not decision.reasons)
    assert len(set(decision.reasons)) == len(decision.reasons)


@pytest.mark.parametrize(
    ("metric", "at_least", "at_most", "otherwise"),
    [
        ("ssim", 0.5, None, "review"),
        ("ssim_full", None, None, "review"),
        ("ssim_full", math.nan, None, "review"),
        ("ssim_full", None, math.inf, "review"),
        ("ssim_full", 0.6, 0.5, "review"),
        ("ssim_full", 0.6, None, "approve"),
    ],
)
def test_a_bound_that_bounds_nothing_is_refused(
    metric: str, at_least: float | None, at_most: float | None, otherwise: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Bound(metric, at_least, at_most, otherwise)  # type: ignore[arg-type]
    assert caught.value.expected


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="sampling share"):
        Routing((BOUND,), sample_share=share)
