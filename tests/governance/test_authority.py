"""Who may do what: each role and act against a table written by hand, and what people are told who may not."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from governance import people
from governance.access_rules import read_access_rules
from governance.authority import OPEN_WORKSPACE, Act, Allowed, Authority, Deed, Denied
from governance.db import Database
from governance.errors import PolicyError, UsageError
from governance.people import Role

MAY: dict[Role, set[Act]] = {
    Role.OPERATOR: {Act.APPLY, Act.PUBLISH_REVIEWED},
    Role.STYLE_OWNER: {Act.REGISTER, Act.EVALUATE},
    Role.APPROVER: {Act.EVALUATE, Act.APPROVE, Act.RETIRE, Act.READ_AUDIT},
    Role.REVIEWER: {Act.REVIEW},
    Role.COMPLIANCE: {Act.KEEP_RIGHTS, Act.RECALL, Act.RETIRE, Act.READ_AUDIT},
    Role.AUDITOR: {Act.READ_AUDIT},
    Role.ADMINISTRATOR: {Act.ADMINISTER, Act.READ_AUDIT},
}


@pytest.fixture
def authority(database: Database) -> Authority:
    return Authority(database)


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_exactly_what_the_table_says(authority: Authority, role: Role, act: Act) -> None:
    answer = authority.of_roles(frozenset({role}), Deed(act, "style:risograph/1"))

    assert isinstance(answer, Allowed) == (act in MAY[role])


@pytest.mark.parametrize("act", Act)
def test_several_roles_may_do_what_any_of_them_may(authority: Authority, act: Act) -> None:
    for one, other in combinations(Role, 2):
        answer = authority.of_roles(frozenset({one, other}), Deed(act, "style:risograph/1"))

        assert isinstance(answer, Allowed) == (act in MAY[one] | MAY[other])


def test_a_workspace_in_which_nobody_has_a_role_is_open_and_says_so(authority: Authority) -> None:
    for act in Act:
        assert authority.ask("ann", Deed(act, "ledger")) == Allowed((OPEN_WORKSPACE,))


def test_the_first_administrator_closes_the_workspace(database: Database, authority: Authority) -> None:
    people.grant(database, "Ada", Role.ADMINISTRATOR, "ada")

    assert isinstance(authority.ask("ada", Deed(Act.ADMINISTER, "people")), Allowed)
    assert isinstance(authority.ask("ben", Deed(Act.READ_AUDIT, "ledger")), Denied)


def test_who_may_not_is_told_which_roles_would_be_enough(database: Database, authority: Authority) -> None:
    people.grant(database, "ada", Role.ADMINISTRATOR, "ada")
    people.grant(database, "ben", Role.REVIEWER, "ada")

    answer = authority.ask("ben", Deed(Act.APPROVE, "style:risograph/1"))

    assert isinstance(answer, Denied)
    assert answer.reasons[0].text == "ben has the roles reviewer; to approve style:risograph/1, it takes approver"


@pytest.mark.parametrize("spelt", ["Ann Lee", "ANN  LEE", "ａｎｎ lee"])
def test_whoever_registered_a_style_does_not_approve_it_however_the_name_is_spelt(
    database: Database, authority: Authority, spelt: str
) -> None:
    people.grant(database, "ada", Role.ADMINISTRATOR, "ada")
    people.grant(database, "Ann Lee", Role.APPROVER, "ada")

    answer = authority.ask(spelt, Deed(Act.APPROVE, "style:risograph/1", registered_by="Ann Lee"))

    assert isinstance(answer, Denied)
    assert [reason.code for reason in answer.reasons] == ["registrant_does_not_approve"]


def test_four_eyes_hold_in_an_open_workspace_too(authority: Authority) -> None:
    answer = authority.ask("ann", Deed(Act.APPROVE, "style:risograph/1", registered_by="ann"))

    assert isinstance(answer, Denied)


def test_a_role_that_was_withdrawn_counts_at_once(database: Database, authority: Authority) -> None:
    people.grant(database, "ada", Role.ADMINISTRATOR, "ada")
    people.grant(database, "ben", Role.REVIEWER, "ada")
    people.withdraw(database, "Ben", Role.REVIEWER, "ada")

    assert isinstance(authority.ask("ben", Deed(Act.REVIEW, "item:1")), Denied)


def test_who_left_may_do_nothing(database: Database, authority: Authority) -> None:
    people.grant(database, "ada", Role.ADMINISTRATOR, "ada")
    people.grant(database, "ben", Role.OPERATOR, "ada")
    people.leave(database, "ben", "ada")

    assert isinstance(authority.ask("ben", Deed(Act.APPLY, "campaign:spring")), Denied)


def test_the_first_role_given_is_an_administrators(database: Database) -> None:
    with pytest.raises(UsageError, match="administrator first"):
        people.grant(database, "ben", Role.REVIEWER, "ada")


def test_the_last_administrator_stays_one(database: Database) -> None:
    people.grant(database, "ada", Role.ADMINISTRATOR, "ada")

    with pytest.raises(UsageError, match="last administrator"):
        people.withdraw(database, "ADA", Role.ADMINISTRATOR, "ada")
    with pytest.raises(UsageError, match="last administrator"):
        people.leave(database, "ada", "ada")


def test_giving_a_role_twice_is_told_once(database: Database) -> None:
    from governance import ledger

    people.grant(database, "ada", Role.ADMINISTRATOR, "ada")
    people.grant(database, "Ada", Role.ADMINISTRATOR, "ada")

    assert [event.kind for event in ledger.page(database)] == ["person:added", "role:granted"]


def test_a_house_may_have_rules_of_its_own(tmp_path: Path, database: Database) -> None:
    rules = tmp_path / "people.cedar"
    rules.write_text(
        '@id("all_read")\n@reason("everybody reads")\npermit (principal, action == Action::"read_audit", resource);'
    )
    authority = Authority(database, read_access_rules(rules))

    assert isinstance(authority.of_roles(frozenset(), Deed(Act.READ_AUDIT, "ledger")), Allowed)
    assert isinstance(authority.of_roles(frozenset({Role.ADMINISTRATOR}), Deed(Act.ADMINISTER, "people")), Denied)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no rule"),
        ('@id("x")\n@reason("y")\npermit (principal, action == Action::"fly", resource);', "people.cedarschema"),
        ('@id("x")\n@reason("{secret}")\npermit (principal, action, resource);', "secret"),
        ("permit (principal, action, resource);", "id"),
    ],
)
def test_rules_that_cannot_be_relied_on_are_refused(tmp_path: Path, text: str, told: str) -> None:
    rules = tmp_path / "people.cedar"
    rules.write_text(text)

    with pytest.raises(PolicyError, match=told):
        read_access_rules(rules)
