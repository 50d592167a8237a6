"""Licences on the command line, and what they change of a plan and of what is published."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli.app import app
from flows.shard import run_shard
from flows.wiring import planner
from governance import items, ledger
from governance import licence_register as register
from governance.items import ItemState
from governance.licence_register import Licence, LicenceKind
from stylecore.data import RestyleError
from tests.flows.world import STYLE, World, photo, planned, waiting

STUDIO = Licence("studio", LicenceKind.PICTURE, "the studio")


def restyle(*words: str) -> str:
    """What the command answers; an error of ours is raised, which the real one tells on one line."""
    answer = CliRunner().invoke(app, ["licence", *words], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def told(*words: str) -> Any:
    return json.loads(restyle(*words, "--json"))


def reasons(world: World) -> set[str]:
    style = world.services.approved_style(STYLE, None)
    pages = planner(world.services, world.campaign(), style).pages()
    return {reason.code for page in pages for item in page.items for reason in item.reasons}


def test_a_licence_is_added_shown_and_withdrawn(world: World, tmp_path: Path) -> None:
    document = tmp_path / "contract.pdf"
    document.write_bytes(b"signed")
    restyle(
        *("add", "L-1", "--kind", "picture", "--holder", "Zoë", "--channel", "web", "--channel", "print"),
        *("--derivatives", "--valid-until", "2030-01-31", "--evidence", str(document)),
    )
    said = told("show", "L-1")
    assert (said["holder"], said["channels"], said["valid_until"]) == ("Zoë", ["print", "web"], "2030-01-31")
    assert (said["evidence"], said["evidence_digest"]) == ("contract.pdf", sha256(b"signed").hexdigest())
    assert said["warnings"] == []
    assert told("withdraw", "L-1", "--why", "it was ended", "--by", "carla")["state"] == "withdrawn"
    events = ledger.page(world.services.records, subject="licence:L-1")
    assert [each.kind for each in events] == ["licence:recorded", "licence:withdrawn"]
    assert events[-1].actor == "carla"


def test_an_exclusive_licence_of_a_style_is_warned_of(world: World) -> None:
    restyle("add", "S-1", "--kind", "style", "--holder", "Zoë", "--exclusive", "--territory", "DE")
    assert "exclusive for any channel in DE" in restyle("show", "S-1")


def test_what_is_listed_as_csv_is_imported_again_unchanged(world: World, tmp_path: Path) -> None:
    restyle("add", "L-1", "--kind", "picture", "--holder", '=HYPERLINK("http://x")')
    file = tmp_path / "register.csv"
    file.write_text(restyle("list", "--csv"), "utf-8")
    assert "'=HYPERLINK" in file.read_text("utf-8")
    assert told("import", str(file)) == {"new": 0, "changed": 0, "same": 1}
    assert [each["holder"] for each in told("list")] == ['=HYPERLINK("http://x")']


def test_what_ends_soon_is_listed(world: World) -> None:
    restyle("add", "L-1", "--kind", "picture", "--holder", "a", "--valid-until", "2001-01-01")
    restyle("add", "L-2", "--kind", "picture", "--holder", "a")
    assert told("expiring", "--days", "30") == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("add", "L-1", "--kind", "photo", "--holder", "a"), "one of style, picture"),
        (("add", "L-1", "--kind", "picture", "--holder", "a", "--evidence", "nowhere.pdf"), "nowhere.pdf"),
        (("show", "L-9"), "L-9"),
        (("import", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_what_cannot_be_done_is_told(world: World, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(RestyleError, match=why):
        restyle(*words)


def test_what_the_register_says_counts_when_planning(world: World) -> None:
    world.add("cup.jpg", photo(1))
    assert reasons(world) == set()
    records = world.services.records
    register.record(records, [Licence("studio", LicenceKind.PICTURE, "s", channels=frozenset({"print"}))], "carla")
    assert reasons(world) == {"asset_channel_not_covered"}
    register.record(records, [STUDIO], "carla")
    assert reasons(world) == set()
    register.withdraw(records, "studio", "carla", "it was ended")
    assert reasons(world) == {"asset_licence_not_in_force", "asset_licence_forbids_restyling"}


def test_the_register_may_know_what_the_store_does_not(world: World) -> None:
    world.add("cup.jpg", photo(1), derivatives="")
    assert reasons(world) == {"asset_licence_unknown"}
    register.record(world.services.records, [Licence("studio", LicenceKind.PICTURE, "s", derivatives=True)], "carla")
    assert reasons(world) == set()


def test_a_style_whose_licence_was_withdrawn_is_not_planned(world: World) -> None:
    world.add("cup.jpg", photo(1))
    register.record(world.services.records, [Licence("house", LicenceKind.STYLE, "the brand")], "carla")
    register.withdraw(world.services.records, "house", "carla", "it was ended")
    assert reasons(world) == {"style_licence_not_in_force", "style_not_approved"}


def test_a_licence_that_is_withdrawn_between_planning_and_publishing_stops_it(world: World) -> None:
    world.add("cup.jpg", photo(1))
    register.record(world.services.records, [STUDIO], "carla")
    made = planned(world, world.campaign())
    register.withdraw(world.services.records, "studio", "carla", "it was ended")
    list(run_shard(waiting(world), made))
    assert [each.state for each in items.every(world.services.records)] == [ItemState.REFUSED]
    assert world.published() == {}
