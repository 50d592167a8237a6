"""Tables of expected verdicts, and what another policy would change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from governance.errors import PolicyError
from governance.policy import Policy
from governance.policy_cases import read_cases, surprises
from governance.policy_diff import PolicyChange, changes, turned
from governance.policy_rules import SHIPPED_POLICIES, read_rule_book

TABLE = Path(__file__).parents[2] / "docs" / "policy.cases.yaml"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the shipped policy, to be changed."""
    return Path(shutil.copytree(SHIPPED_POLICIES, tmp_path / "policies"))


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def test_the_shipped_policy_keeps_its_own_table() -> None:
    assert surprises(Policy.shipped(), read_cases(TABLE.read_bytes())) == []


def test_a_policy_that_lost_a_rule_surprises_exactly_where_the_rule_counted(own: Path) -> None:
    (own / "people.cedar").unlink()

    found = surprises(Policy.from_folder(own), read_cases(TABLE.read_bytes()))

    assert {each.case.name for each in found} == {
        "nothing on record about altered copies or people is a refusal with both reasons",
        "a person without a consent is refused",
        "a consent does not hold on the day after",
    }
    assert all(each.expected.startswith("refused") for each in found)


def test_reasons_that_are_expected_have_to_be_those_and_no_others() -> None:
    (case,) = read_cases(
        b"cases: [{name: x, asset: {class: product}, day: 2026-01-01, expect: refused,"
        b" reasons: [asset_licence_unknown]}]"
    )

    (surprise,) = surprises(Policy.shipped(), [case])

    assert str(surprise.found) == "refused (asset_licence_unknown, asset_people_unknown)"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (b"", "no table"),
        (b"cases: []", "without cases"),
        (b"cases: [5]", "in the table"),
        (b"cases: [{name: x}]", "asset of"),
        (b"cases: [{name: x, asset: {}, day: 2026-01-01, expect: maybe}]", "expect of"),
        (b"cases: [{name: x, asset: {}, day: 2026-01-01, expect: permitted, reasons: [a]}]", "no reasons"),
        (b"cases: [{name: x, asset: {person: perhaps}, day: 2026-01-01, expect: refused}]", "person"),
        (b"cases: [{name: x, asset: {}, day: 2026-01-01, expect: refused, colour: red}]", "colour"),
        (b"[" * 5000, "no table"),
        (b"cases: !!python/object/apply:os.system [ls]", "no table"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused_and_says_where(table: bytes, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        read_cases(table)


def test_a_policy_does_not_differ_from_itself() -> None:
    book = read_rule_book(SHIPPED_POLICIES)

    assert not changes(book, book)


def test_rules_that_came_went_changed_and_were_reworded_are_told_apart(own: Path) -> None:
    edit(own, "assets.cedar", "resource.rights_until < context.today", "resource.rights_until <= context.today")
    edit(own, "styles.cedar", "is not an approved style", "was never approved")
    edit(own, "people.cedar", '@id("asset_people_unknown")', '@id("people_unknown")')

    found = changes(read_rule_book(SHIPPED_POLICIES), read_rule_book(own))

    assert found == PolicyChange(
        added=("people_unknown",),
        removed=("asset_people_unknown",),
        changed=("asset_rights_expired",),
        reworded=("style_not_approved",),
    )


def test_the_verdicts_that_a_change_would_turn_are_shown_with_both_answers(own: Path) -> None:
    edit(own, "people.cedar", "resource.consent_until < context.today", "resource.consent_until <= context.today")

    (found,) = turned(Policy.shipped(), Policy.from_folder(own), read_cases(TABLE.read_bytes()))

    assert found.case.name == "a consent holds on its last day"
    assert (str(found.before), str(found.after)) == ("permitted", "refused (consent_expired)")
