"""Every verb of the command asks whether its person may do this, and a closed workspace lets nobody else in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from flows.cli.app import app
from flows.diagnosis import diagnose
from flows.errors import NotPermitted
from flows.publish_reviewed import publish_reviewed
from flows.restyle_library import restyle_library
from flows.shard import run_shard
from flows.wiring import Services
from governance import ledger, people, review
from governance.authority import Act
from governance.people import Role
from governance.review import ReviewReason
from tests.flows.world import CAMPAIGN, STYLE, World, photo, planned, waiting

NOTHING = None
"""The verb shows only what anybody may know, or works on files that the caller has anyway."""

VERBS: dict[str, Act | None] = {
    "audit anchor": NOTHING,
    "audit ask": Act.READ_AUDIT,
    "audit checkpoint": Act.READ_AUDIT,
    "audit events": Act.READ_AUDIT,
    "audit export": Act.READ_AUDIT,
    "audit key": NOTHING,
    "audit nightly": Act.READ_AUDIT,
    "audit prove": Act.READ_AUDIT,
    "audit questions": Act.READ_AUDIT,
    "audit serve": Act.READ_AUDIT,
    "audit trace": Act.READ_AUDIT,
    "audit verify": Act.READ_AUDIT,
    "audit verify-file": NOTHING,
    "audit verify-outputs": Act.READ_AUDIT,
    "campaign check": NOTHING,
    "campaign example": NOTHING,
    "campaign schema": NOTHING,
    "campaign serve": Act.APPLY,
    "dataset": Act.APPLY,
    "demo": NOTHING,
    "doctor": NOTHING,
    "hold list": Act.READ_AUDIT,
    "hold place": Act.KEEP_RIGHTS,
    "hold release": Act.KEEP_RIGHTS,
    "keys list": Act.READ_AUDIT,
    "keys revoke": Act.ADMINISTER,
    "licence add": Act.KEEP_RIGHTS,
    "licence expiring": Act.READ_AUDIT,
    "licence import": Act.KEEP_RIGHTS,
    "licence list": Act.READ_AUDIT,
    "licence show": Act.READ_AUDIT,
    "licence withdraw": Act.KEEP_RIGHTS,
    "people add": Act.ADMINISTER,
    "people grant": Act.ADMINISTER,
    "people leave": Act.ADMINISTER,
    "people list": Act.READ_AUDIT,
    "people withdraw": Act.ADMINISTER,
    "plan": Act.APPLY,
    "policy check": NOTHING,
    "policy diff": NOTHING,
    "policy explain": Act.READ_AUDIT,
    "policy replay": Act.READ_AUDIT,
    "policy sheet": NOTHING,
    "policy test": NOTHING,
    "policy validate": NOTHING,
    "publish": Act.PUBLISH_REVIEWED,
    "recall": Act.READ_AUDIT,
    "review approve": Act.REVIEW,
    "review list": Act.REVIEW,
    "review reject": Act.REVIEW,
    "review requeue": Act.APPLY,
    "review show": Act.REVIEW,
    "run": Act.APPLY,
    "runs": NOTHING,
    "status": NOTHING,
    "styles approve": Act.APPROVE,
    "styles diff": NOTHING,
    "styles distil": NOTHING,
    "styles evaluate": Act.EVALUATE,
    "styles export-cube": NOTHING,
    "styles from-example": NOTHING,
    "styles gates": NOTHING,
    "styles import": NOTHING,
    "styles import-cube": NOTHING,
    "styles inspect": NOTHING,
    "styles list": NOTHING,
    "styles optimise-from": NOTHING,
    "styles pack": NOTHING,
    "styles prune": NOTHING,
    "styles quantise": NOTHING,
    "styles register": Act.REGISTER,
    "styles relabel": Act.APPROVE,
    "styles retire": Act.RETIRE,
    "styles revoke": Act.RETIRE,
    "styles rollback": Act.RETIRE,
    "styles schema": NOTHING,
    "styles serve": NOTHING,
    "styles show": NOTHING,
    "sweep": NOTHING,
    "train": NOTHING,
    "weights adopt": Act.ADMINISTER,
    "weights list": NOTHING,
    "weights pull": Act.ADMINISTER,
}

WORDS: dict[str, str] = {
    "audit ask": "what-is-live",
    "audit export": "--bundle {home}/bundle.zip",
    "audit prove": "1",
    "audit trace": "{home}/library/cup.jpg",
    "campaign serve": "{campaign}",
    "dataset": "{home}/dataset {home}/out --rights {home}/rights.csv --style dots",
    "hold place": "asset cup.jpg --why lawsuit",
    "hold release": "h1 --why settled",
    "keys revoke": "abc --why lost",
    "licence add": "L-1 --kind picture --holder studio",
    "licence import": "{campaign}",
    "licence show": "L-1",
    "licence withdraw": "L-1 --why ended",
    "people add": "ben",
    "people grant": "ben reviewer",
    "people leave": "ben",
    "people withdraw": "ben reviewer",
    "plan": "{campaign}",
    "policy explain": "{item}",
    "policy replay": "--since 2026-01-01",
    "recall": "--style dots",
    "review approve": "{item}",
    "review reject": "{item} --reason off_brand",
    "review requeue": "{item} --why mended",
    "review show": "{item}",
    "run": "{campaign}",
    "styles approve": "dots --licence house --holder brand",
    "styles evaluate": "dots",
    "styles register": "--bundled",
    "styles relabel": "dots",
    "styles retire": "dots --version 1 --why old",
    "styles revoke": "dots --version 1 --why wrong",
    "styles rollback": "dots --why wrong",
    "weights adopt": "{home}/vgg19.pth",
    "weights pull": "--from {home}",
}
"""What else has to be typed, so that the verb gets as far as asking."""


def verbs(group: TyperGroup, before: tuple[str, ...] = ()) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from verbs(command, (*before, name))
        else:
            yield " ".join((*before, name))


class Asked(Exception):
    """Instead of an answer, so that nothing is done."""


@pytest.fixture
def held(world: World) -> World:
    """A world in which an item waits for two people, and the campaign's file is there."""
    world.add("cup.jpg", photo(1), **{"class": "person"})
    (world.home / "world.yaml").write_text(
        CAMPAIGN.format(style=STYLE, least=2, shard_size=500) + "schedule: {cron: 0 1 * * *, timezone: UTC}\n"
    )
    made = planned(world, world.campaign(least=2))
    list(run_shard(waiting(world), made))
    return world


