"""Recalls in the records: how far they reach, what they forbid, what the ledger tells of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from governance import ledger, outputs, recalls
from governance.db import Database
from governance.errors import PolicyError, UsageError
from governance.ledger import Verified
from governance.recall_reach import Made, Scope, checked
from governance.recalls import Recall, TakenBack
from governance.tables.rights import LICENCES, STYLE_APPROVALS, STYLE_SOURCES
from stylecore.data import Digest, Recipe, StyleRef
from tests.governance import world
from tests.governance.world import ACTOR, FACTS, STYLE, kinds, permitted, published_item

WHY = "the artist withdrew"
DONE = TakenBack(True, False, "removed", "file:///out/1.jpg.restyle-withdrawn.json")


def reached(db: Database, scope: Scope, of: str) -> list[Digest]:
    return [each.item_id for each in recalls.reached(db, scope, of)]


def approve(db: Database, style: StyleRef, licence: str = "house", holder: str = "the brand") -> None:
    row = {
        **{"name": style.name, "version": style.version, "package_digest": style.package_digest},
        **{"licence_id": licence, "licence_holder": holder, "valid_until": None},
        **dict.fromkeys(("asset_classes", "channels", "territories"), '["*"]'),
        **{"approved_by": ACTOR, "approved_at": datetime.now(UTC), "state": "approved"},
    }
    with db.write() as connection:
        connection.execute(insert(STYLE_APPROVALS), row)


def source(db: Database, style: StyleRef, **told: Any) -> None:
    row = {
        "style_name": style.name,
        "style_version": style.version,
        "package_digest": style.package_digest,
        "role": "style image",
        "digest": None,
        "title": "The Wave",
        "source": "the artist",
        "licence": "L-7",
        "holder": "Zoë Ito",
        "consent": "",
    }
    with db.write() as connection:
        connection.execute(insert(STYLE_SOURCES), {**row, **told})


def licence(db: Database, licence_id: str, holder: str, kind: str = "picture") -> None:
    row = {
        **dict.fromkeys(("evidence_digest", "valid_from", "valid_until", "derivatives", "ai_training")),
        **dict.fromkeys(("asset_classes", "channels", "territories"), '["*"]'),
        **{"licence_id": licence_id, "kind": kind, "holder": holder, "evidence": "in the safe", "exclusive": False},
        **{"attribution": "", "state": "in force", "recorded_by": ACTOR, "recorded_at": datetime.now(UTC)},
    }
    with db.write() as connection:
        connection.execute(insert(LICENCES), row)


def made(**changed: Any) -> Made:
    values: dict[str, Any] = {
        "style": STYLE,
        "further_styles": (),
        "licences": {"house", "studio", ""},
        "asset_digest": world.digest(1),
        "key": "1.jpg",
    }
    return Made(**{**values, **changed})


def test_a_style_is_reached_by_its_name_or_by_one_version_alone(database: Database, run_id: str) -> None:
    item = published_item(database, run_id)
    assert reached(database, Scope.STYLE, STYLE.name) == [item]
    assert reached(database, Scope.STYLE, f"{STYLE.name}/1") == [item]
    assert reached(database, Scope.STYLE, f"{STYLE.name}/2") == []
    assert reached(database, Scope.STYLE, "another") == []


def test_a_style_is_reached_where_a_recipe_only_blends_it_in(database: Database, run_id: str) -> None:
    blended = replace(STYLE, name="gouache", version=4)
    approve(database, blended)
    plain = published_item(database, run_id, 1)
    item_id = world.planned_item(database, run_id, 2, recipe=Recipe(blend=(("gouache", 0.5),)))
    world.outcomes.record(database, run_id, ACTOR, [world.decided(item_id)])
    world.outcomes.record_signed(database, ACTOR, [world.signed(item_id, world.digest("out"))])
    world.outcomes.mark_published(database, ACTOR, [world.published(item_id, world.digest("out"))])
    assert reached(database, Scope.STYLE, "gouache") == [item_id]
    assert reached(database, Scope.STYLE, "gouache/4") == [item_id]
    assert reached(database, Scope.STYLE, "gouache/3") == []
    assert reached(database, Scope.STYLE, STYLE.name) == [plain, item_id]


def test_a_licence_is_reached_as_the_styles_the_pictures_and_as_consent(database: Database, run_id: str) -> None:
    with_consent = permitted(replace(FACTS, licence="agency-9", consent="C-1"))
    first = published_item(database, run_id, 1)
    second = published_item(database, run_id, 2, with_consent)
    assert reached(database, Scope.LICENCE, "house") == [first, second]
    assert reached(database, Scope.LICENCE, "studio") == [first]
    assert reached(database, Scope.LICENCE, "agency-9") == [second]
    assert reached(database, Scope.LICENCE, "C-1") == [second]


def test_a_licence_of_what_a_style_was_made_from_reaches_the_styles_files(database: Database, run_id: str) -> None:
    source(database, STYLE, licence="L-7", consent="C-7")
    item = published_item(database, run_id)
    assert reached(database, Scope.LICENCE, "L-7") == [item]
    assert reached(database, Scope.LICENCE, "C-7") == [item]


def test_an_artist_is_reached_through_sources_approvals_and_licences_however_the_name_is_spelt(
    database: Database, run_id: str
) -> None:
    item = published_item(database, run_id)
    assert reached(database, Scope.ARTIST, "Zoë Ito") == []
    source(database, STYLE)
    assert reached(database, Scope.ARTIST, "  zoë   ITO ") == [item]
    approve(database, STYLE, holder="Ada Blum")
    assert reached(database, Scope.ARTIST, "ADA BLUM") == [item]
    licence(database, "studio", "Studio Nord")
    assert reached(database, Scope.ARTIST, "studio nord") == [item]
    assert reached(database, Scope.ARTIST, "Studio Süd") == []


def test_an_asset_is_reached_by_its_key_its_digest_and_as_the_image_a_style_was_made_from(
    database: Database, run_id: str
) -> None:
    item, other = published_item(database, run_id, 1), published_item(database, run_id, 2)
    assert reached(database, Scope.ASSET, "1.jpg") == [item]
    assert reached(database, Scope.ASSET, world.digest(1).upper()) == [item]
    source(database, STYLE, digest=world.digest("style image"))
    assert reached(database, Scope.ASSET, world.digest("style image")) == [item, other]


def test_what_is_withdrawn_is_not_reached_again_and_the_ledger_tells_when_and_why(
    database: Database, run_id: str
) -> None:
    item = published_item(database, run_id)
    recall = recalls.order(database, Scope.STYLE, STYLE.name, WHY, "olga")
    (found,) = recalls.reached(database, recall.scope, recall.of)
    assert recalls.withdraw(database, recall, found, DONE, "olga")
    assert not recalls.withdraw(database, recall, found, DONE, "olga")
    recalls.end(database, recall, "olga", {"withdrawn": 1})
    recalls.end(database, recall, "olga", {"withdrawn": 1})
    assert reached(database, Scope.STYLE, STYLE.name) == []
    output = outputs.of_item(database, item)
    assert output is not None
    assert (output.state, output.recall_id) == ("withdrawn", recall.recall_id)
    assert kinds(database, f"recall:{recall.recall_id}") == ["recall:ordered", "recall:ended"]
    (told,) = ledger.page(database, kind="output:withdrawn")
    assert (told.subject, told.actor, told.body["why"]) == (f"item:{item}", "olga", WHY)
    assert isinstance(ledger.verify(database), Verified)


def test_ordering_the_same_again_is_the_same_recall_open_again(database: Database) -> None:
    first = recalls.order(database, Scope.LICENCE, "L-7", WHY, "olga")
    assert recalls.order(database, Scope.LICENCE, " L-7 ", "another reason", "pia") == first
    recalls.end(database, first, "olga", {})
    again = recalls.order(database, Scope.LICENCE, "L-7", WHY, "pia")
    assert (again.recall_id, again.ended_at) == (first.recall_id, None)
    assert kinds(database) == ["recall:ordered", "recall:ended", "recall:ordered"]


def test_a_recall_in_force_forbids_what_it_reaches_until_it_is_lifted(database: Database) -> None:
    approve(database, replace(STYLE, name="gouache"))
    recall = recalls.order(database, Scope.STYLE, "gouache", WHY, "olga")
    standing = recalls.in_force(database)
    assert standing.reasons(made()) == ()
    (reason,) = standing.reasons(made(further_styles=("gouache",)))
    assert reason.code == "recalled"
    assert WHY in reason.text
    assert recall.recall_id in reason.text
    recalls.end(database, recall, "olga", {})
    assert recalls.in_force(database).reasons(made(style=replace(STYLE, name="gouache", version=9)))
    recalls.lift(database, recall, "olga", "a new licence was signed")
    assert recalls.in_force(database).reasons(made(further_styles=("gouache",))) == ()
    with pytest.raises(PolicyError, match="was lifted already"):
        recalls.lift(database, recall, "olga", "again")


@pytest.mark.parametrize(
    ("scope", "of", "is_reached"),
    [
        (Scope.LICENCE, "studio", True),
        (Scope.LICENCE, "studio-2", False),
        (Scope.ASSET, "1.jpg", True),
        (Scope.ASSET, "01.jpg", False),
        (Scope.ASSET, world.digest(1), True),
        (Scope.STYLE, "risograph/1", True),
        (Scope.STYLE, "risograph/2", False),
    ],
)
def test_what_is_forbidden_is_what_would_be_taken_back(
    database: Database, run_id: str, scope: Scope, of: str, is_reached: bool
) -> None:
    published_item(database, run_id)
    recalls.order(database, scope, of, WHY, "olga")
    assert bool(reached(database, scope, of)) == is_reached
    assert bool(recalls.in_force(database).reasons(made())) == is_reached


def test_a_recall_is_found_by_the_beginning_of_its_id(database: Database) -> None:
    recall = recalls.order(database, Scope.ASSET, "a.jpg", WHY, "olga")
    assert recalls.get(database, recall.recall_id[:-2]) == recall
    with pytest.raises(UsageError, match="no single recall"):
        recalls.get(database, "1999")
    assert recalls.every(database) == (recall,)


@pytest.mark.parametrize(
    ("scope", "of"),
    [
        (Scope.STYLE, "dots/"),
        (Scope.STYLE, "dots/x"),
        (Scope.STYLE, "/3"),
        (Scope.STYLE, "dots/" + "9" * 40),
        (Scope.LICENCE, ""),
        (Scope.ARTIST, "a\nb"),
        (Scope.ASSET, " "),
        (Scope.ASSET, "a\0b"),
        (Scope.ASSET, "x" * 5000),
    ],
)
def test_what_no_recall_can_be_of_is_refused(database: Database, scope: Scope, of: str) -> None:
    with pytest.raises(UsageError):
        recalls.order(database, scope, of, WHY, "olga")
    assert recalls.every(database) == ()


@pytest.mark.parametrize("why", ["", "two\nlines", "x" * 501])
def test_a_recall_needs_a_reason(database: Database, why: str) -> None:
    with pytest.raises(UsageError):
        recalls.order(database, Scope.STYLE, "dots", why, "olga")


def test_more_files_than_a_page_are_all_reached_in_the_order_they_left(
    database: Database, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalls, "_PAGE", 3)
    published = [published_item(database, run_id, number) for number in range(8)]
    assert reached(database, Scope.STYLE, STYLE.name) == published


def test_what_a_recall_is_of_is_kept_in_one_spelling() -> None:
    assert checked(Scope.ASSET, "A" * 64) == "a" * 64
    assert checked(Scope.ASSET, "Photos/A.jpg") == "Photos/A.jpg"
    assert checked(Scope.STYLE, "dots/03") == "dots/3"


def test_a_recall_says_what_it_is_of() -> None:
    recall = Recall("20250101-1", Scope.STYLE, "dots/3", WHY, "olga", datetime.now(UTC))
    assert str(recall) == "recall 20250101-1 of the style dots/3"
