"""XMP goes in without touching a pixel, and comes out as it went in."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from governance.provenance.carriers.formats import CARRIERS, media_type_of
from governance.provenance.errors import CarrierError
from governance.provenance.xmp import DIGITAL_SOURCE_TYPE, embed_xmp, read_xmp
from tests.governance.provenance_world import FORMATS, decoded, picture, srgb, statement_of

EVERY_FORMAT = pytest.mark.parametrize("media_type", FORMATS)


def exif() -> bytes:
    tags = Image.Exif()
    tags[0x010E] = "a harbour"
    return tags.tobytes()


def encoded(image: Image.Image, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, **options)  # type: ignore[arg-type]
    return target.getvalue()


def exotic_pictures() -> dict[str, bytes]:
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    alpha = grey.convert("RGBA")
    alpha.putalpha(grey)
    return {
        "progressive JPEG": encoded(grey, format="JPEG", progressive=True, comment=b"a comment"),
        "CMYK JPEG": encoded(grey.convert("CMYK"), format="JPEG"),
        "palette PNG": encoded(grey.convert("P"), format="PNG"),
        "PNG with alpha": encoded(alpha, format="PNG"),
        "lossless WebP": encoded(grey.convert("RGB"), format="WEBP", lossless=True),
        "lossless WebP with alpha": encoded(alpha, format="WEBP", lossless=True),
        "lossy WebP with alpha": encoded(alpha, format="WEBP"),
        "compressed TIFF": encoded(grey, format="TIFF", compression="tiff_lzw"),
        "big-endian TIFF": encoded(Image.fromarray(np.arange(256, dtype=">u2").reshape(16, 16)), format="TIFF"),
        "TIFF of two pages": encoded(grey, format="TIFF", save_all=True, append_images=[grey.rotate(90)]),
        "odd sides": picture("image/webp", 17, 31),
    }


@EVERY_FORMAT
def test_what_was_embedded_is_read_back(media_type: str) -> None:
    content = picture(media_type)
    statement = statement_of(content)
    claim = read_xmp(embed_xmp(content, statement, title='Harbour <"&"> Übersicht'))
    assert claim is not None
    assert claim.creator_tool == "restyle 0.1.0"
    assert claim.digital_source_type == DIGITAL_SOURCE_TYPE
    assert claim.style == "risograph v3"
    assert claim.statement == statement.digest
    assert claim.title == 'Harbour <"&"> Übersicht'


def test_a_title_in_any_script_is_read_back() -> None:
    content = picture("image/png")
    claim = read_xmp(embed_xmp(content, statement_of(content), title="港　夕方 👨‍👩‍👧"))
    assert claim is not None
    assert claim.title == "港　夕方 👨‍👩‍👧"


@EVERY_FORMAT
def test_pixels_profile_and_exif_stay_bit_for_bit(media_type: str) -> None:
    content = picture(media_type, icc_profile=srgb(), exif=exif())
    before, after = decoded(content), decoded(embed_xmp(content, statement_of(content), title="Harbour"))
    assert np.array_equal(np.asarray(before), np.asarray(after))
    assert after.info["icc_profile"] == srgb()
    assert after.getexif()[0x010E] == "a harbour"
    assert before.mode == after.mode


@pytest.mark.parametrize("name", exotic_pictures())
def test_exotic_pictures_keep_their_pixels_too(name: str) -> None:
    content = exotic_pictures()[name]
    marked = embed_xmp(content, statement_of(content), title="Harbour")
    assert np.array_equal(np.asarray(decoded(content)), np.asarray(decoded(marked)))
    assert decoded(content).mode == decoded(marked).mode
    assert getattr(decoded(content), "n_frames", 1) == getattr(decoded(marked), "n_frames", 1)
    assert read_xmp(marked) is not None


@EVERY_FORMAT
def test_a_second_packet_replaces_the_first(media_type: str) -> None:
    content = picture(media_type)
    first, second = statement_of(b"first"), statement_of(b"second")
    twice = embed_xmp(embed_xmp(content, first, title="One"), second, title="Two")
    claim = read_xmp(twice)
    assert claim is not None
    assert claim.statement == second.digest
    if media_type != "image/tiff":  # there the old bytes stay where they were, and nothing refers to them
        assert twice == embed_xmp(content, second, title="Two")


@EVERY_FORMAT
def test_the_same_packet_gives_the_same_bytes(media_type: str) -> None:
    content = picture(media_type)
    statement = statement_of(content)
    assert embed_xmp(content, statement, title="A") == embed_xmp(content, statement, title="A")


@EVERY_FORMAT
def test_pillow_finds_our_packet(media_type: str) -> None:
    content = picture(media_type)
    image = decoded(embed_xmp(content, statement_of(content), title="Harbour"))
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or image.tag_v2[700]  # type: ignore[attr-defined]
    assert DIGITAL_SOURCE_TYPE in (packet if isinstance(packet, str) else packet.decode())


@EVERY_FORMAT
def test_a_file_without_xmp_has_none(media_type: str) -> None:
    assert read_xmp(picture(media_type)) is None


@EVERY_FORMAT
@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
        b"<x:xmpmeta",
        b"\xff\xfe<\0x\0/\0>\0",
        b"<a>" * 100_000,
        b"<x>" + b" " * 1_000_001 + b"</x>",
    ],
    ids=["entities", "cut off", "utf-16", "deep", "large"],
)
def test_hostile_xmp_is_refused(media_type: str, packet: bytes) -> None:
    with pytest.raises(CarrierError):
        read_xmp(CARRIERS[media_type].with_xmp(picture(media_type), packet))


def test_a_title_with_control_characters_is_refused() -> None:
    content = picture("image/png")
    with pytest.raises(CarrierError, match="control characters"):
        embed_xmp(content, statement_of(content), title="a\0b")


def test_bytes_of_no_format_are_refused() -> None:
    with pytest.raises(CarrierError, match="no format we know"):
        read_xmp(b"GIF89a")


@EVERY_FORMAT
@given(data=st.data())
def test_a_broken_file_is_an_error_of_ours_or_a_file(media_type: str, data: st.DataObject) -> None:
    """Cut anywhere and with bytes changed anywhere: a carrier answers, or refuses in its own words."""
    content = bytearray(CARRIERS[media_type].with_xmp(picture(media_type, 8, 8), b"<x/>"))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(content[: data.draw(st.integers(0, len(content)))])
    for ask in (CARRIERS[media_type].xmp_of, CARRIERS[media_type].store_of):
        with suppress(CarrierError):
            ask(broken)
    with suppress(CarrierError):
        assert media_type_of(CARRIERS[media_type].with_xmp(broken, b"<x/>")) == media_type
