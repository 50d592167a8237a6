"""The controls, from campaign file to published file: what is protected stays, and all who must agree are asked."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from flows.approved_items import publish_approved
from flows.campaign import Campaign
from flows.controls_in_words import in_words, used_zones_in_words, zones_in_words
from flows.ended import Ended
from flows.errors import NotPermitted
from flows.planner import Page
from flows.preview import preview
from flows.promote_style import approve_style
from flows.shard import run_shard
from flows.wiring import planner
from flows.zone_outlines import outlined
from governance import approvals, items, review
from governance.items import ItemState
from governance.provenance.verify import verify_file
from governance.review import ReviewReason
from stylecore.data import Recipe, Zone
from stylecore.errors import ControlError
from stylecore.image import Picture
from stylecore.palette import worst_delta_e
from tests.flows.world import STYLE, TERMS, World, make_world, photo, planned, twin, waiting

BOX = [0.25, 0.25, 0.5, 0.75]
LOGO = json.dumps([{"kind": "logo", "box": BOX}])
WITH_MASK = json.dumps([{"kind": "logo", "mask": "cup.mask.png"}])
PALETTE = ("1d3557", "e63946", "f1faee")
CORE = np.s_[18:54, 24:48]
"""The box, on a picture of 96 x 72."""


@pytest.fixture(scope="session")
def prepared_with_three_styles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("controls") / "home", (STYLE, "dashes", "waves")).home


@pytest.fixture
def world(prepared_with_three_styles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """As everywhere, but the package has three styles, all of them approved."""
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path / "home"))
    return twin(tmp_path / "home", prepared_with_three_styles)


def asking(world: World, least: float = -1.0, style: dict[str, Any] | None = None, **recipe: Any) -> Campaign:
    """A campaign for PNG files, with these fields in its parts for the style and the recipe."""
    told = world.campaign(least).model_dump(mode="json")
    told["style"] |= style or {}
    told["recipe"] |= recipe
    told["publish"]["format"] = "png"
    return Campaign.model_validate(told)


def plan(world: World, campaign: Campaign) -> Page:
    services = world.services
    pages = list(planner(services, campaign, services.approved_style(STYLE, None)).pages())
    return Page(tuple(i for p in pages for i in p.items), tuple(u for p in pages for u in p.unreadable))


def run(world: World, campaign: Campaign) -> dict[str, Ended]:
    made = planned(world, campaign)
    return {each.key: each for each in run_shard(waiting(world), made)}


def pixels(content: bytes) -> npt.NDArray[np.uint8]:
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def published(world: World) -> npt.NDArray[np.uint8]:
    (content,) = world.published().values()
    return pixels(content)


def result(world: World, campaign: Campaign) -> npt.NDArray[np.uint8]:
    """What the campaign makes of cup.png, without what was published before it."""
    before = set(world.published())
    assert run(world, campaign)["cup.png"].state == ItemState.PUBLISHED
    (key,) = set(world.published()) - before
    return pixels(world.published()[key])


def draw(world: World, zones: str) -> None:
    """Say in the sidecar what is where in cup.png, without touching the picture."""
    asset = world.home / "library" / "cup.png"
    times = asset.stat()
    (asset.parent / "_restyle.csv").unlink()
    world.add("cup.png", CUP, zones=zones)
    os.utime(asset, ns=(times.st_atime_ns, times.st_mtime_ns))


def mask(inside: tuple[slice, slice] = CORE) -> bytes:
    levels = np.zeros((72, 96), dtype=np.uint8)
    levels[inside] = 255
    out = io.BytesIO()
    Image.fromarray(levels).save(out, "PNG")
    return out.getvalue()


CUP = photo(1, kind="png")


# --- protection ------------------------------------------------------------------------------------------------------


def test_a_logo_in_a_box_is_bit_for_bit_the_original_in_the_published_file(world: World) -> None:
    world.add("cup.png", CUP, zones=LOGO)

    assert run(world, asking(world, protect=["logo"]))["cup.png"].state == ItemState.PUBLISHED

    assert np.array_equal(published(world)[CORE], pixels(CUP)[CORE])
    assert (published(world)[60:, 70:] != pixels(CUP)[60:, 70:]).any(axis=2).mean() > 0.9


def test_a_logo_under_a_mask_is_too_and_the_mask_is_no_asset(world: World) -> None:
    world.add("shop/cup.png", CUP, zones=WITH_MASK)
    (world.home / "library" / "shop" / "cup.mask.png").write_bytes(mask())

    ended = run(world, asking(world, protect=["logo"]))

    assert {key: each.state for key, each in ended.items()} == {"shop/cup.png": ItemState.PUBLISHED}
    assert np.array_equal(published(world)[CORE], pixels(CUP)[CORE])
    (item,) = items.every(world.services.records)
    assert item.recipe.zones[0].mask == "shop/cup.mask.png"
    assert item.recipe.zones[0].mask_digest is not None


def test_only_zones_that_the_recipe_uses_are_part_of_an_item(world: World) -> None:
    world.add("cup.png", CUP, zones=LOGO)

    (plain,), (protecting,) = plan(world, asking(world)).items, plan(world, asking(world, protect=["logo"])).items

    assert plain.recipe.zones == ()
    assert [zone.kind for zone in protecting.recipe.zones] == ["logo"]
    assert plain.item_id != protecting.item_id


def test_the_statement_says_what_was_protected_and_verifies(world: World) -> None:
    world.add("cup.png", CUP, zones=LOGO)
    run(world, asking(world, protect=["logo"], keep_colour="luminance", style={"blend": {"waves": 0.25}}))

    (content,) = world.published().values()
    proof = verify_file(content, [str(world.services.identity.anchor_pem)])

    assert proof.is_intact
    assert proof.statement is not None
    assert proof.statement.recipe.protect == ("logo",)
    assert proof.statement.recipe.zones[0].box == tuple(BOX)
    assert proof.statement.recipe.blend == (("waves", 0.25),)


# --- masks and zones that are not what they were ---------------------------------------------------------------------


def test_a_mask_that_is_missing_refuses_the_asset_and_never_drops_its_protection(world: World) -> None:
    world.add("cup.png", CUP, zones=WITH_MASK)

    (item,) = plan(world, asking(world, protect=["logo"])).items

    assert item.state is ItemState.REFUSED
    assert "asset_facts_malformed" in {reason.code for reason in item.reasons}
    assert any("cup.mask.png" in reason.text for reason in item.reasons)


def test_a_missing_mask_is_nobodys_business_where_the_recipe_does_not_use_it(world: World) -> None:
    world.add("cup.png", CUP, zones=WITH_MASK)

    (item,) = plan(world, asking(world)).items

    assert item.state is ItemState.PLANNED


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "mask_unusable"), (mask(np.s_[:5, :5]), "mask_changed")],
    ids=["gone", "changed"],
)
def test_a_mask_that_is_gone_or_changed_since_planning_refuses_the_asset(
    world: World, content: bytes | None, code: str
) -> None:
    world.add("cup.png", CUP, zones=WITH_MASK)
    path = world.home / "library" / "cup.mask.png"
    path.write_bytes(mask())
    made = planned(world, asking(world, protect=["logo"]))
    path.unlink() if content is None else path.write_bytes(content)

    (ended,) = run_shard(waiting(world), made)

    assert (ended.state, ended.reasons[0].code) == (ItemState.REFUSED, code)
    assert world.published() == {}


@pytest.mark.parametrize("content", [b"no picture", photo(3, 40, 90, "png")], ids=["letter", "shape"])
def test_a_mask_that_says_nothing_about_the_picture_refuses_it_and_not_its_neighbour(
    world: World, content: bytes
) -> None:
    world.add("cup.png", CUP, zones=WITH_MASK)
    world.add("jug.png", photo(2, kind="png"), zones=LOGO)
    (world.home / "library" / "cup.mask.png").write_bytes(content)

    ended = run(world, asking(world, protect=["logo"]))

    assert ended["cup.png"].state == ItemState.REFUSED
    assert ended["cup.png"].reasons[0].code == "mask_unusable"
    assert ended["jug.png"].state == ItemState.PUBLISHED


def test_a_zone_that_is_drawn_after_planning_refuses_what_was_planned_and_the_next_run_keeps_it(world: World) -> None:
    world.add("cup.png", CUP)
    campaign = asking(world, protect=["logo"])
    made = planned(world, campaign)
    draw(world, LOGO)

    (ended,) = run_shard(waiting(world), made)

    assert (ended.state, ended.reasons[0].code) == (ItemState.REFUSED, "zones_changed")
    assert run(world, campaign)["cup.png"].state == ItemState.PUBLISHED
    assert np.array_equal(published(world)[CORE], pixels(CUP)[CORE])


def test_a_zone_that_is_drawn_after_a_person_has_approved_stops_the_publication(world: World) -> None:
    world.add("cup.png", CUP)
    run(world, asking(world, least=2.0, protect=["logo"]))
    (item,) = review.queue(world.services.records)
    review.approve(world.services.records, item.item_id, "ann", ReviewReason.LOOKS_RIGHT)
    draw(world, LOGO)

    (ended,) = publish_approved(world.services, "tester")

    assert (ended.state, ended.reasons[-1].code) == (ItemState.REFUSED, "zones_changed")
    assert world.published() == {}


@pytest.mark.parametrize(
    "zones",
    [
        "logo",
        "{}",
        "[1]",
        '[{"kind": "logo"}]',
        '[{"kind": "Logo!", "box": [0, 0, 1, 1]}]',
        '[{"kind": "logo", "box": [0, 0, 2, 1]}]',
        '[{"kind": "logo", "box": [0.5, 0, 0.5, 1]}]',
        '[{"kind": "logo", "box": [0, 0, NaN, 1]}]',
        '[{"kind": "logo", "box": ["0", 0, 1, 1]}]',
        '[{"kind": "logo", "polygon": [[0, 0], [1, 1]]}]',
        '[{"kind": "logo", "box": [0, 0, 1, 1], "mask": "a.mask.png"}]',
        '[{"kind": "logo", "box": [0, 0, 1, 1], "colour": "red"}]',
        '[{"kind": "logo", "mask": "../cup.mask.png"}]',
        '[{"kind": "logo", "mask": "/etc/passwd.mask.png"}]',
        '[{"kind": "logo", "mask": "cup.png"}]',
        '[{"kind": "logo", "mask": "a\\\\b.mask.png"}]',
        '[{"kind": "logo", "mask": "a\\u202eb.mask.png"}]',
        '[{"kind": "logo", "mask": "a.mask.png", "mask_digest": "' + "0" * 64 + '"}]',
        json.dumps([{"kind": "logo", "box": BOX}] * 201),
        json.dumps([{"kind": "logo", "polygon": [[0, 0], [1, 1], [0, 1]] * 100}]),
        "[" * 10_000,
        "[" + " " * 20_000 + "]",
    ],
)
def test_zones_that_cannot_be_understood_refuse_the_asset_and_say_where(world: World, zones: str) -> None:
    world.add("cup.png", CUP, zones=zones)

    (item,) = plan(world, asking(world, protect=["logo"])).items

    malformed = next(reason for reason in item.reasons if reason.code == "asset_facts_malformed")
    assert "_restyle.csv" in malformed.text
    assert item.state is ItemState.REFUSED


# --- several styles --------------------------------------------------------------------------------------------------


def test_a_region_gets_its_own_style_and_the_rest_the_other(world: World) -> None:
    world.add("cup.png", CUP, zones=LOGO)

    plain = result(world, asking(world))
    other = result(world, asking(world, style={"blend": {"waves": 0.999999}}))
    both = result(world, asking(world, style={"regions": {"logo": "waves"}}, feather=0.0))

    assert np.array_equal(both[:15], plain[:15])
    assert np.abs(both[CORE].astype(int) - other[CORE]).max() <= 1
    assert np.abs(plain[CORE].astype(int) - other[CORE]).mean() > 5


def test_a_blend_lies_between_and_its_weights_are_part_of_the_item(world: World) -> None:
    world.add("cup.png", CUP)

    little, much = (result(world, asking(world, style={"blend": {"waves": share}})) for share in (0.1, 0.9))
    plain = result(world, asking(world))

    def distance(picture: npt.NDArray[np.uint8]) -> float:
        return float(np.abs(picture.astype(int) - plain).mean())

    assert 0 < distance(little) < distance(much)


def test_a_blend_with_a_style_that_is_not_approved_is_refused_as_a_whole(world: World) -> None:
    world.add("cup.png", CUP)
    approvals.retire(world.services.records, "waves", 1, "approver", "out of season")

    with pytest.raises(NotPermitted, match=r"the style waves .* is not approved"):
        plan(world, asking(world, style={"blend": {"waves": 0.5}}))


def test_a_style_of_another_package_is_not_to_be_had(world: World) -> None:
    with pytest.raises(Exception, match="risograph"):
        plan(world, asking(world, style={"blend": {"risograph": 0.5}}))


@pytest.mark.parametrize("style", [{"blend": {"waves": 0.5}}, {"regions": {"logo": "waves"}}])
def test_the_policy_is_asked_for_every_style_and_one_no_refuses(world: World, style: dict[str, Any]) -> None:
    world.add("cup.png", CUP, zones=LOGO)
    approve_style(world.services, "waves", 1, replace(TERMS, channels=frozenset({"print"})), "approver")

    (item,) = plan(world, asking(world, style=style)).items

    assert [reason.code for reason in item.reasons] == ["style_channel_not_covered"]
    assert "waves" in item.reasons[0].text


def test_a_style_that_is_revoked_after_planning_refuses_what_it_would_be_blended_into(world: World) -> None:
    world.add("cup.png", CUP)
    made = planned(world, asking(world, style={"blend": {"waves": 0.5}}))
    approvals.revoke(world.services.records, "waves", 1, "approver", "a claim")

    (ended,) = run_shard(waiting(world), made)

    assert ended.state == ItemState.REFUSED
    assert "style_not_approved" in {reason.code for reason in ended.reasons}


# --- colours, strokes, chance ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [4.0, 20.0])
def test_every_pixel_of_the_published_file_keeps_to_the_palette(world: World, bound: float) -> None:
    world.add("cup.png", CUP)

    picture = result(world, asking(world, palette=list(PALETTE), palette_delta_e=bound))

    assert worst_delta_e(picture, PALETTE) <= bound


def test_colours_that_are_kept_are_those_of_the_original(world: World) -> None:
    world.add("cup.png", CUP)

    kept, free = (result(world, asking(world, keep_colour=how)).astype(float) for how in ("covariance", "none"))

    before = pixels(CUP).astype(float)
    assert np.abs(kept.mean(axis=(0, 1)) - before.mean(axis=(0, 1))).max() < 4
    assert np.abs(free.mean(axis=(0, 1)) - before.mean(axis=(0, 1))).max() > 10


def test_a_seed_for_a_family_without_chance_is_refused_at_planning(world: World) -> None:
    world.add("cup.png", CUP)

    with pytest.raises(ControlError, match="seed") as caught:
        plan(world, asking(world, seed=7))

    assert "conditional-instance-norm" in caught.value.got


def test_larger_strokes_give_another_picture_and_another_item(world: World) -> None:
    world.add("cup.png", CUP)

    assert (result(world, asking(world, stroke=2.0)) != result(world, asking(world))).any()


def test_doing_it_again_gives_the_same_bytes(world: World, tmp_path: Path, prepared_with_three_styles: Path) -> None:
    asked = {"protect": ["face", "logo"], "detect": ["face"], "keep_colour": "luminance", "stroke": 1.5}
    another = twin(tmp_path / "another", prepared_with_three_styles)
    for each in (world, another):
        each.add("cup.png", CUP, zones=LOGO)
        run(each, asking(each, style={"blend": {"waves": 0.3}, "regions": {"sky": "dashes"}}, **asked))

    (first,), (second,) = world.published().values(), another.published().values()

    assert np.array_equal(pixels(first), pixels(second))


# --- what people are told --------------------------------------------------------------------------------------------


def test_a_plain_recipe_has_nothing_to_tell() -> None:
    assert in_words("dots", Recipe()) == ()
    assert used_zones_in_words(Recipe()) == ""


def test_every_control_in_use_is_told_in_words(world: World) -> None:
    style = {"blend": {"waves": 0.25}, "regions": {"sky": "dashes"}}
    asked = asking(
        world, style=style, strength=0.8, protect=["face", "logo"], detect=["face"], stroke=2, palette=["ff0000"]
    )

    assert in_words(STYLE, asked.full_recipe) == (
        "strength 80%: the rest is the original",
        "a blend of 75% dots, 25% waves",
        "sky zones in dashes",
        "face zones, and faces that are found, stay as they are",
        "logo zones stay as they are",
        "colours within 12 ΔE2000 of #ff0000",
        "strokes 2 times the style's own",
    )


def test_what_was_to_be_protected_and_is_nowhere_is_told() -> None:
    recipe = Recipe(protect=("face", "logo", "text"), detect=("text",), zones=(Zone("face", box=(0, 0, 1, 1)),))

    assert used_zones_in_words(recipe) == "1 face; no logo zone beside the asset; looked for lettering"


def test_a_preview_says_which_zones_each_asset_has(world: World) -> None:
    world.add("cup.png", CUP, zones=LOGO)
    services, campaign = world.services, asking(world, protect=["logo"])

    (foreseen,) = preview(services, campaign, services.approved_style(STYLE, None))

    assert zones_in_words(foreseen.zones) == "1 logo"


def test_outlines_are_drawn_where_the_zones_are() -> None:
    picture = Picture(np.full((100, 200, 3), 128, dtype=np.uint8))

    drawn = outlined(picture, [Zone("a", box=(0.25, 0.2, 0.5, 0.8)), Zone("b", mask="a.mask.png")]).pixels

    changed = (drawn != 128).any(axis=2)
    assert changed[20, 50:100].all()
    assert changed[20:80, 100].all()
    assert not changed[30:70, 60:90].any()
    assert outlined(picture, []) is picture
