"""People and their roles on the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from flows.cli.app import app
from flows.errors import NotPermitted
from governance import ledger
from governance.errors import UsageError
from tests.flows.world import World


def restyle(*words: str) -> str:
    answer = CliRunner().invoke(app, ["people", *words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def listed() -> dict[str, list[str]]:
    return {each["name"]: each["roles"] for each in json.loads(restyle("list", "--json"))}


def test_an_open_workspace_says_how_to_close_it(world: World) -> None:
    assert "everybody may do everything" in restyle("list")


def test_the_first_administrator_gives_out_the_other_roles(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_ACTOR", "ada")
    restyle("add", "ada", "--role", "administrator")
    restyle("add", "ben", "--role", "operator", "--role", "style-owner")
    restyle("grant", "ben", "auditor")
    restyle("withdraw", "BEN", "operator")
    assert listed() == {"ada": ["administrator"], "ben": ["auditor", "style_owner"]}
    restyle("leave", "ben")
    assert listed() == {"ada": ["administrator"], "ben": []}
    told = [each.kind for each in ledger.page(world.services.records, subject="person:ben")]
    assert told == ["person:added", *["role:granted"] * 3, "role:withdrawn", "person:left"]


def test_in_a_closed_workspace_nobody_else_gives_out_roles(world: World) -> None:
    restyle("add", "ada", "--role", "administrator")
    with pytest.raises(NotPermitted, match="it takes administrator"):
        restyle("add", "eve", "--role", "administrator", "--by", "eve")
    with pytest.raises(UsageError, match="last administrator"):
        restyle("leave", "ada", "--by", "ada")
    (refused,) = ledger.page(world.services.records, kind="access:refused")
    assert (refused.actor, refused.subject) == ("eve", "people")


def test_an_unknown_role_is_told_with_those_that_there_are(world: World) -> None:
    from flows.errors import UsageError as WrongWord

    with pytest.raises(WrongWord, match="operator, style_owner"):
        restyle("add", "ben", "--role", "king")
    assert listed() == {}
