"""What people wrote about a picture stays with it, what described the old file does not, and places go where asked."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from stylecore.data import Recipe
from stylecore.descriptions import kept_xmp
from stylecore.image import Picture, Reading, decode, encode, resized
from stylecore.protect import Areas
from stylecore.stylize import stylize
from tests.stylecore.sample_files import deep, png16, tiff
from tests.stylecore.sample_images import CONTAINERS, Inverted, noise, saved, scene

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC, _EXIF = "{http://purl.org/dc/elements/1.1/}", "{http://ns.adobe.com/exif/1.0/}"
_XMP, _CAMERA_RAW = "{http://ns.adobe.com/xap/1.0/}", "{http://ns.adobe.com/camera-raw-settings/1.0/}"
_IPTC_BLOCK = b"\x1c\x02\x50\0\x08Somebody"


def packet(*, gps: str = "10,30N", creator: str = "Somebody", tool: str = "An editor") -> bytes:
    return f"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
 xmp:CreatorTool="{tool}" xmp:Rating="4" exif:GPSLatitude="{gps}" exif:PixelXDimension="64" crs:Exposure="+1">
<dc:creator><rdf:Seq><rdf:li>{creator}</rdf:li></rdf:Seq></dc:creator>
<xmp:Thumbnails>old</xmp:Thumbnails>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()


def described(container: str) -> bytes:
    options: dict[str, object] = {"xmp": packet()}
    if container == "tiff":
        options = {"tiffinfo": {700: packet(), 33723: _IPTC_BLOCK}}
    elif container == "png":
        told = PngImagePlugin.PngInfo()
        told.add_itxt("XML:com.adobe.xmp", packet().decode())
        options = {"pnginfo": told}
    elif container == "jpeg":
        resource = b"8BIM\x04\x04\0\0" + len(_IPTC_BLOCK).to_bytes(4, "big") + _IPTC_BLOCK + b"\0"
        payload = b"Photoshop 3.0\0" + resource
        options["extra"] = b"\xff\xed" + (len(payload) + 2).to_bytes(2, "big") + payload
    return saved(scene(), container, **options)


def properties(xmp: bytes | None) -> dict[str, str | None]:
    assert xmp is not None
    (description,) = ElementTree.fromstring(xmp).iter(f"{_RDF}Description")  # noqa: S314 - our own
    return {**description.attrib, **{each.tag: "".join(each.itertext()).strip() for each in description}}


@pytest.mark.parametrize("container", [*CONTAINERS, "avif"])
def test_xmp_is_read_from_every_format_that_carries_it(container: str) -> None:
    found = properties(decode(described(container)).xmp)
    assert found[f"{_DC}creator"] == "Somebody"
    assert found[f"{_XMP}Rating"] == "4"
    assert found[f"{_EXIF}GPSLatitude"] == "10,30N"


@pytest.mark.parametrize("target", CONTAINERS)
def test_xmp_is_written_in_every_format(target: str) -> None:
    written = encode(decode(described("jpeg")), target, 90, like="jpeg")  # type: ignore[arg-type]
    assert properties(decode(written.content).xmp)[f"{_DC}creator"] == "Somebody"


def test_a_png_of_16_bits_carries_its_metadata_too() -> None:
    exif = Image.Exif()
    exif[0x8298] = "(c) Somebody"
    before = decode(png16(deep()), reading=Reading("keep"))
    told = Picture(before.pixels, exif=exif.tobytes(), own=before.own, xmp=kept_xmp(packet(), "keep"))
    again = decode(encode(told, "png", 90, like="png").content)
    assert again.exif is not None
    assert b"(c) Somebody" in again.exif
    assert properties(again.xmp)[f"{_DC}creator"] == "Somebody"


def test_what_described_the_old_file_is_gone() -> None:
    found = properties(decode(described("jpeg")).xmp)
    gone = (f"{_XMP}CreatorTool", f"{_EXIF}PixelXDimension", f"{_CAMERA_RAW}Exposure", f"{_XMP}Thumbnails")
    assert not {*gone} & {*found}


@pytest.mark.parametrize("source", ["jpeg", "tiff"])
@pytest.mark.parametrize("target", ["jpeg", "tiff"])
def test_iptc_stays_between_the_formats_that_have_it(source: str, target: str) -> None:
    read = decode(described(source))
    assert read.iptc == _IPTC_BLOCK
    written = encode(read, target, 90, like=source)  # type: ignore[arg-type]
    assert decode(written.content).iptc == _IPTC_BLOCK


@pytest.mark.parametrize("container", CONTAINERS)
def test_places_are_dropped_from_exif_and_xmp_where_the_campaign_says_so(container: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = "Maker", {1: "N", 2: (1.0, 2.0, 3.0)}
    content = saved(scene(), "webp", exif=exif.tobytes(), xmp=packet())
    kept, dropped = (decode(content, reading=Reading(gps=gps)) for gps in ("keep", "drop"))  # type: ignore[arg-type]
    for read, has_place in ((kept, True), (dropped, False)):
        written = encode(read, container, 90, like="webp").content  # type: ignore[arg-type]
        assert bool(Image.open(io.BytesIO(written)).getexif().get_ifd(0x8825)) == has_place
        assert (f"{_EXIF}GPSLatitude" in properties(decode(written).xmp)) == has_place
        assert b"Maker" in written


@pytest.mark.parametrize(
    "bad",
    [
        b"no XML at all",
        b"<x" * 5000,
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + packet(),
        b"\xff\xfe" + bytes(50),
        packet(creator="x" * 600_000),
        b"<a>" * 100_000,
    ],
)
def test_malformed_xmp_costs_a_note_and_not_the_picture(bad: bytes) -> None:
    read = decode(saved(scene(), "webp", xmp=bad))
    assert read.xmp is None
    assert read.notes == ("the XMP data is malformed and was dropped",)


_plain = st.text(st.characters(codec="utf-8", exclude_characters='<>&"', exclude_categories=("C", "Z")), min_size=1)


@settings(max_examples=60, deadline=None)
@given(creator=_plain, tool=_plain, gps=_plain)
def test_kept_xmp_keeps_its_values_and_keeping_it_twice_changes_nothing(creator: str, tool: str, gps: str) -> None:
    once = kept_xmp(packet(creator=creator, tool=tool, gps=gps), "keep")
    assert once is not None
    assert properties(once)[f"{_DC}creator"] == creator
    assert kept_xmp(once, "keep") == once


def test_the_same_description_gives_the_same_bytes() -> None:
    once, again = (encode(decode(described("jpeg")), "png", 90, like="png") for _ in range(2))
    assert once.digest == again.digest


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), strength=st.sampled_from([0.0, 0.3, 1.0]), target=st.sampled_from(["png", "tiff"]))
def test_alpha_of_16_bits_comes_out_bit_for_bit_with_what_it_hides(seed: int, strength: float, target: str) -> None:
    random = np.random.default_rng(seed)
    samples = random.integers(0, 65_536, (9, 13, 4), dtype=np.uint16)
    samples[..., 3] *= random.integers(0, 2, (9, 13), dtype=np.uint16)
    before = decode(tiff(samples, extrasamples=["unassalpha"]), reading=Reading("keep"))
    after = stylize(Inverted(), [before], Recipe(strength=strength))[0]
    written = encode(after, target, 90, like="tiff").content  # type: ignore[arg-type]
    again = decode(written, reading=Reading("keep"))
    assert again.own is not None
    assert np.array_equal(again.own.alpha, samples[..., 3])  # type: ignore[arg-type]
    hidden = samples[..., 3] == 0
    assert np.array_equal(again.own.samples[hidden], samples[..., :3][hidden])


def test_resizing_16_bits_lets_no_hidden_colour_bleed_into_what_is_seen() -> None:
    samples = np.zeros((64, 64, 4), np.uint16)
    samples[:, 32:] = 65_535
    before = decode(tiff(samples, extrasamples=["unassalpha"]), reading=Reading("keep"))
    small = resized(before, 16)
    assert small.own is not None
    assert small.own.alpha is not None
    assert small.own.samples[small.own.alpha > 8_000].min() >= 64_000


def test_averages_of_16_bits_are_averages_of_light() -> None:
    stripes = np.zeros((64, 64, 3), np.uint16)
    stripes[::2] = 65_535
    grey = decode(tiff(stripes), max_edge_px=16, reading=Reading("keep")).pixels[8, 8, 0]
    assert 183 <= grey <= 191  # half the light; half the code would be 128


def test_a_lossless_result_keeps_what_is_protected_in_16_bits() -> None:
    samples = np.concatenate([noise(32, 32).astype(np.uint16) * 257 + 3, noise(32, 32, 1).astype(np.uint16)], axis=1)
    before = decode(tiff(samples), reading=Reading("keep"))
    protected = np.zeros((32, 64), np.uint8)
    protected[:, :20] = 255
    protected[:, 20:24] = 128
    after = stylize(Inverted(), [before], Recipe(), areas=[Areas(protected)])[0]
    again = decode(encode(after, "png", 90, like="tiff").content, reading=Reading("keep"))
    assert again.own is not None
    assert np.array_equal(again.own.samples[:, :20], samples[:, :20])
    assert not np.array_equal(again.own.samples[:, 24:], samples[:, 24:])
