"""The contact sheet: everything a run touched, with hostile names shown and never run."""

from __future__ import annotations

from pathlib import Path

from flows.report import write_report
from flows.shard import run_shard
from governance import runs
from tests.flows.world import World, photo, planned, waiting


def report_of(world: World, least: float = -1.0) -> tuple[str, Path]:
    made = planned(world, world.campaign(least))
    list(run_shard(waiting(world), made))
    path = write_report(world.services, runs.get(world.services.records, made.run_id))
    return path.read_text(encoding="utf-8"), path.parent


def test_every_outcome_has_its_group_with_pictures_reasons_and_provenance(world: World) -> None:
    world.add("cup.jpg", photo(1))
    world.add("agency.jpg", photo(2), derivatives="forbidden")
    world.add("letter.jpg", b"Dear colleagues,")
    page, folder = report_of(world)
    for told in ("Published", "Refused by policy", "Quarantined", "does not allow altered copies", "not_an_image"):
        assert told in page
    assert len(list((folder / "pictures").glob("*-after.webp"))) == 1
    assert len(list((folder / "provenance").glob("*.json"))) == 1


def test_an_asset_name_that_is_markup_is_shown_and_not_run(world: World) -> None:
    world.add("<script>alert(1)</script>.jpg".replace("/", "∕"), photo(1))
    world.add("<img src=x onerror=alert(1)>.jpg", photo(2), derivatives="forbidden")
    page, _ = report_of(world)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.jpg" in page


def test_a_run_that_found_nothing_new_shows_the_campaign_as_it_stands(world: World) -> None:
    world.add("cup.jpg", photo(1))
    report_of(world)
    page, _ = report_of(world)
    assert "found nothing new to do" in page
    assert "cup.jpg" in page
