"""The register and the store together: the stricter counts, what lapsed allows nothing, and no policy is fooled."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from governance import licence_register as register
from governance.db import Database
from governance.licence_register import ANY, Licence, LicenceKind, LicenceState
from governance.policy import Permit, Policy, Purpose, Question, Refusal, StyleTerms
from governance.question_text import question_of, text_of
from governance.registered_rights import facts_under, terms_under, under_register
from stylecore.data import AssetFacts, Digest, StyleRef

TODAY = date(2026, 6, 1)
DAY = timedelta(days=1)
POLICY = Policy.shipped()
PURPOSE = Purpose("maria", "web", "DE")
FACTS = AssetFacts("product", "studio", True, date(2028, 1, 1), False)
PERSON = replace(FACTS, asset_class="people", shows_person=True, consent="C-1")
TERMS = StyleTerms(StyleRef("dots", 1, Digest("0" * 64)), True, "house", None, ANY, ANY, ANY)
STUDIO = Licence("studio", LicenceKind.PICTURE, "the studio")
CONSENT = Licence("C-1", LicenceKind.CONSENT, "Ann")
HOUSE = Licence("house", LicenceKind.STYLE, "the brand")


def asked(*licences: Licence, facts: AssetFacts = FACTS, policy: Policy = POLICY, on: date = TODAY) -> set[str]:
    """The codes of the refusal, or none."""
    known = {each.licence_id: each for each in licences}
    answer = policy.check(facts_under(facts, known, on), terms_under(TERMS, known, on), PURPOSE, on)
    return set() if isinstance(answer, Permit) else {reason.code for reason in answer.reasons}


def told(*licences: Licence, facts: AssetFacts = FACTS) -> str:
    known = {each.licence_id: each for each in licences}
    answer = POLICY.check(facts_under(facts, known, TODAY), terms_under(TERMS, known, TODAY), PURPOSE, TODAY)
    assert isinstance(answer, Refusal)
    return "; ".join(reason.text for reason in answer.reasons)


def test_a_licence_that_is_not_on_record_changes_nothing() -> None:
    other = replace(STUDIO, licence_id="other")
    assert facts_under(FACTS, {"other": other}, TODAY) is FACTS
    assert terms_under(TERMS, {"other": other}, TODAY) is TERMS


def test_the_register_fills_in_what_the_store_does_not_know() -> None:
    facts = replace(FACTS, derivatives_allowed=None, rights_until=None)
    under = facts_under(facts, {"studio": replace(STUDIO, derivatives=True, valid_until=TODAY)}, TODAY)
    assert (under.derivatives_allowed, under.rights_until) == (True, TODAY)


@pytest.mark.parametrize(
    ("store", "recorded", "counts"),
    [
        (True, False, False),
        (False, True, False),
        (None, True, True),
        (True, None, True),
        (None, None, None),
        (False, None, False),
    ],
)
def test_a_no_wins_over_a_yes(store: bool | None, recorded: bool | None, counts: bool | None) -> None:
    facts, licence = replace(FACTS, derivatives_allowed=store), replace(STUDIO, derivatives=recorded)
    assert facts_under(facts, {"studio": licence}, TODAY).derivatives_allowed is counts


def test_the_earlier_end_counts_for_rights_consent_and_style() -> None:
    early = date(2027, 1, 1)
    known = {each.licence_id: replace(each, valid_until=early) for each in (STUDIO, CONSENT, HOUSE)}
    under = facts_under(PERSON, known, TODAY)
    assert (under.rights_until, under.consent_until) == (early, early)
    assert terms_under(TERMS, known, TODAY).valid_until == early
    assert terms_under(replace(TERMS, valid_until=TODAY), known, TODAY).valid_until == TODAY


def test_a_withdrawn_picture_licence_is_refused_and_named() -> None:
    withdrawn = replace(STUDIO, state=LicenceState.WITHDRAWN)
    assert asked(withdrawn) == {"asset_licence_not_in_force", "asset_licence_forbids_restyling"}
    assert "the asset's licence (studio) was withdrawn" in told(withdrawn)


def test_a_licence_counts_from_its_first_day_to_its_last() -> None:
    licence = replace(STUDIO, valid_from=TODAY, valid_until=TODAY + DAY)
    assert "asset_licence_not_in_force" in asked(licence, on=TODAY - DAY)
    assert asked(licence) == asked(licence, on=TODAY + DAY) == set()
    assert asked(licence, on=TODAY + 2 * DAY) == {"asset_rights_expired"}


def test_a_withdrawn_consent_is_none_and_named() -> None:
    withdrawn = replace(CONSENT, state=LicenceState.WITHDRAWN)
    assert asked(withdrawn, facts=PERSON) == {"consent_not_in_force", "person_without_consent"}
    assert "the consent C-1 was withdrawn" in told(withdrawn, facts=PERSON)
    assert asked(withdrawn, facts=replace(FACTS, consent="C-1")) == set()


def test_a_person_may_forbid_alterations_but_cannot_allow_them_for_the_photographer() -> None:
    assert asked(replace(CONSENT, derivatives=False), facts=PERSON) == {"asset_licence_forbids_restyling"}
    unknown = replace(PERSON, derivatives_allowed=None)
    assert asked(replace(CONSENT, derivatives=True), facts=unknown) == {"asset_licence_unknown"}


def test_a_consent_is_no_licence_and_a_licence_no_consent() -> None:
    assert "asset_licence_not_in_force" in asked(replace(CONSENT, licence_id="studio"))
    assert "on record as a picture licence" in told(replace(STUDIO, licence_id="C-1"), facts=PERSON)


def test_a_style_whose_licence_was_withdrawn_may_not_be_used() -> None:
    assert asked(replace(HOUSE, state=LicenceState.WITHDRAWN)) == {"style_not_approved", "style_licence_not_in_force"}


@pytest.mark.parametrize(
    ("limit", "code"),
    [("asset_classes", "class"), ("channels", "channel"), ("territories", "territory")],
)
def test_what_a_licence_does_not_cover_is_refused(limit: str, code: str) -> None:
    narrow: dict[str, Any] = {limit: frozenset({"elsewhere"})}
    assert asked(replace(STUDIO, **narrow)) == {f"asset_{code}_not_covered"}
    assert asked(replace(HOUSE, **narrow)) == {f"style_{code}_not_covered"}
    assert "elsewhere, not" in told(replace(STUDIO, **narrow))


def test_licence_and_consent_have_to_cover_it_both() -> None:
    web, both = frozenset({"web"}), frozenset({"web", "print"})
    assert asked(replace(STUDIO, channels=both), replace(CONSENT, channels=web), facts=PERSON) == set()
    assert asked(replace(STUDIO, channels=both), replace(CONSENT, channels=both - web), facts=PERSON) == {
        "asset_channel_not_covered"
    }


OLD_RULES = """
@id("permitted") @reason("permitted")
permit (principal, action, resource) when { context.style.approved };
@id("no_derivatives") @reason("no")
forbid (principal, action, resource) unless { resource has derivatives_allowed && resource.derivatives_allowed };
@id("no_consent") @reason("no")
forbid (principal, action, resource) when { resource has shows_person && resource.shows_person }
unless { resource has consent };
"""


@pytest.mark.parametrize(
    ("licence", "code"), [(STUDIO, "no_derivatives"), (CONSENT, "no_consent"), (HOUSE, "nothing_permits")]
)
def test_rules_that_know_no_register_refuse_what_was_withdrawn(tmp_path: Path, licence: Licence, code: str) -> None:
    (tmp_path / "own.cedar").write_text(OLD_RULES)
    policy = Policy.from_folder(tmp_path)
    assert asked(STUDIO, CONSENT, HOUSE, facts=PERSON, policy=policy) == set()
    assert code in asked(replace(licence, state=LicenceState.WITHDRAWN), facts=PERSON, policy=policy)


def test_a_policy_from_before_the_register_still_answers() -> None:
    files = {name: text for name, text in POLICY.files if name.endswith("schema")}
    ((name, text),) = files.items()
    old = "\n".join(line for line in text.splitlines() if "_lapse?" not in line and "licensed_" not in line)
    policy = Policy.from_files([("own.cedar", OLD_RULES), (name, old)])
    withdrawn = replace(HOUSE, state=LicenceState.WITHDRAWN), replace(STUDIO, channels=frozenset({"print"}))
    assert asked(*withdrawn, policy=policy) == {"nothing_permits"}


SETS = st.just(ANY) | st.frozensets(st.sampled_from(["web", "print", "social"]), min_size=1)
LICENCES = st.builds(
    Licence,
    licence_id=st.sampled_from(["studio", "C-1", "house"]),
    kind=st.sampled_from(LicenceKind),
    holder=st.just("somebody"),
    valid_from=st.none() | st.just(TODAY - DAY) | st.just(TODAY + DAY),
    valid_until=st.none() | st.just(TODAY + 2 * DAY),
    channels=SETS,
    derivatives=st.none() | st.booleans(),
    state=st.sampled_from(LicenceState),
)


@given(st.lists(LICENCES, max_size=3), st.sampled_from([FACTS, PERSON]))
def test_a_record_never_permits_what_would_be_refused_of_known_facts(
    licences: list[Licence], facts: AssetFacts
) -> None:
    assert asked(*licences, facts=replace(facts, derivatives_allowed=False))


@given(st.lists(LICENCES, max_size=3))
def test_a_question_with_what_the_register_says_is_kept_and_read_again(licences: list[Licence]) -> None:
    known = {each.licence_id: each for each in licences}
    question = Question(facts_under(PERSON, known, TODAY), terms_under(TERMS, known, TODAY), PURPOSE, TODAY)
    assert question_of(text_of(question), TODAY) == question


def test_one_look_into_the_register_is_enough_for_a_page(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'records.db'}")
    licences = [replace(STUDIO, licence_id=f"L-{number}", derivatives=False) for number in range(400)]
    register.record(database, licences, "carla")
    questions = [Question(replace(FACTS, licence=f"L-{n}"), TERMS, PURPOSE, TODAY) for n in range(450)]
    looks: list[str] = []
    event.listen(database._engine, "before_cursor_execute", lambda *told: looks.append(told[2]))
    under = under_register(database, questions)
    assert sum("FROM licences" in look for look in looks) == 1
    assert [each.facts.derivatives_allowed for each in under] == [False] * 400 + [True] * 50
