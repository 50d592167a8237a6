"""Planning: what a campaign selects, what is read, and what is asked of the policy again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.campaign import Campaign
from flows.planner import Page
from flows.wiring import planner
from governance.items import ItemState, NewItem
from tests.flows.world import STYLE, World, photo


def plan(world: World, campaign: Campaign | None = None) -> Page:
    services = world.services
    style = services.approved_style(STYLE, None)
    pages = list(planner(services, campaign or world.campaign(), style).pages())
    return Page(
        tuple(item for page in pages for item in page.items), tuple(each for page in pages for each in page.unreadable)
    )


def selecting(world: World, **select: object) -> Campaign:
    campaign = world.campaign()
    chosen = campaign.source.select.model_validate(select)
    return campaign.model_copy(update={"source": campaign.source.model_copy(update={"select": chosen})})


def keys(page: Page) -> list[str]:
    return [item.ref.key for item in page.items]


def reasons(item: NewItem) -> set[str]:
    return {reason.code for reason in item.reasons}


def test_include_exclude_and_facts_narrow_what_is_asked_for(world: World) -> None:
    world.add("shop/cup.jpg", photo(1))
    world.add("shop/drafts/cup.jpg", photo(2))
    world.add("people/ann.jpg", photo(3), **{"class": "person"})
    assert keys(plan(world, selecting(world, include=["shop/**"], exclude=["**/drafts/**"]))) == ["shop/cup.jpg"]
    assert keys(plan(world, selecting(world, where={"class": ["person"]}))) == ["people/ann.jpg"]


def test_only_what_changed_since_is_planned(world: World) -> None:
    for number, year in enumerate((2024, 2026)):
        world.add(f"{year}.jpg", photo(number))
        moment = datetime(year, 6, 1, tzinfo=UTC).timestamp()
        os.utime(world.home / "library" / f"{year}.jpg", (moment, moment))
    assert keys(plan(world, selecting(world, changed_since="2025-01-01"))) == ["2026.jpg"]


def test_the_same_bytes_at_two_places_with_other_rights_get_other_answers(world: World) -> None:
    world.add("studio/cup.jpg", photo(1))
    world.add("agency/cup.jpg", photo(1), derivatives="forbidden")
    agency, studio = plan(world).items
    assert agency.asset_digest == studio.asset_digest
    assert (agency.state, studio.state) == (ItemState.REFUSED, ItemState.PLANNED)
    assert agency.item_id != studio.item_id


def test_an_asset_without_any_facts_is_refused_for_what_is_not_known(world: World) -> None:
    (world.home / "library" / "found.jpg").write_bytes(photo(1))
    (item,) = plan(world).items
    assert reasons(item) == {"asset_licence_unknown", "asset_people_unknown"}


def test_facts_that_cannot_be_understood_refuse_the_asset_and_name_the_place(world: World) -> None:
    world.add("cup.jpg", photo(1), derivatives="perhaps")
    (item,) = plan(world).items
    malformed = next(reason for reason in item.reasons if reason.code == "asset_facts_malformed")
    assert "_restyle.csv" in malformed.text
    assert "perhaps" in malformed.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_and_does_not_stop_the_plan(world: World) -> None:
    world.add("cup.jpg", photo(1))
    world.add("locked.jpg", photo(2))
    (world.home / "library" / "locked.jpg").chmod(0)
    page = plan(world)
    assert keys(page) == ["cup.jpg"]
    assert [each.reason.code for each in page.unreadable] == ["StoreDenied"]


def test_a_link_that_leaves_the_library_is_accounted_for_and_never_opened(world: World, tmp_path: Path) -> None:
    world.add("cup.jpg", photo(1))
    (tmp_path / "secret.jpg").write_bytes(photo(2))
    (world.home / "library" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    page = plan(world)
    assert keys(page) == ["cup.jpg"]
    assert [each.ref.key for each in page.unreadable] == ["link.jpg"]
