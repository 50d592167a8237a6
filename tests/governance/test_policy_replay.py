"""Had another policy been in force: what would have been decided otherwise, and what of it is out there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from governance import outcomes, outputs, policy_records, policy_replay
from governance.db import Database
from governance.policy import Permit, Policy, Question, Refusal
from governance.policy_records import Asked
from governance.policy_replay import Replay, replay
from governance.policy_rules import SHIPPED_POLICIES
from stylecore.data import AssetFacts, Digest
from tests.governance.test_policy_records import QUESTIONS_OF_ALL_KINDS
from tests.governance.world import (
    ACTOR,
    FACTS,
    candidate,
    decided,
    digest,
    permitted,
    plan,
    published,
    published_item,
    signed,
    start_run,
)

EVER = datetime(2000, 1, 1, tzinfo=UTC)
ASSETS = '(principal, action in [Action::"restyle", Action::"publish"], resource)'
AUTUMN = f"""@id("no_autumn")
@reason("the autumn pages are withdrawn")
forbid {ASSETS} when {{ resource.hasTag("season") && resource.getTag("season") == "autumn" }};
"""


@pytest.fixture
def stricter(tmp_path: Path) -> Policy:
    """The shipped rules, and autumn is over."""
    return _policy(tmp_path / "stricter", lambda rules: f"{rules}\n{AUTUMN}")


@pytest.fixture
def milder(tmp_path: Path) -> Policy:
    """The shipped rules, though nobody minds an unknown licence."""
    return _policy(tmp_path / "milder", lambda rules: rules.replace("unless { resource has derivatives_allowed }", _NO))


_NO = "when { false }"


def _policy(folder: Path, changed: Any) -> Policy:
    folder.mkdir()
    for path in SHIPPED_POLICIES.glob("*.cedar"):
        rules = path.read_text()
        (folder / path.name).write_text(changed(rules) if path.name == "assets.cedar" else rules)
    return Policy.from_folder(folder)


def asked(facts: AssetFacts = FACTS, on: date = date(2025, 6, 1)) -> Asked:
    question = replace(permitted(facts, on=on).question, action="restyle")
    return Asked(question, Policy.shipped().check_many([question])[0])


def planned(db: Database, run_id: str, all_of: Sequence[Asked]) -> None:
    plan(db, run_id, *(_candidate(number, each) for number, each in enumerate(all_of)))


def _candidate(number: int, each: Asked) -> Any:
    reasons = each.answer.reasons if isinstance(each.answer, Refusal) else ()
    return candidate(number, refused=reasons, asked=(each,))


def test_the_policy_of_its_day_gives_every_answer_again(database: Database, run_id: str) -> None:
    planned(database, run_id, [asked(), asked(replace(FACTS, derivatives_allowed=None)), asked(AssetFacts())])
    published_item(database, run_id, 9)
    assert replay(database, Policy.shipped(), EVER) == Replay(Policy.shipped().digest, asked=4)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(QUESTIONS_OF_ALL_KINDS, min_size=1, max_size=40))
def test_whatever_was_asked_the_policy_of_its_day_answers_the_same(
    tmp_path_factory: pytest.TempPathFactory, questions: list[Question]
) -> None:
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('replay') / 'records.db'}")
    policy = Policy.shipped()
    answers = [Asked(each, answer) for each, answer in zip(questions, policy.check_many(questions), strict=True)]
    planned(database, start_run(database).run_id, answers)
    found = replay(database, policy, EVER)
    database.close()
    assert (found.asked, found.refusals, found.permits, found.other_reasons) == (len(questions), 0, 0, 0)


def test_a_stricter_policy_names_the_rule_the_count_and_first_what_is_live(
    database: Database, run_id: str, stricter: Policy
) -> None:
    planned(database, run_id, [asked(), asked(replace(FACTS, tags={}))])
    published_item(database, run_id, 7)
    found = replay(database, stricter, EVER)
    assert found.now_refused == {"no_autumn": 2}
    assert (found.refusals, found.permits, found.live) == (2, 0, 1)
    ((live,), (example,)) = found.live_examples, found.examples
    assert (live.key, live.live_at, live.codes) == ("7.jpg", "file:///out/1.jpg", ("no_autumn",))
    assert (example.key, example.live_at, example.permitted) == ("0.jpg", None, False)


def test_what_was_taken_back_is_not_live(database: Database, run_id: str, stricter: Policy) -> None:
    published_item(database, run_id, 7)
    with database.write() as connection:
        connection.execute(text("UPDATE outputs SET state = 'withdrawn'"))
    found = replay(database, stricter, EVER)
    assert (found.refusals, found.live) == (1, 0)


def test_a_file_whose_making_and_leaving_would_both_be_refused_is_one_file(
    database: Database, run_id: str, stricter: Policy
) -> None:
    planned(database, run_id, [asked()])
    item_id = candidate(0).item_id
    outcomes.record(database, run_id, ACTOR, [decided(item_id)])
    outcomes.record_signed(database, ACTOR, [signed(item_id, digest("ours"))])
    outcomes.mark_published(database, ACTOR, [published(item_id, digest("ours"))])
    found = replay(database, stricter, EVER)
    assert (found.asked, found.refusals, found.live) == (2, 2, 1)


def test_a_milder_policy_names_the_rule_that_no_longer_refuses(database: Database, run_id: str, milder: Policy) -> None:
    unknown = replace(FACTS, derivatives_allowed=None)
    planned(database, run_id, [asked(unknown), asked(replace(unknown, shows_person=None))])
    found = replay(database, milder, EVER)
    assert found.now_permitted == {"asset_licence_unknown": 1}
    assert (found.permits, found.other_reasons, found.live) == (1, 1, 0)


def test_the_day_of_asking_stays_the_day_then(database: Database, run_id: str) -> None:
    """Rights that ended meanwhile are a matter for today's plan: they did not make yesterday's answer wrong."""
    until = date(2025, 6, 1)
    planned(database, run_id, [asked(replace(FACTS, rights_until=until), on=until)])
    later = asked(replace(FACTS, rights_until=until), on=until + timedelta(days=1))
    assert isinstance(later.answer, Refusal)
    assert replay(database, Policy.shipped(), EVER).refusals == 0


def test_only_answers_of_the_days_asked_for_are_held_against_it(
    database: Database, run_id: str, stricter: Policy
) -> None:
    planned(database, run_id, [asked()])
    now = datetime.now(UTC)
    assert replay(database, stricter, now + timedelta(hours=1)).asked == 0
    assert replay(database, stricter, EVER, now - timedelta(hours=1)).asked == 0
    assert replay(database, stricter, EVER, now + timedelta(hours=1)).asked == 1


def test_equal_questions_of_one_day_are_put_once_and_pages_make_no_difference(
    database: Database, run_id: str, stricter: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(database, run_id, [asked() for _ in range(60)] + [asked(on=date(2025, 6, 2)) for _ in range(60)])
    whole = replay(database, stricter, EVER)
    monkeypatch.setattr(policy_replay, "_PAGE", 7)
    counting = _Counting(stricter)
    assert replay(database, counting, EVER) == whole
    assert counting.put == 2
    assert whole.now_refused == {"no_autumn": 120}


class _Counting(Policy):
    """The same rules; counts the questions that are put to them."""

    def __init__(self, of: Policy) -> None:
        super().__init__(of._book)
        self.put = 0

    def check_many(self, questions: Iterable[Question]) -> list[Permit | Refusal]:
        all_of_them = list(questions)
        self.put += len(all_of_them)
        return super().check_many(all_of_them)


def test_the_first_examples_are_shown_and_all_are_counted(database: Database, run_id: str, stricter: Policy) -> None:
    for number in range(policy_replay.EXAMPLES + 5):
        published_item(database, run_id, number)
    found = replay(database, stricter, EVER)
    assert found.live == len(outputs.page(database)) == policy_replay.EXAMPLES + 5
    assert len(found.live_examples) == policy_replay.EXAMPLES
    assert found.live_examples[0].key == "0.jpg"


def test_an_empty_house_has_nothing_to_replay(database: Database, stricter: Policy) -> None:
    assert replay(database, stricter, EVER) == Replay(stricter.digest)
    assert policy_records.verdicts_of(database, Digest("0" * 64)) == ()
