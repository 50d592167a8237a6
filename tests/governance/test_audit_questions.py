from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text, update

from governance import ledger
from governance.db import Database
from governance.errors import UsageError
from governance.events import EventKind, NewEvent, item_subject
from governance.queries.catalogue import MAX_LIMIT, QUESTIONS, ask, ask_all
from governance.queries.parameters import PARAMETERS
from governance.tables.outputs import OUTPUTS
from tests.governance import year_answers
from tests.governance.year import Records, Row, a_year
from tests.governance.year_answers import Answered, first_columns

TODAY = date(2026, 1, 1)
PICTURES = 900


@dataclass(frozen=True, slots=True)
class House:
    database: Database
    records: Records


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A year of a house, on both databases."""
    if request.param == "sqlite":
        yield _lived_in(f"sqlite:///{tmp_path_factory.mktemp('year') / 'records.db'}")
        return
    template = request.getfixturevalue("migrated_template")
    with request.getfixturevalue("postgres_server").database(template) as url:
        yield _lived_in(url)


def _lived_in(url: str) -> House:
    database = Database.open(url)
    return House(database, a_year(database, PICTURES))


def rows_of(house: House, name: str, page_size: int = MAX_LIMIT, **given: str) -> list[dict[str, Any]]:
    answers = ask_all(house.database, name, given, today=TODAY, page_size=page_size)
    return [dict(zip(answer.columns, row, strict=True)) for answer in answers for row in answer.rows]


def told(house: House, name: str, *columns: str, **given: str) -> Answered:
    return Counter(tuple(row[column] for column in columns) for row in rows_of(house, name, **given))


def test_there_are_four_and_twenty_questions_each_with_a_text_and_known_parameters() -> None:
    assert [question.number for question in QUESTIONS.values()] == list(range(1, 25))
    for question in QUESTIONS.values():
        assert question.text.endswith((".", "?", ")"))
        assert set(question.needs) <= set(question.parameters) <= set(PARAMETERS)


def test_the_ledger_of_the_year_is_whole(house: House) -> None:
    assert isinstance(ledger.verify(house.database), ledger.Verified)


def test_what_was_published_after_a_licence_had_ended_or_been_withdrawn_is_found(house: House) -> None:
    expected = year_answers.published_after_end(house.records)
    assert expected
    assert told(house, "published-after-licence-ended", "output", "why", "licence") == expected


def test_one_licence_is_asked_about_by_its_id(house: House) -> None:
    every = year_answers.published_after_end(house.records)
    licence = next(iter(every))[2]
    expected = Counter({row: count for row, count in every.items() if row[2] == licence})
    found = told(house, "published-after-licence-ended", "output", "why", "licence", licence=licence)
    assert found == expected


def test_a_licence_that_was_recorded_anew_holds_again(tmp_path: Path) -> None:
    lived_in = _lived_in(f"sqlite:///{tmp_path / 'records.db'}")
    before = year_answers.published_after_end(lived_in.records)
    withdrawn = next(row for row in before if "withdrawn" in row[1])
    with lived_in.database.write() as connection:
        ledger.append(connection, [NewEvent(EventKind.LICENCE_RECORDED, "cleo", f"licence:{withdrawn[2]}")])
        later = update(OUTPUTS).where(OUTPUTS.c.item_id == withdrawn[0])
        connection.execute(later.values(published_at=datetime.now(UTC) + timedelta(days=1)))
    assert told(lived_in, "published-after-licence-ended", "output", "why", "licence")[withdrawn] == 0
    others = Counter({row: count for row, count in before.items() if row[0] != withdrawn[0]})
    found = told(lived_in, "published-after-licence-ended", "output", "why", "licence")
    assert Counter({row: count for row, count in found.items() if row[0] != withdrawn[0]}) == others


@pytest.mark.parametrize("days", [0, 30, 200])
def test_live_files_whose_licence_or_consent_ends_soon_are_found(house: House, days: int) -> None:
    expected = year_answers.ending(house.records, TODAY, days)
    assert bool(expected) == (days > 0)
    assert told(house, "licence-ending", "output", "right", "licence", days=str(days)) == expected


def test_everything_made_with_a_style_a_version_or_a_package_is_found(house: House) -> None:
    outputs = house.records.rows["outputs"]
    of_style = [row for row in outputs if row["style_name"] == "style-3"]
    of_version = [row for row in of_style if row["style_version"] == 2]
    package = of_version[0]["package_digest"]
    of_package = [row for row in outputs if row["package_digest"] == package]
    assert told(house, "made-with", "output", style="style-3") == first_columns(of_style)
    assert told(house, "made-with", "output", style="style-3/2") == first_columns(of_version)
    assert told(house, "made-with", "output", package=package[:9]) == first_columns(of_package)
    assert 0 < len(of_version) < len(of_package)


def test_the_sources_of_a_style_come_with_their_licences(house: House) -> None:
    licences = year_answers.licence_of(house.records)
    expected = Counter(
        (row["title"], row["holder"], row["licence"], licences[row["licence"]]["state"])
        for row in house.records.rows["style_sources"]
        if row["style_name"] == "style-5" and row["style_version"] == 1
    )
    assert len(expected) == 2
    assert told(house, "style-sources", "title", "holder", "licence", "licence is", style="style-5/1") == expected


@pytest.mark.parametrize("style", ["style-1", "style-1/2"])
def test_the_history_of_a_style_is_all_that_the_ledger_says_of_it(house: House, style: str) -> None:
    expected = [
        (str(event.kind), event.subject, event.actor)
        for _, event in house.records.events
        if event.subject == f"style:{style}" or event.subject.startswith(f"style:{style}/")
    ]
    found = rows_of(house, "style-history", style=style)
    assert [(row["what"], f"style:{row['style']}", row["by"]) for row in found] == expected
    assert any(row["what"] == EventKind.BREAK_GLASS for row in found)


def test_refusals_are_found_by_rule_and_day(house: House) -> None:
    refusals = house.records.rows["refusals"]
    expected = Counter(
        str(row["item_id"])
        for row in refusals
        if row["code"] == "consent_expired" and date(2025, 3, 1) <= row["at"].date() <= date(2025, 9, 30)
    )
    given = {"rule": "consent_expired", "since": "2025-03-01", "until": "2025-09-30"}
    assert Counter(row["item"] for row in rows_of(house, "refusals", **given)) == expected
    assert len(rows_of(house, "refusals")) == len(refusals) > len(expected) > 0


def test_broken_glass_and_overruled_scores_are_found(house: House) -> None:
    assert told(house, "overrides", "by", "of") == year_answers.overrides(house.records)


def test_whoever_approved_their_own_work_is_found_however_they_spell_their_name(house: House) -> None:
    expected = year_answers.self_approvals(house.records)
    assert {of.partition(":")[0] for _, of in expected} == {"item", "style"}
    assert told(house, "self-approvals", "by", "of") == expected


RARE: dict[str, Callable[[Row], bool]] = {
    "unreviewed": lambda row: row["reviews"] == 0,
    "marks": lambda row: row["has_mark"],
    "unlabelled": lambda row: not row["ai_label"],
    "credentials-dropped": lambda row: row["inbound"] == "dropped",
    "drift": lambda row: row["state"] == "live" and row["found"] in ("changed", "missing", "unreadable"),
    "credentials": lambda row: (
        row["credentials"] in ("invalid", "missing") or (row["checked_at"] is None and row["state"] == "live")
    ),
}


@pytest.mark.parametrize("name", RARE)
def test_files_that_are_not_as_they_should_be_are_found(house: House, name: str) -> None:
    expected = first_columns(filter(RARE[name], house.records.rows["outputs"]))
    assert expected
    assert told(house, name, "output") == expected


@pytest.mark.parametrize("name", RARE)
def test_they_are_found_by_day_style_and_campaign(house: House, name: str) -> None:
    def counts(row: Row) -> bool:
        return RARE[name](row) and year_answers.in_march(row)

    march = {"since": "2025-03-01", "until": "2025-03-31"}
    assert told(house, name, "output", **march) == first_columns(filter(counts, house.records.rows["outputs"]))
    one = next(filter(RARE[name], house.records.rows["outputs"]))
    style = f"{one['style_name']}/{one['style_version']}"
    expected = first_columns(
        row
        for row in filter(RARE[name], house.records.rows["outputs"])
        if f"{row['style_name']}/{row['style_version']}" == style and row["campaign"] == one["campaign"]
    )
    assert told(house, name, "output", style=style, campaign=one["campaign"]) == expected


def test_people_who_did_not_agree_are_found(house: House) -> None:
    expected = year_answers.without_consent(house.records)
    assert len({why for _, why, _ in expected}) >= 3
    assert told(house, "people-without-consent", "output", "why", "consent") == expected


def test_what_was_shown_where_no_licence_covers_it_is_found(house: House) -> None:
    expected = year_answers.outside(house.records)
    assert expected
    assert told(house, "outside-territory", "output", "licence") == expected


@pytest.mark.parametrize("column", ["item_id", "asset_digest", "rendition_digest", "output_digest"])
def test_the_story_of_a_file_is_told_by_any_of_its_digests(house: House, column: str) -> None:
    output = house.records.rows["outputs"][4]
    found = rows_of(house, "lineage", digest=output[column][:20])
    items = {row["item"] for row in found}
    expected = {
        str(row["item_id"])
        for row in house.records.rows["items"]
        if row["asset_digest"] == output["asset_digest"] or row["item_id"] == output["item_id"]
    }
    assert items == (expected if column == "asset_digest" else {str(output["item_id"])})
    story = [row for row in found if row["item"] == output["item_id"]]
    happened = year_answers.events_of(house.records, item_subject(output["item_id"]))
    assert [row["what"] for row in story][-len(happened) :] == [str(event.kind) for event in happened]
    assert any(output["uri"] in row["told"] and row["what"] == "file" for row in story)
    assert sum(row["what"] == "source of the style" for row in story) == 2


@pytest.mark.parametrize("at", ["2025-02-01", "2025-06-01", "2025-12-31", "2025-01-06T00:30"])
def test_the_policy_of_a_day_is_the_one_that_was_in_force(house: House, at: str) -> None:
    moment = datetime.combine(date.fromisoformat(at), time.max, UTC) if len(at) == 10 else None
    expected = year_answers.policy_at(house.records, moment or datetime.fromisoformat(at).replace(tzinfo=UTC))
    found = rows_of(house, "policy-then", at=at)
    if expected is None:
        assert found == []
    else:
        assert [(row["policy digest"], row["file"]) for row in found] == [(expected[0], "rules.cedar")]
        assert found[0]["in force since"].startswith(expected[1].date().isoformat())
        assert found[0]["still in force"] == ("yes" if at.startswith("2025-12") else "no")


@pytest.mark.parametrize(("since", "until"), [("2025-01-01", "2025-12-31"), ("2025-05-10", "2025-06-20")])
def test_reviewers_are_measured_by_what_they_did(house: House, since: str, until: str) -> None:
    expected = year_answers.reviewers(house.records, date.fromisoformat(since), date.fromisoformat(until))
    answers = ask_all(house.database, "reviewers", {"since": since, "until": until}, today=TODAY)
    assert Counter(row for answer in answers for row in answer.rows) == expected


def test_what_falls_with_an_artist_is_listed_once_and_counted(house: House) -> None:
    expected = year_answers.impact_of_holder(house.records, "Holder 1")
    assert 0 < len(expected) < len(house.records.rows["outputs"])
    assert told(house, "takedown-impact", "output", holder="holder  1") == expected
    answer = ask(house.database, "takedown-impact", {"holder": "Holder 1"}, today=TODAY, limit=3)
    live = sum(row["state"] == "live" for row in house.records.rows["outputs"] if row["asset_licence"] == "shoot-001")
    assert any(note.startswith(f"asset licence shoot-001: {live} live") for note in answer.notes)


def test_what_falls_with_a_picture_is_listed(house: House) -> None:
    output = house.records.rows["outputs"][10]
    expected = first_columns(row for row in house.records.rows["outputs"] if row["key"] == output["key"])
    assert told(house, "takedown-impact", "output", asset=output["key"]) == expected
    assert told(house, "takedown-impact", "output", asset=output["asset_digest"]) == expected


def test_the_ledger_is_walked_from_an_event_on(house: House) -> None:
    (row,) = rows_of(house, "ledger-intact", event="100")
    head = ledger.head(house.database)
    assert (row["after event"], row["up to event"], row["intact"], row["head"]) == (100, head.seq, "yes", head.hash)
    with pytest.raises(UsageError, match="no event"):
        rows_of(house, "ledger-intact", event=str(head.seq + 1))


def test_a_changed_event_is_named_and_an_earlier_one_is_not_looked_at(tmp_path: Path) -> None:
    lived_in = _lived_in(f"sqlite:///{tmp_path / 'records.db'}")
    with lived_in.database.write() as connection:
        connection.execute(text("DROP TRIGGER IF EXISTS events_never_change"))
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for trigger in triggers:
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(text("UPDATE events SET actor = 'nobody' WHERE seq = 500"))
    (row,) = rows_of(lived_in, "ledger-intact", event="0")
    assert (row["intact"], row["up to event"]) == ("no", 500)
    assert rows_of(lived_in, "ledger-intact", event="500")[0]["intact"] == "no"
    assert rows_of(lived_in, "ledger-intact", event="501")[0]["intact"] == "yes"


@pytest.mark.parametrize("days", [0, 30, 600])
def test_certificates_are_told_with_what_they_signed(house: House, days: int) -> None:
    expected = year_answers.certificates(house.records, TODAY, days)
    assert told(house, "certificates", "certificate", "stands", "files", days=str(days)) == expected


def test_what_was_kept_long_enough_is_told_with_the_holds_on_it(house: House) -> None:
    expected = year_answers.retention(house.records, TODAY)
    assert any(hold for what, _, hold in expected if what == "retention ended")
    assert told(house, "retention", "what", "of", "hold") == expected


def test_cost_is_summed_by_campaign_and_style(house: House) -> None:
    answers = ask_all(house.database, "cost", today=TODAY)
    assert Counter(row for answer in answers for row in answer.rows) == year_answers.cost(house.records)


GIVEN = {"style": "style-1", "holder": "Holder 1", "licence": "shoot-001"}


def given_for(house: House, name: str) -> dict[str, str]:
    known = {**GIVEN, "digest": house.records.rows["outputs"][4]["asset_digest"][:12]}
    return {need: known[need] for need in QUESTIONS[name].needs[:1]}


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("page_size", [1, 7])
def test_pages_put_together_are_the_whole(house: House, name: str, page_size: int) -> None:
    asked = given_for(house, name)
    if name not in ("ledger-intact", "policy-then") and page_size == 1:
        asked |= {"since": "2025-11-20"} if "since" in QUESTIONS[name].parameters else {}
    whole = ask(house.database, name, asked, today=TODAY, limit=MAX_LIMIT)
    assert whole.next is None
    pages = list(ask_all(house.database, name, asked, today=TODAY, page_size=page_size))
    assert tuple(row for page in pages for row in page.rows) == whole.rows
    assert all(len(page.rows) == page_size for page in pages[:-1])


def test_an_answer_holds_plain_values_only(house: House) -> None:
    for name in QUESTIONS:
        answer = ask(house.database, name, given_for(house, name), today=TODAY)
        assert json.loads(json.dumps(answer.rows)) == [list(row) for row in answer.rows]
        assert all(len(row) == len(answer.columns) for row in answer.rows)
        assert all(type(value) in (str, int, float, bool, type(None)) for row in answer.rows for value in row)


_LARGE = "events|items|outputs|verdicts|refusals|reviews|usage"
_SCAN = re.compile(rf"^SCAN ({_LARGE})\b")
_RARE = re.compile(
    r"INDEX ix_(outputs|reviews)_(unreviewed|with_mark|unlabelled|dropped|without_consent|never_checked|own)$"
)
_IN_ORDER = re.compile(r"^SCAN (refusals|reviews) USING INDEX ix_\w+_at(_ordinal)?$")
_BY_ROWID = re.compile(rf"^SEARCH ({_LARGE.removeprefix('events|')}) USING INTEGER PRIMARY KEY \(rowid[<>]")


def _reads_it_all(plan: list[str], step: str) -> bool:
    """A partial index holds only what is asked for; and a walk along an index, in the order of the answer, ends with
    the page."""
    if _BY_ROWID.match(step):
        return True
    ends_with_the_page = _IN_ORDER.match(step) and not any("TEMP B-TREE FOR ORDER BY" in each for each in plan)
    return bool(_SCAN.match(step)) and not _RARE.search(step) and not ends_with_the_page


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("narrowed", [False, True])
def test_no_question_reads_a_large_table_from_end_to_end(house: House, name: str, narrowed: bool) -> None:
    asked = given_for(house, name)
    known = {"since": "2025-03-01", "until": "2025-04-01", "style": "style-1/1", "campaign": "campaign-03"}
    if narrowed:
        asked |= {one: value for one, value in known.items() if one in QUESTIONS[name].parameters}
    for statement, values in _statements(house.database, name, asked):
        plan = _plan(house.database, statement, values)
        whole = [step for step in plan if _reads_it_all(plan, step)]
        assert not whole, f"{name}: {whole}\n{statement}"


def _statements(database: Database, name: str, asked: dict[str, str]) -> list[tuple[str, Any]]:
    """What is sent when the first and when the second page are asked for."""
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, values: Any, _context: object, _many: bool) -> None:
        if statement.startswith(("SELECT", "WITH")):
            sent.append((statement, values))

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        first = ask(database, name, asked, today=TODAY, limit=5)
        if first.next is not None:
            ask(database, name, asked, today=TODAY, limit=5, after=first.next)
    finally:
        event.remove(database._engine, "before_cursor_execute", note)
    return sent


def _plan(database: Database, statement: str, values: Any) -> list[str]:
    with database.read() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    return [str(row[3]) for row in rows]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'records.db'}")
    yield opened
    opened.close()


def test_a_house_in_which_nothing_happened_has_an_answer_to_everything(empty: Database) -> None:
    for name, question in QUESTIONS.items():
        given = dict.fromkeys(question.needs[:1], "ab" * 32)
        answer = ask(empty, name, given, today=TODAY)
        assert answer.rows == () or name == "ledger-intact"


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("no-such", {}, "no question 'no-such'"),
        ("marks", {"licence": "x"}, "knows no 'licence'; expected some of: since"),
        ("marks", {"__class__": "x"}, "knows no '__class__'"),
        ("marks", {"since": "yesterday"}, "a day such as"),
        ("marks", {"since": "0001-01-01"}, "one from 1970-01-01"),
        ("marks", {"since": "2025-02-30"}, "a day such as"),
        ("marks", {"since": "2025-03-01", "until": "2025-02-01"}, "not before the beginning"),
        ("marks", {"style": "dots/x"}, "a whole number from 0"),
        ("marks", {"style": "dots/"}, "NAME/VERSION"),
        ("marks", {"style": "dots/99999999999999999999"}, "a whole number"),
        ("marks", {"style": "dots/²"}, "a whole number"),
        ("marks", {"campaign": "\x1b[2J"}, "control characters"),
        ("marks", {"campaign": "x" * 201}, "at most 200"),
        ("licence-ending", {"days": "-1"}, "a whole number from 0 to 36500"),
        ("licence-ending", {"days": "1e3"}, "a whole number"),
        ("policy-then", {"at": "9999-12-31T23:59:59-12:00"}, "a day or a moment"),
        ("policy-then", {"at": "now"}, "a day or a moment"),
        ("licence-ending", {"at": "9999-12-30"}, "one from 1970-01-01 to 9899-12-31"),
        ("made-with", {}, "one of: style, package"),
        ("made-with", {"package": "xyz"}, "beginning of a digest"),
        ("lineage", {"digest": "ab"}, "4 to 64 hex digits"),
        ("ledger-intact", {"event": "9" * 30}, "a whole number"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_could_be(
    empty: Database, name: str, given: dict[str, str], told: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        ask(empty, name, given, today=TODAY)


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_more_rows_than_a_page_holds_are_not_given_at_once(empty: Database, limit: int) -> None:
    with pytest.raises(UsageError, match="1 to 10000"):
        ask(empty, "marks", today=TODAY, limit=limit)


def cursor(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        *("", "x", "ü", "!!!!", "A" * 9_000, cursor({}), cursor([]), cursor([1]), cursor(["1", None])),
        *(cursor(["1", "2025-01-01T00:00:00.000000Z", 2**70]), cursor(["1", "when", 1]), cursor(["1", 1, 1])),
        *(
            cursor(["1", "\0", 1]),
            cursor(["1", "\ud800", 1]),
            cursor(["1"]),
            cursor(["1", "2025-01-01T00:00:00.000000Z", 1, 2]),
            cursor(["1", ["x"], 1]),
        ),
    ],
)
def test_a_cursor_of_somebodys_own_making_is_refused(empty: Database, after: str) -> None:
    with pytest.raises(UsageError, match="is none of this question"):
        ask(empty, "marks", today=TODAY, after=after)


@given(
    name=st.sampled_from(sorted(QUESTIONS)),
    values=st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.text(max_size=30), max_size=3),
    after=st.none() | st.text(max_size=40) | st.lists(st.text() | st.integers(), max_size=4).map(cursor),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_typed_gets_an_answer_or_an_error_that_says_what_to_type(
    an_empty_house: Database, name: str, values: dict[str, str], after: str | None
) -> None:
    try:
        answer = ask(an_empty_house, name, values, today=TODAY, after=after)
    except UsageError:
        return
    assert len(answer.rows) <= 1


@pytest.fixture(scope="module")
def an_empty_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path_factory.mktemp('empty') / 'records.db'}")
    yield opened
    opened.close()


def test_days_ahead_count_from_the_day_that_is_asked_about(house: House) -> None:
    then = TODAY - timedelta(days=100)
    expected = year_answers.ending(house.records, then, 30)
    found = told(house, "licence-ending", "output", "right", "licence", at=then.isoformat())
    assert found == expected
