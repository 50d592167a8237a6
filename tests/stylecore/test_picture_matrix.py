"""What goes in and what comes out, file by file. docs/pictures.md says the same to people."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from stylecore import image_reading
from stylecore.data import Recipe
from stylecore.image import ImageProblem, Picture, ProblemCode, Reading, decode, encode
from stylecore.image_formats import FORMATS, MEDIA_TYPES
from stylecore.stylize import stylize
from tests.stylecore.colour_profiles import adobe_rgb, display_p3, press
from tests.stylecore.heic_sample import heic
from tests.stylecore.sample_files import deep, frames, interlaced, png16, profile_tag, psd, tiff
from tests.stylecore.sample_images import Inverted, png_chunk, saved, scene, with_alpha

KEEP, FIRST = Reading("keep"), Reading("keep", animated="first")


def cmyk() -> Image.Image:
    return scene().convert("CMYK")


@dataclass(frozen=True)
class Row:
    """A file, what it is read as, and what ``like-input`` makes of it."""

    said: str
    made: Callable[[], bytes]
    out: str
    bits: int = 8
    mode: str = "RGB"
    profile: Callable[[], bytes] | None = None
    reading: Reading = KEEP
    near: float = 4.0
    """How far, in levels on average, what is read may be from the scene; 16-bit files show a ramp instead."""


MATRIX = [
    Row("a baseline JPEG", lambda: saved(scene(), "jpeg", quality=95), "jpeg"),
    Row("a progressive JPEG", lambda: saved(scene(), "jpeg", progressive=True), "jpeg"),
    Row("a JPEG of full chroma", lambda: saved(scene(), "jpeg", quality=95, subsampling="4:4:4"), "jpeg"),
    Row("a JPEG of half chroma", lambda: saved(scene(), "jpeg", quality=95, subsampling="4:2:0"), "jpeg"),
    Row("a grey JPEG", lambda: saved(scene().convert("L"), "jpeg"), "jpeg", near=60),
    Row("a CMYK JPEG without a profile", lambda: saved(cmyk(), "jpeg", quality=95), "jpeg"),
    Row(
        "a CMYK JPEG of a press",
        lambda: saved(cmyk(), "jpeg", quality=95, icc_profile=press()),
        "jpeg",
        8,
        "CMYK",
        press,
        near=9,
    ),
    Row(
        "a JPEG in Display P3",
        lambda: saved(scene(), "jpeg", icc_profile=display_p3()),
        "jpeg",
        profile=display_p3,
        near=12,
    ),
    Row(
        "a JPEG in Adobe RGB",
        lambda: saved(scene(), "jpeg", icc_profile=adobe_rgb()),
        "jpeg",
        profile=adobe_rgb,
        near=25,
    ),
    Row("a PNG", lambda: saved(scene(), "png"), "png", near=0),
    Row("a PNG with alpha", lambda: saved(with_alpha(), "png"), "png", mode="RGBA", near=0),
    Row("a PNG of a palette", lambda: saved(scene().quantize(64), "png"), "png", near=8),
    Row("a grey PNG", lambda: saved(scene().convert("L"), "png"), "png", near=60),
    Row("an interlaced PNG", interlaced, "png", near=0),
    Row(
        "a PNG in Adobe RGB with alpha",
        lambda: saved(with_alpha(), "png", icc_profile=adobe_rgb()),
        "png",
        8,
        "RGBA",
        adobe_rgb,
        near=25,
    ),
    Row("a PNG of 16 bits", lambda: png16(deep()), "png", 16),
    Row("a PNG of 16 bits with alpha", lambda: png16(deep(channels=4)), "png", 16, "RGBA"),
    Row("a grey PNG of 16 bits", lambda: png16(deep(channels=1)), "png", 16),
    Row("a grey PNG of 16 bits with alpha", lambda: png16(deep(channels=2)), "png", 16, "RGBA"),
    Row("a lossy WebP", lambda: saved(scene(), "webp", quality=95), "webp"),
    Row("a lossless WebP", lambda: saved(scene(), "webp", lossless=True), "webp", near=0),
    Row("a WebP with alpha", lambda: saved(with_alpha(), "webp", quality=95), "webp", mode="RGBA"),
    Row("a TIFF in strips", lambda: saved(scene(), "tiff"), "tiff", near=0),
    Row("a tiled TIFF", lambda: tiff(np.array(scene()), tile=(32, 32)), "tiff", near=0),
    Row("a TIFF with LZW", lambda: saved(scene(), "tiff", compression="tiff_lzw"), "tiff", near=0),
    Row("a TIFF with Deflate", lambda: saved(scene(), "tiff", compression="tiff_adobe_deflate"), "tiff", near=0),
    Row("a BigTIFF", lambda: tiff(np.array(scene()), bigtiff=True), "tiff", near=0),
    Row("a TIFF with alpha", lambda: saved(with_alpha(), "tiff"), "tiff", mode="RGBA", near=0),
    Row("a CMYK TIFF of a press", lambda: saved(cmyk(), "tiff", icc_profile=press()), "tiff", 8, "CMYK", press, near=9),
    Row("a TIFF of 16 bits", lambda: tiff(deep()), "tiff", 16),
    Row(
        "a tiled TIFF of 16 bits with LZW",
        lambda: tiff(deep(), tile=(16, 16), compression="lzw", predictor=True),
        "tiff",
        16,
    ),
    Row("a BigTIFF of 16 bits with Deflate", lambda: tiff(deep(), bigtiff=True, compression="deflate"), "tiff", 16),
    Row("a TIFF of 16 bits in planes", lambda: tiff(np.moveaxis(deep(), 2, 0), planarconfig="separate"), "tiff", 16),
    Row("a big-endian TIFF of 16 bits", lambda: tiff(deep(), byteorder=">"), "tiff", 16),
    Row("a grey TIFF of 16 bits", lambda: tiff(deep(channels=1)[..., 0], "minisblack"), "tiff", 16),
    Row(
        "a TIFF of 16 bits with alpha", lambda: tiff(deep(channels=4), extrasamples=["unassalpha"]), "tiff", 16, "RGBA"
    ),
    Row(
        "a TIFF of 16 bits in Display P3",
        lambda: tiff(deep(), extratags=profile_tag(display_p3())),
        "tiff",
        16,
        profile=display_p3,
    ),
    Row(
        "a CMYK TIFF of 16 bits",
        lambda: tiff(deep(channels=4), "separated", extratags=profile_tag(press())),
        "tiff",
        16,
        "CMYK",
        press,
    ),
    Row("an AVIF", lambda: saved(scene(), "avif", quality=90), "avif"),
    Row("an AVIF with alpha", lambda: saved(with_alpha(), "avif", quality=90), "avif", mode="RGBA", near=8),
    Row("a HEIC", heic, "jpeg", near=6),
    Row("a GIF", lambda: saved(scene(), "gif"), "png", near=12),
    Row("the first frame of an animated GIF", lambda: frames("gif"), "png", reading=FIRST, near=12),
    Row("the first frame of an animated PNG", lambda: frames("png"), "png", reading=FIRST, near=0),
    Row("the first frame of an animated WebP", lambda: frames("webp", quality=95), "webp", reading=FIRST),
    Row("the first page of a TIFF", lambda: frames("tiff"), "tiff", reading=FIRST, near=0),
    Row(
        "the first page of a TIFF of 16 bits", lambda: tiff(np.stack([deep(), deep()[::-1]])), "tiff", 16, reading=FIRST
    ),
    Row("the flattened picture of a Photoshop file", lambda: psd(scene()), "tiff", near=0),
]


def shown(content: bytes) -> tuple[int, str, bytes | None]:
    """Bits a channel, mode and profile of a file, as another reader than ours sees them."""
    image = Image.open(io.BytesIO(content))
    if image.format == "TIFF":
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page = file.pages.first
            inks = page.photometric == tifffile.PHOTOMETRIC.SEPARATED
            mode = "CMYK" if inks else "RGBA" if page.extrasamples else "RGB"
            return int(page.bitspersample), mode, image.info.get("icc_profile")
    bits = content[24] if image.format == "PNG" else 8
    return bits, image.mode, image.info.get("icc_profile")


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.said)
def test_what_goes_in_is_read_restyled_and_written(row: Row) -> None:
    before = decode(row.made(), reading=row.reading)
    assert (before.width_px, before.height_px) == (64, 48)
    after = stylize(Inverted(), [before], Recipe())[0]
    written = encode(after, "like-input", 95, like=before.format)
    bits, mode, profile = shown(written.content)
    assert written.media_type == MEDIA_TYPES[row.out]
    assert (bits, mode) == (row.bits, row.mode)
    assert row.profile is None or profile == row.profile()
    again = decode(written.content, reading=KEEP)
    assert np.abs(again.pixels.astype(int) - after.pixels).mean() < 6
    if after.alpha is not None:
        assert np.array_equal(again.alpha, after.alpha)  # type: ignore[arg-type]
    if row.bits == 8:
        seen = before.pixels if before.alpha is None else before.pixels[before.alpha == 255]
        wanted = np.array(scene()) if before.alpha is None else np.array(scene())[before.alpha == 255]
        assert np.abs(seen.astype(int) - wanted).mean() <= row.near


@pytest.mark.parametrize("row", [row for row in MATRIX if row.out in ("png", "tiff")], ids=lambda row: row.said)
def test_at_strength_zero_a_lossless_file_comes_back_bit_for_bit(row: Row) -> None:
    before = decode(row.made(), reading=row.reading)
    same = stylize(Inverted(), [before], Recipe(strength=0.0))[0]
    again = decode(encode(same, "like-input", 90, like=before.format).content, reading=KEEP)
    assert np.array_equal(again.pixels, before.pixels)
    if before.own is not None:
        assert again.own is not None
        assert np.array_equal(again.own.samples, before.own.samples)
        assert before.own.alpha is None or np.array_equal(again.own.alpha, before.own.alpha)  # type: ignore[arg-type]


REFUSED = [
    ("an animated GIF", lambda: frames("gif"), ProblemCode.ANIMATED, "recipe.animated"),
    ("an animated PNG", lambda: frames("png"), ProblemCode.ANIMATED, "recipe.animated"),
    ("an animated WebP", lambda: frames("webp"), ProblemCode.ANIMATED, "recipe.animated"),
    ("an animated AVIF", lambda: frames("avif"), ProblemCode.ANIMATED, "recipe.animated"),
    ("a TIFF of several pages", lambda: frames("tiff"), ProblemCode.ANIMATED, "recipe.animated"),
    ("a TIFF of 32 bits", lambda: tiff(deep().astype(np.uint32)), ProblemCode.UNSUPPORTED_MODE, "16 bits"),
    ("a TIFF of floats", lambda: tiff(deep().astype(np.float32)), ProblemCode.UNSUPPORTED_MODE, "16 bits"),
    (
        "inks of 16 bits without a profile",
        lambda: tiff(deep(channels=4), "separated"),
        ProblemCode.UNSUPPORTED_MODE,
        "profile",
    ),
    ("a Photoshop file of 16 bits", lambda: psd(scene(), bits=16), ProblemCode.UNSUPPORTED_MODE, "TIFF"),
    (
        "a Photoshop file of layers alone",
        lambda: psd(scene(), composite=False),
        ProblemCode.UNSUPPORTED_MODE,
        "Compatibility",
    ),
    ("a large Photoshop file", lambda: b"8BPS\0\2" + bytes(100), ProblemCode.UNSUPPORTED_FORMAT, "Convert"),
]


@pytest.mark.parametrize(("said", "made", "code", "hint"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_refused_says_what_to_do_about_it(
    said: str, made: Callable[[], bytes], code: ProblemCode, hint: str
) -> None:
    with pytest.raises(ImageProblem, match=hint) as refused:
        decode(made())
    assert refused.value.code == code


def test_a_photoshop_file_is_flagged_as_flattened() -> None:
    assert any("flattened" in note for note in decode(psd(scene())).notes)


def test_a_heic_without_its_extra_is_refused_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pi_heif", None)
    with pytest.raises(ImageProblem, match=re.escape("restyle[heic]")) as refused:
        image_reading.decode(heic())
    assert refused.value.code == ProblemCode.UNSUPPORTED_FORMAT


def test_sixteen_bits_stay_smooth_through_a_style() -> None:
    ramp = np.linspace(20_000, 24_000, 3000).astype(np.uint16)
    before = decode(tiff(np.tile(ramp[None, :, None], (40, 1, 3))), reading=KEEP)
    after = stylize(Inverted(), [before], Recipe(strength=0.5))[0]
    assert after.own is not None
    assert np.ptp(after.own.samples) <= 1  # half of it and half of its opposite: mid-grey
    after = stylize(Inverted(), [before], Recipe(strength=0.9))[0]
    written = imagecodecs.png_decode(encode(after, "png", 90, like="tiff").content)
    assert len(np.unique(written[..., 0])) > 2_000
    assert np.abs(np.diff(written[0, :, 0].astype(int))).max() <= 3


def test_sixteen_bits_become_eight_where_the_format_has_no_more() -> None:
    before = decode(tiff(deep(channels=4), extrasamples=["unassalpha"]), reading=KEEP)
    for target in ("jpeg", "webp"):
        written = encode(before, target, 95, like="tiff")  # type: ignore[arg-type]
        assert Image.open(io.BytesIO(written.content)).size == (64, 48)


def test_sixteen_bit_srgb_is_what_the_campaign_may_ask_for() -> None:
    before = decode(tiff(deep(), extratags=profile_tag(display_p3())), reading=Reading("srgb"))
    bits, _, profile = shown(encode(before, "like-input", 90, like="tiff").content)
    assert bits == 16
    assert profile != display_p3()
    assert decode(saved(scene(), "jpeg", icc_profile=display_p3()), reading=Reading("srgb")).own is None


def test_a_linear_png_is_shown_as_bright_as_it_is() -> None:
    gamma = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    content = saved(Image.new("RGB", (8, 8), (55, 55, 55)), "png")
    assert decode(content[:33] + gamma + content[33:]).pixels[4, 4].tolist() == pytest.approx([128] * 3, abs=1)
    before = decode(png16(deep(), gamma), reading=KEEP)
    assert before.pixels[0, 14, 0] == pytest.approx(130, abs=4)  # 22 % of the light


def test_a_premultiplied_tiff_of_16_bits_gets_its_colours_back() -> None:
    alpha = np.full((8, 8, 1), 32_768, np.uint16)
    content = tiff(np.concatenate([np.full((8, 8, 3), 16_384, np.uint16), alpha], axis=2), extrasamples=["assocalpha"])
    before = decode(content, reading=KEEP)
    assert before.own is not None
    assert before.own.samples[4, 4].tolist() == pytest.approx([32_768] * 3, abs=2)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
def test_a_file_of_16_bits_that_is_cut_short_is_put_aside(compression: str | None, share: float) -> None:
    for whole in (tiff(deep(300, 200), compression=compression), png16(deep())):
        with pytest.raises(ImageProblem) as refused:
            decode(whole[: int(len(whole) * share)])
        assert refused.value.code == ProblemCode.TRUNCATED


def test_a_picture_of_16_bits_turns_upright_and_fits_its_size() -> None:
    upright = deep(60, 40)
    for orientation, stored in ((3, upright[::-1, ::-1]), (6, np.rot90(upright, 1)), (8, np.rot90(upright, 3))):
        content = tiff(np.ascontiguousarray(stored), extratags=[(274, 3, 1, orientation, True)])
        before = decode(content, reading=KEEP)
        assert before.own is not None
        assert np.array_equal(before.own.samples, upright)
        small = decode(content, max_edge_px=30, reading=KEEP)
        assert (small.width_px, small.height_px) == (30, 20)
        assert np.abs(small.pixels.astype(int) - np.rint(upright[1::2, 1::2] / 257)).mean() < 4


_SEVERAL = {
    ("", False): "never",
    ("pages", False): "refused, or its first page",
    ("frames", True): "refused, its first frame, or all",
}


def test_the_documentation_has_a_line_for_every_format_and_says_what_the_code_does() -> None:
    text = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text(encoding="utf-8")
    told = {cells[0]: cells[1:] for line in text.splitlines() if len(cells := _cells(line)) == 6}
    for each in FORMATS.values():
        several = _SEVERAL[each.several, bool(each.moving)]
        yes = {True: "yes", False: "no"}
        output = FORMATS[each.like_input].title
        assert told[each.title] == [output, yes[each.sixteen_bits], yes[each.cmyk], yes[each.alpha], several]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("| ").split("|")] if line.startswith("|") else []


def test_a_picture_without_more_than_8_bits_of_srgb_holds_nothing_beside_its_pixels() -> None:
    for content in (saved(scene(), "jpeg"), saved(with_alpha(), "png"), saved(cmyk(), "tiff")):
        read: Picture = decode(content, reading=KEEP)
        assert read.own is None
