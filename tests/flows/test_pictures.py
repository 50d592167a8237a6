"""A brand's library as it is: many formats in one shard, and each comes out in kind or is put aside alone."""

from __future__ import annotations

import io
from typing import Any

import pytest
import tifffile
from PIL import Image

from flows.campaign_file import anchored, parse_campaign
from flows.ended import Ended
from flows.shard import run_shard
from governance.items import ItemState
from governance.provenance.verify import verify_file
from stylecore.image import Reading, decode
from tests.flows.world import CAMPAIGN, STYLE, World, photo, planned, waiting
from tests.stylecore.colour_profiles import display_p3, press
from tests.stylecore.heic_sample import heic
from tests.stylecore.sample_files import deep, frames, profile_tag, psd, tiff
from tests.stylecore.sample_images import saved, scene, with_alpha


def run(world: World, **changes: dict[str, Any]) -> dict[str, Ended]:
    """One shard of everything, by a campaign with these parts changed."""
    campaign = anchored(parse_campaign(CAMPAIGN.format(style=STYLE, least=-1, shard_size=500).encode()), world.home)
    for part, fields in changes.items():
        campaign = campaign.model_copy(update={part: getattr(campaign, part).model_copy(update=fields)})
    made = planned(world, campaign)
    return {each.key: each for each in run_shard(waiting(world), made)}


def suffixes(world: World) -> dict[str, str]:
    return {key.split(".")[0]: key.rpartition(".")[2] for key in world.published()}


def test_a_library_of_many_formats_is_published_signed_and_in_kind(world: World) -> None:
    world.add("wide.jpg", saved(scene(), "jpeg", icc_profile=display_p3()))
    world.add("inks.tif", saved(scene().convert("CMYK"), "tiff", icc_profile=press()))
    world.add("deep.tif", tiff(deep(160, 120, 4), extrasamples=["unassalpha"], extratags=profile_tag(display_p3())))
    world.add("modern.avif", saved(with_alpha(160, 120), "avif", quality=90))
    world.add("phone.heic", heic())
    world.add("layers.psd", psd(scene()))
    world.add("small.gif", saved(scene(), "gif"))
    ended = run(world)
    assert {each.key: each.reasons for each in ended.values() if each.state != ItemState.PUBLISHED} == {}
    wanted = {"wide": "jpg", "inks": "tif", "deep": "tif", "modern": "avif", "phone": "jpg", "layers": "tif"}
    assert suffixes(world) == {**wanted, "small": "png"}
    found = {key.split(".")[0]: content for key, content in world.published().items()}
    for content in found.values():
        assert verify_file(content, [str(world.services.identity.anchor_pem)]).is_trusted
    assert Image.open(io.BytesIO(found["wide"])).info["icc_profile"] == display_p3()
    assert Image.open(io.BytesIO(found["inks"])).mode == "CMYK"
    with tifffile.TiffFile(io.BytesIO(found["deep"])) as file:
        assert (file.pages.first.bitspersample, file.pages.first.samplesperpixel) == (16, 4)


def test_what_people_wrote_stands_beside_the_label(world: World) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:Credit="Somebody"'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="10,30N"/></rdf:RDF></x:xmpmeta>'
    )
    world.add("cup.jpg", saved(scene(), "jpeg", xmp=packet.encode()))
    world.add("cup.webp", saved(scene(), "webp", xmp=packet.encode()))
    run(world, publish={"gps": "drop"})
    for content in world.published().values():
        assert b'photoshop:Credit="Somebody"' in content
        assert b"GPSLatitude" not in content
        assert verify_file(content).xmp is not None
        assert verify_file(content).is_intact


@pytest.mark.parametrize("isolated", [True, False])
def test_a_file_that_kills_its_decoder_is_put_aside_alone(world: World, isolated: bool) -> None:
    world.add("good.jpg", photo(1))
    world.add("deadly.heic", heic().replace(b"Exif", b"\xff" * 4, 1))
    world.add("better.png", photo(2, kind="png"))
    ended = run(world, engine={"isolate_decoders": isolated})
    assert {key: each.state for key, each in ended.items()} == {
        "good.jpg": ItemState.PUBLISHED,
        "deadly.heic": ItemState.QUARANTINED,
        "better.png": ItemState.PUBLISHED,
    }


@pytest.mark.parametrize(("animated", "count"), [("refuse", 0), ("first", 1), ("frames", 3)])
def test_an_animation_goes_the_way_its_campaign_says(world: World, animated: str, count: int) -> None:
    world.add("film.webp", frames("webp"))
    ended = run(world, recipe={"animated": animated})["film.webp"]
    state = ended.state
    assert state == (ItemState.PUBLISHED if count else ItemState.QUARANTINED)
    for content in world.published().values():
        assert verify_file(content).is_intact
        assert getattr(Image.open(io.BytesIO(content)), "n_frames", 1) == count


def test_a_campaign_may_ask_for_srgb_and_for_the_sampling_of_its_colours(world: World) -> None:
    world.add("wide.jpg", saved(scene(), "jpeg", icc_profile=display_p3()))
    run(world, publish={"colours": "srgb", "chroma": "4:2:0", "quality": 95})
    ((_, content),) = world.published().items()
    image = Image.open(io.BytesIO(content))
    assert image.info["icc_profile"] != display_p3()
    assert image.layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]
    assert decode(content, reading=Reading("keep")).own is None
