"""Tables of who may do what, and the rules of access in plain English."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.access_cases import access_surprises, read_access_cases
from governance.access_rules import ACCESS_FOLDER, read_access_rules
from governance.authority import Authority
from governance.db import Database
from governance.errors import PolicyError
from governance.policy_sheet import access_sheet

TABLE = (Path(__file__).parents[2] / "docs" / "policy.cases.yaml").read_bytes()


@pytest.fixture
def records(tmp_path: Path) -> Database:
    return Database.open(f"sqlite:///{tmp_path / 'records.db'}")


def test_the_shipped_rules_keep_their_own_table(records: Database) -> None:
    cases = read_access_cases(TABLE)
    assert cases
    assert access_surprises(Authority(records), cases) == []


def test_rules_that_lost_one_surprise_exactly_where_it_counted(records: Database, tmp_path: Path) -> None:
    text = (ACCESS_FOLDER / "people.cedar").read_text()
    (tmp_path / "own.cedar").write_text(text[: text.index('@id("registrant_does_not_approve")')])
    found = access_surprises(Authority(records, read_access_rules(tmp_path / "own.cedar")), read_access_cases(TABLE))
    assert [each.case.name for each in found] == [
        "who registered a style does not approve it, however the name is spelt"
    ]
    assert (found[0].expected, found[0].found) == ("refused (registrant_does_not_approve)", "permitted")


@pytest.mark.parametrize(
    "content",
    [
        b"access: 3",
        b"[]",
        b"access: [{name: a, act: fly, expect: refused}]",
        b"access: [{name: a, roles: [king], act: apply, expect: refused}]",
        b"access: [{name: a, act: apply, expect: maybe}]",
        b"access: [",
    ],
)
def test_what_is_no_table_is_told(content: bytes) -> None:
    with pytest.raises(PolicyError):
        read_access_cases(content)


def test_a_table_without_the_list_has_no_such_cases() -> None:
    assert read_access_cases(b"cases: []") == ()


def test_every_rule_of_access_is_told_with_nothing_left_in_code() -> None:
    rules = read_access_rules()
    page = access_sheet(rules)
    assert str(rules.digest) in page
    for name in rules.rules:
        assert f"**{name}**" in page
    for code in ("resource.", "principal", "&&", "{", "Role::"):
        assert code not in page