def item(world: World) -> str:
    return review.queue(world.services.records)[0].item_id


def typed(world: World, verb: str) -> list[str]:
    told = {"home": world.home, "campaign": world.home / "world.yaml", "item": item(world)}
    return [*verb.split(), *(word.format(**told) for word in WORDS.get(verb, "").split())]


def test_every_verb_is_in_the_table_of_acts() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    assert sorted(verbs(group)) == sorted(VERBS)


def test_each_verb_asks_for_its_act_before_it_does_anything(held: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_: Services, actor: str, act: Act, subject: str, **_named: str | None) -> None:
        raise Asked(act)

    commands = {verb: typed(held, verb) for verb, act in VERBS.items() if act is not None}
    monkeypatch.setattr(Services, "require", ask)
    asked: dict[str, Act | str] = {}
    for verb, words in commands.items():
        answer = CliRunner().invoke(app, words)
        asked[verb] = answer.exception.args[0] if isinstance(answer.exception, Asked) else answer.output[-300:]
    assert asked == {verb: act for verb, act in VERBS.items() if act is not None}


def test_ordering_a_recall_takes_more_than_looking_at_what_it_would_reach(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Services, "require", lambda _self, _actor, act, _subject: _raise(Asked(act)))
    answer = CliRunner().invoke(app, ["recall", "--style", STYLE, "--apply", "--why", "the artist withdrew"])
    assert isinstance(answer.exception, Asked)
    assert answer.exception.args == (Act.RECALL,)


def _raise(problem: Exception) -> None:
    raise problem


@pytest.fixture
def closed(held: World) -> World:
    """The same, after Ada became its administrator."""
    people.grant(held.services.records, "ada", Role.ADMINISTRATOR, "ada")
    return held


def test_a_schedule_runs_nothing_for_somebody_without_the_role(closed: World) -> None:
    before = ledger.head(closed.services.records).seq
    with pytest.raises(NotPermitted, match="operator"):
        restyle_library.fn(closed.campaign().model_dump(mode="json"))
    with pytest.raises(NotPermitted, match="operator"):
        publish_reviewed.fn("ben")
    events = ledger.page(closed.services.records, after_seq=before)
    assert [each.kind for each in events] == ["access:refused", "access:refused"]
    assert events[1].actor == "ben"


def test_whoever_asked_for_an_item_of_two_people_may_not_review_it(closed: World) -> None:
    for name in ("Maria@brand.example", "ben"):
        people.grant(closed.services.records, name, Role.REVIEWER, "ada")
    words = ["review", "approve", item(closed), "--by"]
    with pytest.raises(NotPermitted, match="four eyes"):
        CliRunner().invoke(app, [*words, "MARIA@brand.example"], catch_exceptions=False)
    assert CliRunner().invoke(app, [*words, "ben"], catch_exceptions=False).exit_code == 0


def test_the_transaction_itself_keeps_four_eyes_too(held: World) -> None:
    from governance.errors import ReviewError

    held_item = review.queue(held.services.records)[0]
    with pytest.raises(ReviewError, match="four eyes"):
        review.approve(held.services.records, held_item.item_id, held_item.asked_by, ReviewReason.LOOKS_RIGHT)


def test_the_doctor_says_whether_the_workspace_is_open(closed: World, tmp_path: Path) -> None:
    told = {each.subject: each for each in diagnose(closed.settings)}
    assert (told["people"].state, told["people"].found.split(";")[0]) == ("ok", "1 administrator")
    opened = closed.settings.model_copy(update={"home": tmp_path / "new"})
    people_told = next(each for each in diagnose(opened) if each.subject == "people")
    assert people_told.state == "note"
    assert "everybody may do everything" in people_told.found
