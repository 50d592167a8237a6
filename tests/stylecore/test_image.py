"""Bytes to pixels and back, for files that are what they say."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from stylecore.colour import srgb_profile
from stylecore.data import Digest
from stylecore.image import ImageProblem, Limits, Picture, ProblemCode, decode, encode, probe, resized
from tests.stylecore.sample_images import CONTAINERS, noise, picture, saved, scene, with_alpha


def _mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("container", CONTAINERS)
def test_each_accepted_format_is_read_as_what_it_shows(container: str) -> None:
    read = decode(saved(scene(), container))
    assert read.format == container
    assert read.alpha is None
    assert read.notes == ()
    assert _mean_difference(read.pixels, np.array(scene())) < 3


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_probe_tells_format_and_size_without_decoding(container: str) -> None:
    facts = probe(saved(scene(), container))
    assert (facts.format, facts.width_px, facts.height_px, facts.mode) == (container, 64, 48, "RGB")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA"])
def test_every_mode_of_png_and_tiff_becomes_rgb_with_or_without_alpha(mode: str) -> None:
    has_alpha = mode in ("LA", "PA", "RGBA")
    source = with_alpha().convert("LA").convert(mode) if mode == "PA" else scene().convert(mode)
    if mode in ("LA", "RGBA"):
        source = with_alpha().convert(mode)
    read = decode(saved(source, "tiff" if mode == "PA" else "png"))
    assert read.pixels.shape == (48, 64, 3)
    assert (read.alpha is not None) == has_alpha
    expected = np.array(source.convert("RGBA"))
    assert np.array_equal(read.pixels, expected[..., :3])
    assert read.alpha is None or np.array_equal(read.alpha, expected[..., 3])


def test_a_transparent_palette_colour_becomes_alpha() -> None:
    palette = scene().quantize(8)
    read = decode(saved(palette, "png", transparency=3))
    assert read.alpha is not None
    assert np.array_equal(read.alpha == 0, np.array(palette) == 3)


@pytest.mark.parametrize("container", ["jpeg", "tiff"])
def test_cmyk_without_a_profile_is_converted_and_noted(container: str) -> None:
    ink = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    read = decode(saved(ink, container))
    assert "converted from CMYK without a profile" in read.notes
    assert _mean_difference(read.pixels, np.full((32, 32, 3), (255, 0, 0))) < 4


def test_an_adobe_cmyk_jpeg_is_not_shown_as_its_own_negative() -> None:
    content = saved(Image.new("CMYK", (32, 32), (255, 0, 0, 0)), "jpeg", quality=95)
    assert b"\xff\xee\0\x0eAdobe" in content  # the marker by which Adobe says that its samples are inverted
    assert decode(content).pixels[16, 16].tolist() == pytest.approx([0, 255, 255], abs=4)


def test_an_adobe_ycck_jpeg_shows_its_colour() -> None:
    # Stored samples Y 76, Cb 85, Cr 255 are RGB red, and Adobe's inversion makes that the ink cyan.
    content = bytearray(saved(Image.new("CMYK", (32, 32), (255 - 76, 255 - 85, 0, 0)), "jpeg", quality=95))
    transform_at = content.index(b"Adobe") + 11
    content[transform_at] = 2
    assert decode(bytes(content)).pixels[16, 16].tolist() == pytest.approx([0, 255, 255], abs=6)


def test_lab_becomes_srgb() -> None:
    lab = Image.new("LAB", (16, 16), (128, 128, 128))
    grey = decode(saved(lab, "tiff")).pixels[8, 8].astype(int)
    assert np.ptp(grey) <= 3
    assert abs(int(grey[0]) - 119) <= 3  # CIE lightness 50


def test_a_profile_is_applied_and_an_srgb_profile_changes_no_pixel() -> None:
    source = scene()
    assert np.array_equal(decode(saved(source, "png", icc_profile=srgb_profile())).pixels, np.array(source))
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    ignored = decode(saved(source, "png", icc_profile=grey))
    assert ignored.notes == ("the colour profile cannot be used and was ignored",)
    assert np.array_equal(ignored.pixels, np.array(source))


def test_a_wide_gamut_profile_moves_colours_to_srgb() -> None:
    swapped = bytearray(srgb_profile())
    red, green = (swapped.index(tag, 128) for tag in (b"rXYZ", b"gXYZ"))
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"  # a profile in which red is green
    read = decode(saved(Image.new("RGB", (8, 8), (255, 0, 0)), "png", icc_profile=bytes(swapped)))
    assert read.pixels[4, 4].tolist() == pytest.approx([0, 255, 0], abs=2)


@pytest.mark.parametrize("profile", [b"", b"not a profile", srgb_profile()[:200], b"\0" * 5_000_000])
def test_a_broken_profile_costs_a_note_and_not_the_picture(profile: bytes) -> None:
    read = decode(saved(scene(), "tiff", icc_profile=profile))
    assert np.array_equal(read.pixels, np.array(scene()))
    assert read.notes == (("the colour profile cannot be used and was ignored",) if profile else ())


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_once_and_then_reset(container: str, orientation: int) -> None:
    turns = [None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM]
    turns += [Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_90, Image.Transpose.TRANSVERSE]
    turns += [Image.Transpose.ROTATE_270]
    turn = turns[orientation - 1]
    upright = scene()
    # What a camera held so would store: the inverse of what a viewer does.
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = decode(saved(stored, container, exif=exif.tobytes()), max_edge_px=1000)
    assert _mean_difference(read.pixels, np.array(upright)) < 3
    again = decode(encode(read, "like-input", 95, like=read.format).content)
    assert _mean_difference(again.pixels, np.array(upright)) < 4


def _described() -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x8298], exif[0x0112], exif[0x011A] = "Maker", "(c) Somebody", 6, 72.0
    exif[0x8769] = {0x9003: "2020:01:02 03:04:05", 0x927C: b"maker note", 0xA002: 64}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    return exif.tobytes()


@pytest.mark.parametrize("target", CONTAINERS)
def test_what_exif_says_of_the_picture_survives_in_every_format(target: str) -> None:
    read = decode(saved(scene(), "jpeg", exif=_described()))
    written = encode(read, target, 90, like="jpeg")  # type: ignore[arg-type]
    exif = Image.open(io.BytesIO(written.content)).getexif()
    assert (exif[0x010F], exif[0x8298], exif[0x0112]) == ("Maker", "(c) Somebody", 1)
    assert exif.get_ifd(0x8769) == {0x9003: "2020:01:02 03:04:05"}
    assert exif.get_ifd(0x8825)[2] == (1.0, 2.0, 3.0)


def test_an_exif_thumbnail_of_the_old_picture_is_dropped() -> None:
    thumbnail = saved(scene(16, 12), "jpeg")
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    main = exif.tobytes()[6:]
    # A second directory with the thumbnail, linked from the end of the first, as cameras write it.
    directory_end = 8 + 2 + 12 * int.from_bytes(main[8:10], "big")
    linked = main[:directory_end] + len(main).to_bytes(4, "big") + main[directory_end + 4 :]
    at = len(linked) + 2 + 12 * 2 + 4
    entry = b"\x02\x01\x00\x04\x00\x00\x00\x01" + at.to_bytes(4, "big")
    entry += b"\x02\x02\x00\x04\x00\x00\x00\x01" + len(thumbnail).to_bytes(4, "big")
    block = b"Exif\0\0" + linked + b"\x00\x02" + entry + bytes(4) + thumbnail
    read = decode(saved(scene(), "jpeg", exif=block))
    assert read.exif is not None
    assert b"Maker" in read.exif
    assert b"\xff\xd8\xff" not in read.exif


@pytest.mark.parametrize("block", [b"nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"])
def test_malformed_exif_costs_a_note_and_not_the_picture(block: bytes) -> None:
    read = decode(saved(scene(), "jpeg", exif=block))
    assert read.exif is None
    assert len(read.notes) <= 1
    assert read.pixels.shape == (48, 64, 3)


def test_a_picture_is_never_larger_than_asked_and_keeps_its_shape() -> None:
    content = saved(scene(1000, 500), "jpeg", quality=95)
    small = decode(content, max_edge_px=120)
    assert small.pixels.shape == (60, 120, 3)
    assert _mean_difference(small.pixels, np.array(scene(120, 60))) < 3
    assert decode(content, max_edge_px=5000).pixels.shape == (500, 1000, 3)


def test_a_scaled_decode_looks_like_the_full_one() -> None:
    rough = Image.fromarray(noise(160, 120)).resize((1600, 1200), Image.Resampling.BICUBIC)
    content = saved(rough, "jpeg", quality=95)
    full = np.array(Image.open(io.BytesIO(content)).resize((500, 375), Image.Resampling.LANCZOS)).astype(float)
    squared = float(((decode(content, max_edge_px=500).pixels - full) ** 2).mean())
    assert 10 * np.log10(255**2 / squared) > 40


def test_resizing_lets_no_hidden_colour_bleed_into_what_is_seen() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 255
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, 31:] = 255
    alpha[:, 31] = 0
    small = resized(Picture(pixels, alpha), 16)
    assert small.alpha is not None
    assert small.pixels[small.alpha > 30].min() >= 250


def test_resizing_never_enlarges() -> None:
    small = picture(20, 10)
    assert resized(small, 100) is small


def test_every_format_keeps_its_alpha_and_jpeg_shows_white_instead() -> None:
    read = decode(saved(with_alpha(), "png"))
    for target in ("png", "webp", "tiff"):
        again = decode(encode(read, target, 90, like="png").content)  # type: ignore[arg-type]
        assert again.alpha is not None
        assert np.array_equal(again.alpha, read.alpha)
    flat = decode(encode(read, "jpeg", 95, like="png").content)
    assert flat.alpha is None
    assert flat.pixels[:, :16].min() >= 250


@pytest.mark.parametrize("target", ["png", "tiff"])
@settings(max_examples=25, deadline=None)
@given(width=st.integers(1, 40), height=st.integers(1, 40), seed=st.integers(0, 99), transparent=st.booleans())
def test_lossless_formats_return_every_pixel(
    target: str, width: int, height: int, seed: int, transparent: bool
) -> None:
    alpha = noise(width, height, seed + 100)[..., 0] if transparent else None
    before = Picture(noise(width, height, seed), alpha)
    after = decode(encode(before, target, 90, like="png").content)  # type: ignore[arg-type]
    assert np.array_equal(before.pixels, after.pixels)
    assert (after.alpha is None) == (alpha is None)
    assert alpha is None or np.array_equal(alpha, after.alpha)


@pytest.mark.parametrize("target", CONTAINERS)
def test_the_same_picture_gives_the_same_bytes(target: str) -> None:
    once, again = (encode(picture(), target, 85, like="png") for _ in range(2))  # type: ignore[arg-type]
    assert once == again
    assert once.digest == Digest.of(once.content)
    assert (once.media_type, once.width_px, once.height_px) == (f"image/{target}", 64, 48)


@pytest.mark.parametrize("target", CONTAINERS)
def test_every_output_says_that_it_is_srgb(target: str) -> None:
    written = encode(picture(), target, 90, like="png")  # type: ignore[arg-type]
    assert Image.open(io.BytesIO(written.content)).info["icc_profile"] == srgb_profile()


def test_like_input_keeps_the_format_and_an_unknown_one_is_refused() -> None:
    assert encode(picture(), "like-input", 90, like="webp").media_type == "image/webp"
    with pytest.raises(ImageProblem, match="bmp") as refused:
        encode(picture(), "like-input", 90, like="bmp")
    assert refused.value.code == ProblemCode.UNSUPPORTED_FORMAT


def test_a_picture_too_large_for_a_format_is_refused_and_not_crashed_on() -> None:
    with pytest.raises(ImageProblem, match="16383"):
        encode(Picture(np.zeros((1, 20_000, 3), np.uint8)), "webp", 90, like="png")


def test_limits_hold_for_a_call_and_not_for_the_process() -> None:
    before = Image.MAX_IMAGE_PIXELS
    content = saved(scene(200, 100), "jpeg")
    with pytest.raises(ImageProblem):
        decode(content, Limits(max_pixels=10_000))
    with pytest.raises(ImageProblem):
        decode(content, Limits(max_bytes=100))
    assert decode(content).width_px == 200
    assert before == Image.MAX_IMAGE_PIXELS
