"""Rights as data: a store's words become facts, and a word that is not understood is never a guess."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.licences import (
    MAX_FIELDS,
    MAX_VALUE_CHARS,
    LicenceFieldError,
    earliest_end,
    facts_from_fields,
    is_valid_on,
)
from stylecore.data import AssetFacts

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1))


def test_every_field_about_rights_is_understood() -> None:
    facts = facts_from_fields(
        {
            "class": "People",
            "licence": "CC-BY-4.0",
            "derivatives": "yes",
            "rights-until": "2027-01-31",
            "person": "yes",
            "consent": "release-0042",
            "consent-until": "2026-12-31",
            "photographer": "A. Example",
        }
    )
    assert facts == AssetFacts(
        asset_class="people",
        licence="CC-BY-4.0",
        derivatives_allowed=True,
        rights_until=date(2027, 1, 31),
        shows_person=True,
        consent="release-0042",
        consent_until=date(2026, 12, 31),
        tags={"photographer": "A. Example"},
    )


def test_no_fields_leave_everything_unknown() -> None:
    assert facts_from_fields({}) == AssetFacts()


@pytest.mark.parametrize("name", ["class", "licence", "derivatives", "rights-until", "person", "consent-until"])
def test_an_empty_field_says_nothing(name: str) -> None:
    assert facts_from_fields({name: "  "}) == AssetFacts()


@pytest.mark.parametrize("name", ["class", "licence", "derivatives", "person", "consent"])
def test_unknown_is_a_word_for_not_known(name: str) -> None:
    assert facts_from_fields({name: "Unknown"}) == AssetFacts()


def test_an_unknown_day_is_not_taken_for_no_end() -> None:
    with pytest.raises(LicenceFieldError, match="YYYY-MM-DD"):
        facts_from_fields({"rights-until": "unknown"})


@pytest.mark.parametrize("name", ["rights-until", "Rights_Until", " RIGHTS-UNTIL "])
def test_case_and_dashes_make_no_difference_in_a_name(name: str) -> None:
    assert facts_from_fields({name: "2027-01-31"}).rights_until == date(2027, 1, 31)


def test_license_is_the_same_field_as_licence() -> None:
    assert facts_from_fields({"License": "CC0-1.0"}).licence == "CC0-1.0"


def test_two_spellings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(LicenceFieldError, match="other spelling"):
        facts_from_fields({"rights-until": "2027-01-31", "Rights_Until": "2099-01-31"})


def test_two_spellings_that_agree_or_say_nothing_are_fine() -> None:
    fields = {"person": "no", "Person": "no", "PERSON": ""}
    assert facts_from_fields(fields).shows_person is False


@pytest.mark.parametrize(
    ("word", "allowed"),
    [("yes", True), ("TRUE", True), ("1", True), ("allowed", True), ("no", False), ("Forbidden", False), ("0", False)],
)
def test_words_for_yes_and_no_are_understood(word: str, allowed: bool) -> None:
    assert facts_from_fields({"derivatives": word}).derivatives_allowed is allowed


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("derivatives", "maybe", "yes, no, allowed, forbidden"),
        ("person", "allowed", "yes, no"),
        ("rights-until", "31.01.2027", "YYYY-MM-DD"),
        ("rights-until", "20270131", "YYYY-MM-DD"),
        ("rights-until", "2027-02-30", "YYYY-MM-DD"),
        ("rights-until", "2027-01-31T00:00:00Z", "YYYY-MM-DD"),
        ("consent-until", "٢٠٢٧-٠١-٣١", "YYYY-MM-DD"),
        ("class", "*", "without *"),
        ("class", "x" * 65, "64 characters"),
        ("licence", "CC\x00BY", "plain characters"),
        ("licence", "CC\u202eYB", "plain characters"),
        ("consent", "x" * (MAX_VALUE_CHARS + 1), "plain characters"),
    ],
)
def test_a_word_that_is_not_understood_is_told_with_field_value_and_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    with pytest.raises(LicenceFieldError) as caught:
        facts_from_fields({name: value})
    assert caught.value.field.replace("_", "-") == name
    assert caught.value.value == value
    assert allowed in caught.value.allowed
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["", "  ", "x" * 129, "a\nb"])
def test_a_field_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(LicenceFieldError, match="field name"):
        facts_from_fields({name: "x"})


def test_more_fields_than_any_store_has_are_refused() -> None:
    with pytest.raises(LicenceFieldError, match="at most"):
        facts_from_fields({f"field{number}": "x" for number in range(MAX_FIELDS + 1)})


def test_other_fields_become_tags_that_are_bounded_and_plain() -> None:
    tags = facts_from_fields({"Photo-Credit": "A\nB", "caption": "x" * 5000}).tags
    assert tags["photo_credit"] == "A\N{REPLACEMENT CHARACTER}B"
    assert len(tags["caption"]) == MAX_VALUE_CHARS


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=6))
def test_whatever_the_fields_say_there_are_facts_or_a_told_error(fields: dict[str, str]) -> None:
    try:
        facts = facts_from_fields(fields)
    except LicenceFieldError as problem:
        told = problem.expected
    else:
        told = facts.asset_class if facts.asset_class == facts.asset_class.lower() else ""
    assert told


@given(st.sampled_from(["derivatives", "person"]), st.text(max_size=12))
def test_only_a_word_for_yes_makes_a_fact_true(name: str, word: str) -> None:
    try:
        facts = facts_from_fields({name: word})
    except LicenceFieldError:
        return
    if facts.derivatives_allowed or facts.shows_person:
        assert word.strip().lower() in {"yes", "true", "y", "1", "allowed"}


def test_what_lasts_until_a_day_still_holds_on_that_day() -> None:
    assert is_valid_on(date(2026, 1, 31), date(2026, 1, 31))
    assert not is_valid_on(date(2026, 1, 31), date(2026, 2, 1))
    assert is_valid_on(None, date.max)


@given(st.lists(st.one_of(st.none(), DAYS), max_size=5), DAYS)
def test_the_earliest_end_is_the_last_day_on_which_all_hold(ends: list[date | None], on: date) -> None:
    assert is_valid_on(earliest_end(*ends), on) == all(is_valid_on(end, on) for end in ends)
    if (first := earliest_end(*ends)) is not None:
        assert not all(is_valid_on(end, first + timedelta(days=1)) for end in ends)
