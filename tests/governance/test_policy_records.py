"""What was decided by which rules: questions kept once, answers with what they move, refusals by reason, policies."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, func, select, text

from governance import ledger, outcomes, policy_records
from governance.db import Database
from governance.errors import IntegrityError, UsageError
from governance.events import EventKind
from governance.policy import Permit, Policy, Refusal
from governance.policy_question import Question
from governance.policy_records import Asked
from governance.policy_rules import SHIPPED_POLICIES
from governance.question_text import question_of, text_of
from governance.tables.policies import POLICIES, QUESTIONS, REFUSALS, VERDICTS
from stylecore.data import AssetFacts, Digest, Reason, Zone, canonical_json
from tests.governance.world import (
    ACTOR,
    FACTS,
    FORBIDDEN,
    ON,
    candidate,
    digest,
    item_standing,
    permitted,
    plan,
    published_item,
)

st.register_type_strategy(Digest, st.integers(0, 9).map(digest))
_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_FACTS = st.builds(AssetFacts, zones=st.just(()), tags=st.dictionaries(_TEXT, _TEXT, max_size=3))
QUESTIONS_OF_ALL_KINDS = st.builds(Question, facts=_FACTS)

ASSET_ACTIONS = '(principal, action in [Action::"restyle", Action::"publish"], resource)'
ALLOW_ALL = f'@id("anything_goes")\n@reason("anything goes")\npermit {ASSET_ACTIONS};\n'
EMBARGO = f'@id("embargoed")\n@reason("under embargo")\nforbid {ASSET_ACTIONS} when {{ resource.hasTag("embargo") }};\n'


def count(db: Database, table: Table) -> int:
    with db.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def asked(facts: AssetFacts = FACTS, policy: Policy | None = None, **changed: Any) -> Asked:
    question = replace(permitted(facts).question, action="restyle", **changed)
    (answer,) = (policy or Policy.shipped()).check_many([question])
    return Asked(question, answer)


# Questions as text.


@given(QUESTIONS_OF_ALL_KINDS)
def test_a_question_is_read_from_its_text_as_it_was_put(question: Question) -> None:
    assert question_of(text_of(question), question.on) == question


@given(QUESTIONS_OF_ALL_KINDS)
def test_a_question_has_one_spelling_and_it_is_canonical(question: Question) -> None:
    told = text_of(question)
    assert canonical_json(json.loads(told)).decode() == told


@given(QUESTIONS_OF_ALL_KINDS, QUESTIONS_OF_ALL_KINDS)
def test_other_questions_have_other_texts(one: Question, other: Question) -> None:
    assert (text_of(one) == text_of(other)) == (replace(one, on=ON) == replace(other, on=ON))


def test_neither_the_day_nor_places_in_the_picture_are_part_of_a_question() -> None:
    question = asked().question
    zones = (Zone("logo", box=(0.1, 0.1, 0.2, 0.2)),)
    assert text_of(replace(question, on=date(2031, 1, 1))) == text_of(question)
    assert text_of(replace(question, facts=replace(FACTS, zones=zones))) == text_of(question)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"facts":{"colour":"red"}}', '{"on":"2025-01-01"}', "[" * 5_000])
def test_a_text_that_is_no_question_of_ours_is_told_as_damage(body: str) -> None:
    with pytest.raises(IntegrityError, match="recorded question"):
        question_of(body, ON)


# Answers.


def test_a_plan_records_what_was_asked_and_answered_for_each_new_item(database: Database, run_id: str) -> None:
    one = asked()
    item = candidate(1, asked=(one,))
    plan(database, run_id, item)
    (verdict,) = policy_records.verdicts_of(database, item.item_id)
    assert (verdict.action, verdict.asked_on, verdict.permitted) == ("restyle", ON, True)
    assert verdict.codes == ("approved_style_may_be_used",)
    assert verdict.policy_digest == Policy.shipped().digest
    assert policy_records.questions(database, [(verdict.question_digest, ON)]) == [one.question]


def test_planned_again_without_a_change_nothing_is_recorded(database: Database, run_id: str) -> None:
    item = candidate(1, asked=(asked(),))
    plan(database, run_id, item)
    plan(database, run_id, item)
    assert count(database, VERDICTS) == 1


def test_an_item_that_is_refused_since_and_permitted_again_has_all_three_answers(
    database: Database, run_id: str
) -> None:
    no = asked(replace(FACTS, derivatives_allowed=False))
    assert isinstance(no.answer, Refusal)
    yes, refused = candidate(1, asked=(asked(),)), candidate(1, refused=no.answer.reasons, asked=(no,))
    for each in (yes, refused, yes):
        plan(database, run_id, each)
    told = policy_records.verdicts_of(database, yes.item_id)
    assert [each.permitted for each in told] == [True, False, True]
    assert told[1].codes == ("asset_licence_forbids_restyling",)


def test_a_thousand_pictures_of_one_kind_ask_one_question(database: Database, run_id: str) -> None:
    plan(database, run_id, *(candidate(number, asked=(asked(),)) for number in range(600)))
    plan(database, run_id, *(candidate(number, asked=(asked(),)) for number in range(600, 1_000)))
    assert (count(database, VERDICTS), count(database, QUESTIONS)) == (1_000, 1)


def test_every_reason_of_a_refusal_is_a_row_also_those_that_no_rule_gave(database: Database, run_id: str) -> None:
    no = asked(replace(FACTS, derivatives_allowed=None, shows_person=None))
    assert isinstance(no.answer, Refusal)
    malformed = Reason("asset_facts_malformed", "the field person says 'perhaps'")
    item = candidate(1, refused=(malformed, *no.answer.reasons, malformed), asked=(no,))
    plan(database, run_id, item)
    told = [reason.code for _, reason in policy_records.refusals_of(database, item.item_id)]
    assert told == ["asset_facts_malformed", "asset_licence_unknown", "asset_people_unknown"]
    with database.read() as connection:
        rows = connection.execute(select(REFUSALS.c.action, REFUSALS.c.campaign, REFUSALS.c.style_name).distinct())
        assert rows.tuples().all() == [("restyle", "spring", "risograph")]


def test_a_refusal_to_publish_is_recorded_with_its_question(database: Database, run_id: str) -> None:
    item_id = item_standing(database, run_id, "approve")
    outcomes.refuse_publishing(database, ACTOR, outcomes.Refused(item_id, FORBIDDEN, (permitted(),)))
    assert [each.action for each in policy_records.verdicts_of(database, item_id)] == ["publish"]
    assert [reason for _, reason in policy_records.refusals_of(database, item_id)] == list(FORBIDDEN)


def test_an_answer_that_moves_nothing_is_not_recorded(database: Database, run_id: str) -> None:
    item_id = published_item(database, run_id)
    before = count(database, VERDICTS)
    outcomes.refuse_publishing(database, ACTOR, outcomes.Refused(item_id, FORBIDDEN, (permitted(),)))
    outcomes.record(database, run_id, ACTOR, [outcomes.Refused(item_id, FORBIDDEN, (permitted(),))])
    assert (count(database, VERDICTS), count(database, REFUSALS)) == (before, 0)


def test_a_question_that_was_changed_in_the_database_is_found_out(database: Database, run_id: str) -> None:
    item = candidate(1, asked=(asked(),))
    plan(database, run_id, item)
    (verdict,) = policy_records.verdicts_of(database, item.item_id)
    with database.write() as connection:
        connection.execute(text("UPDATE questions SET body = replace(body, 'studio', 'stolen')"))
    with pytest.raises(IntegrityError, match="not what was asked"):
        policy_records.questions(database, [(verdict.question_digest, ON)])
    with database.write() as connection:
        connection.execute(text("DELETE FROM questions"))
    with pytest.raises(IntegrityError, match="gone"):
        policy_records.questions(database, [(verdict.question_digest, ON)])


def test_answers_come_page_by_page_though_many_bear_one_moment(database: Database, run_id: str) -> None:
    plan(database, run_id, *(candidate(number, asked=(asked(),)) for number in range(7)))
    plan(database, run_id, *(candidate(number, asked=(asked(),)) for number in range(7, 10)))
    since, seen = datetime(2020, 1, 1, tzinfo=UTC), list[int]()
    last = None
    while found := policy_records.page(database, since=since, until=None, after=last, limit=4):
        seen += [each.ordinal for each in found]
        last = found[-1]
    assert seen == sorted(set(seen))
    assert len(seen) == 10
    assert policy_records.page(database, since=since, until=since) == ()


# Policies in force.


def other_policy(folder: Path, more: str = ALLOW_ALL) -> Policy:
    folder.mkdir()
    for path in SHIPPED_POLICIES.glob("*.cedar"):
        (folder / path.name).write_text(path.read_text())
    (folder / "more.cedar").write_text(more)
    return Policy.from_folder(folder)


def changes(db: Database) -> list[tuple[str, Any]]:
    events = ledger.page(db, kind=EventKind.POLICY_CHANGED)
    return [(event.actor, (event.body["from"], event.body["to"])) for event in events]


def test_a_policy_is_told_when_it_is_put_in_force_and_not_again(database: Database, tmp_path: Path) -> None:
    shipped, other = Policy.shipped(), other_policy(tmp_path / "other")
    for actor, policy in (("ada", shipped), ("ada", shipped), ("ben", other), ("ada", other), ("ada", shipped)):
        policy_records.put_in_force(database, policy, actor)
    assert changes(database) == [
        ("ada", (None, shipped.digest)),
        ("ben", (shipped.digest, other.digest)),
        ("ada", (other.digest, shipped.digest)),
    ]
    assert count(database, POLICIES) == 2


def test_a_policy_that_was_in_force_decides_today_as_it_did_then(database: Database, tmp_path: Path) -> None:
    policy = other_policy(tmp_path / "strict", EMBARGO)
    policy_records.put_in_force(database, policy, "ada")
    (tmp_path / "strict" / "more.cedar").unlink()
    found = policy_records.policy_of(database, policy.digest)
    assert (found.digest, found.files) == (policy.digest, policy.files)
    for facts in (FACTS, replace(FACTS, tags={"embargo": "yes"}), replace(FACTS, licence=None, shows_person=True)):
        assert asked(facts, found).answer == asked(facts, policy).answer


def test_a_recorded_policy_that_was_changed_in_the_database_is_found_out(database: Database) -> None:
    policy = Policy.shipped()
    policy_records.put_in_force(database, policy, "ada")
    with database.write() as connection:
        connection.execute(text("UPDATE policies SET files = replace(files, 'ended on', 'finished on')"))
    with pytest.raises(IntegrityError, match="recorded text of policy"):
        policy_records.policy_of(database, policy.digest)


def test_a_policy_that_never_was_in_force_is_not_made_up(database: Database) -> None:
    with pytest.raises(UsageError, match="was ever in force"):
        policy_records.policy_of(database, digest("never"))


POLICY = Policy.shipped()


@given(QUESTIONS_OF_ALL_KINDS)
def test_what_is_recorded_of_a_question_gives_the_same_answer_as_the_question(question: Question) -> None:
    before, after = POLICY.check_many([question, question_of(text_of(question), question.on)])
    assert before == after
    assert policy_records.codes_of(before) == policy_records.codes_of(after)
    assert isinstance(before, Permit | Refusal)
