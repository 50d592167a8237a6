"""The audit's questions and legal holds as people type them, in a workspace that has seen a year."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli.app import app
from governance import ledger, people
from governance.db import Database
from governance.errors import GovernanceError
from governance.events import EventKind
from governance.people import Role
from governance.queries.catalogue import QUESTIONS
from governance.queries.parameters import PARAMETERS
from stylecore.data import Digest, RestyleError
from tests.governance.year import Records, a_year

DOCS = Path(__file__).parents[2] / "docs" / "audit.md"


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Records]:
    home = tmp_path_factory.mktemp("workspace")
    database = Database.open(f"sqlite:///{home / 'ledger.db'}")
    records = a_year(database, 200)
    database.close()
    return home, records


def restyle(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), *words], env={"RESTYLE_ACTOR": "ada", "COLUMNS": "200"})


def answered(home: Path, *words: str) -> Result:
    result = restyle(home, *words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def events(home: Path, kind: EventKind) -> tuple[ledger.Event, ...]:
    database = Database.open(f"sqlite:///{home / 'ledger.db'}")
    found = ledger.page(database, kind=kind)
    database.close()
    return found


def test_every_question_is_listed_with_its_words(lived_in: tuple[Path, Records]) -> None:
    told = answered(lived_in[0], "audit", "questions").output
    listed = json.loads(answered(lived_in[0], "audit", "questions", "--json").output)
    assert all(name in told for name in QUESTIONS)
    assert [each["name"] for each in listed] == list(QUESTIONS)
    assert listed[15]["needs_one_of"] == ["digest"]


def test_a_page_is_shown_and_the_next_one_can_be_asked_for(lived_in: tuple[Path, Records]) -> None:
    home, records = lived_in
    unreviewed = [row["uri"] for row in records.rows["outputs"] if row["reviews"] == 0]
    first = json.loads(answered(home, "audit", "ask", "unreviewed", "--limit", "5", "--json").output)
    again = answered(home, "audit", "ask", "unreviewed", "--limit", "5", "--json", "--after", first["next"])
    assert [row["uri"] for row in first["rows"] + json.loads(again.output)["rows"]] == unreviewed[:10]
    shown = answered(home, "audit", "ask", "unreviewed", "--limit", "5").output
    assert unreviewed[0] in shown
    assert f"--after {first['next']}" in shown.replace("\n", "")
    assert events(home, EventKind.AUDIT_EXPORTED) == ()


def test_a_question_without_an_answer_says_so(lived_in: tuple[Path, Records]) -> None:
    assert "Nothing on record" in answered(lived_in[0], "audit", "ask", "marks", "--since", "2030-01-01").output


def test_the_whole_answer_is_taken_along_and_the_ledger_knows_the_file(
    lived_in: tuple[Path, Records], tmp_path: Path
) -> None:
    home, records = lived_in
    unreviewed = [row["uri"] for row in records.rows["outputs"] if row["reviews"] == 0]
    path = tmp_path / "unreviewed.csv"
    answered(home, "audit", "ask", "unreviewed", "--csv", "--to", str(path))
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    assert [row["uri"] for row in rows] == unreviewed
    told = events(home, EventKind.AUDIT_EXPORTED)[-1]
    assert (told.actor, told.body["rows"], told.body["digest"]) == ("ada", len(rows), Digest.of(path.read_bytes()))
    again = restyle(home, "audit", "ask", "unreviewed", "--csv", "--to", str(path))
    assert isinstance(again.exception, RestyleError)
    assert "exists already" in str(again.exception)
    piped = answered(home, "audit", "ask", "unreviewed", "--csv")
    assert piped.stdout_bytes == path.read_bytes()


def test_an_answer_that_cannot_be_had_leaves_no_file(lived_in: tuple[Path, Records], tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    refused = restyle(lived_in[0], "audit", "ask", "marks", "--since", "tomorrow", "--to", str(path))
    assert isinstance(refused.exception, GovernanceError)
    assert not path.exists()
    nowhere = restyle(lived_in[0], "audit", "ask", "marks", "--to", str(tmp_path / "no" / "folder.json"))
    assert "cannot be written" in str(nowhere.exception)


def test_a_parameter_that_a_question_does_not_have_is_refused_with_those_it_has(
    lived_in: tuple[Path, Records],
) -> None:
    refused = restyle(lived_in[0], "audit", "ask", "marks", "--licence", "x")
    assert "knows no 'licence'; expected some of: since, until, style, campaign" in str(refused.exception)


def test_a_hold_is_placed_listed_and_released(tmp_path: Path) -> None:
    placed = json.loads(
        answered(tmp_path, "hold", "place", "style", "dots/3", "--why", "a court asked", "--json").output
    )
    assert json.loads(answered(tmp_path, "hold", "list", "--json").output) == [placed]
    assert "dots/3" in answered(tmp_path, "hold", "list").output
    answered(tmp_path, "hold", "release", placed["hold_id"], "--why", "the case is closed")
    assert "Nothing is held" in answered(tmp_path, "hold", "list").output
    assert "ada" in answered(tmp_path, "hold", "list", "--released").output
    wrong = restyle(tmp_path, "hold", "place", "everything", "x", "--why", "because")
    assert "one of asset, style, campaign, licence, output" in str(wrong.exception)


def test_only_those_whose_role_allows_it_ask_and_hold(tmp_path: Path) -> None:
    answered(tmp_path, "hold", "list")
    database = Database.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    people.add(database, "root", "root")
    people.grant(database, "root", Role.ADMINISTRATOR, "root")
    for words in (
        ("audit", "questions"),
        ("audit", "ask", "marks"),
        ("audit", "ask", "marks", "--csv"),
        ("hold", "place", "style", "dots", "--why", "x"),
        ("hold", "release", "2026", "--why", "x"),
        ("hold", "list"),
    ):
        assert "ada may not" in str(restyle(tmp_path, *words).exception)
    assert len(ledger.page(database, kind=EventKind.ACCESS_REFUSED)) == 6
    database.close()


def test_the_documentation_tells_every_question_as_it_is_asked() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for question in QUESTIONS.values():
        options = " ".join(f"`--{name}`{'*' if name in question.needs else ''}" for name in question.parameters)
        assert f"| {question.number} | `{question.name}` | {question.text} | {options} |" in text
    for parameter in PARAMETERS.values():
        assert f"| `--{parameter.name}` | {parameter.meaning} |" in text
