"""The plain-English sheet: it says every rule, says it rightly, and quotes what it has no words for."""

from __future__ import annotations

from pathlib import Path

import pytest
from cedarpy import policies_to_pst, pst

from governance.policy_rules import SHIPPED_POLICIES, read_rule_book
from governance.policy_sheet import sheet
from governance.policy_words import in_words


def condition(text: str) -> pst.Expr:
    parsed = policies_to_pst(f"forbid (principal, action, resource) when {{ {text} }};")
    (template,) = parsed.static_policies.values()
    (clause,) = template.clauses
    return clause.expr


def test_every_shipped_rule_is_told_with_nothing_left_in_code() -> None:
    book = read_rule_book(SHIPPED_POLICIES)

    page = sheet(book)

    for rule in book.rules:
        assert f"**{rule.id}**" in page
    assert str(book.digest) in page
    for code in ("resource.", "context.", "principal", "&&", "containsAny", "{"):
        assert code not in page


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("resource.shows_person", "the asset shows a person"),
        ("!resource.shows_person", "the asset does not show a person"),
        ("resource has consent", "a consent of the person shown is on record"),
        ("!(resource has shows_person)", "it is not on record whether the asset shows a person"),
        ("resource.rights_until < context.today", "the last day of the rights in the asset is before today"),
        ("!(resource.rights_until < context.today)", "the last day of the rights in the asset is not before today"),
        ('resource.class == "logo"', "the asset's class is “logo”"),
        ('resource.hasTag("embargo")', "the asset has tag “embargo”"),
        (
            'context.style.channels.containsAny(["*", context.channel])',
            "the channels that the style covers include “any” or the channel it is asked for",
        ),
    ],
)
def test_a_condition_is_said_in_words(text: str, told: str) -> None:
    assert in_words(condition(text)) == told


def test_the_contrary_of_a_joint_condition_is_that_one_part_does_not_hold() -> None:
    both = condition("resource.shows_person && context.style.approved")

    assert in_words(both, holds=False) == "the asset does not show a person or the style is not approved"


def test_what_there_are_no_words_for_is_quoted_and_not_guessed() -> None:
    assert in_words(condition('resource.class like "logo*"')) == '“(resource.class) like "logo*"”'


def test_a_rule_for_one_person_and_one_action_says_so(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(
        '@id("only_kim")\n@reason("kim may")\n'
        'permit (principal == Person::"kim", action == Action::"publish", resource);\n'
    )

    assert "Allowed to kim to publish always." in sheet(read_rule_book(tmp_path))


def test_that_a_fact_is_on_record_is_not_said_twice(tmp_path: Path) -> None:
    (tmp_path / "own.cedar").write_text(
        '@id("ended")\n@reason("over")\nforbid (principal, action, resource)\n'
        "when { resource has rights_until && resource.rights_until < context.today };\n"
    )

    page = sheet(read_rule_book(tmp_path))

    assert "Refused when the last day of the rights in the asset is before today." in page
