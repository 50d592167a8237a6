"""Files made to mislead, to exhaust or to break: each is put aside with its own code, and nothing else ever happens."""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stylecore.containers import MAX_SCANS, MAX_SEGMENTS
from stylecore.image import ImageProblem, Limits, Picture, PictureFacts, ProblemCode, Reading, decode, encode, probe
from tests.stylecore.heic_sample import heic
from tests.stylecore.sample_files import deep, png16, psd, tiff
from tests.stylecore.sample_images import CONTAINERS, png_chunk, png_claiming, saved, scene, with_alpha

SMALL = Limits(max_bytes=2_000_000, max_pixels=1_000_000)


def problem(content: bytes, limits: Limits = SMALL) -> ProblemCode:
    with pytest.raises(ImageProblem) as refused:
        decode(content, limits)
    assert str(refused.value)
    return refused.value.code


@pytest.mark.parametrize("content", [b"", b"\0", b"hello, this is a text", b"\x7fELF" + bytes(400), bytes(5000)])
def test_what_is_no_image_is_said_to_be_none(content: bytes) -> None:
    assert problem(content) == ProblemCode.NOT_AN_IMAGE


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_cut_short_is_quarantined_as_truncated(container: str, share: float) -> None:
    whole = saved(scene(300, 200), container)
    assert problem(whole[: int(len(whole) * share)]) == ProblemCode.TRUNCATED


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_a_compressed_tiff_cut_short_is_truncated(compression: str) -> None:
    whole = saved(scene(300, 200), "tiff", compression=compression)
    assert problem(whole[: len(whole) // 2]) == ProblemCode.TRUNCATED


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 100}])
def test_a_truncated_jpeg_is_truncated_whatever_its_kind(options: dict[str, object]) -> None:
    whole = saved(scene(300, 200), "jpeg", **options)
    assert problem(whole[:-200]) == ProblemCode.TRUNCATED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("BMP", saved(scene(), "bmp")),
        ("JPEG 2000", saved(scene(), "jpeg2000")),
        ("icon", saved(scene(), "ico")),
        ("PDF", saved(scene(), "pdf")),
        ("PostScript", saved(scene(), "eps")),
        ("netpbm", saved(scene(), "ppm")),
        ("Photoshop", b"8BPS\0\2" + bytes(100)),
        ("SVG", b'<?xml version="1.0"?>\n<!-- drawn --><svg xmlns="http://www.w3.org/2000/svg"/>'),
    ],
)
def test_a_picture_of_another_format_is_refused_by_its_name(name: str, content: bytes) -> None:
    with pytest.raises(ImageProblem, match=name) as refused:
        decode(content)
    assert refused.value.code == ProblemCode.UNSUPPORTED_FORMAT


def test_floats_and_32_bits_are_refused_and_told_why() -> None:
    deep = np.zeros((8, 8), np.float32)
    for samples in (deep, deep.astype(np.int32)):
        with pytest.raises(ImageProblem, match="16 bits") as refused:
            decode(saved(Image.fromarray(samples), "tiff"))
        assert refused.value.code == ProblemCode.UNSUPPORTED_MODE


@pytest.mark.parametrize("container", ["png", "webp", "gif", "avif"])
def test_an_animation_is_refused_and_one_frame_of_it_is_not(container: str) -> None:
    frames = [scene().rotate(turn) for turn in (0, 90)]
    assert problem(saved(frames[0], container, save_all=True, append_images=frames[1:])) == ProblemCode.ANIMATED
    assert decode(saved(frames[0], container, save_all=True)).width_px == 64


def test_a_tiff_of_several_pages_is_refused_but_a_thumbnail_page_is_no_page() -> None:
    pages = saved(scene(), "tiff", save_all=True, append_images=[scene()])
    assert problem(pages) == ProblemCode.ANIMATED
    thumbnail = scene(16, 12)
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}  # type: ignore[attr-defined]
    with_thumbnail = saved(scene(), "tiff", save_all=True, append_images=[thumbnail])
    assert decode(with_thumbnail).width_px == 64


def test_a_phones_multi_picture_jpeg_is_the_picture_it_begins_with() -> None:
    content = saved(scene(), "mpo", save_all=True, append_images=[scene().rotate(180)])
    assert Image.open(io.BytesIO(content)).format == "MPO"
    read = decode(content)
    assert read.format == "jpeg"
    assert np.abs(read.pixels.astype(int) - np.array(scene()).astype(int)).mean() < 3


def test_a_tiny_file_that_claims_a_huge_picture_is_a_bomb() -> None:
    assert problem(png_claiming(60_000, 60_000), Limits()) == ProblemCode.DECOMPRESSION_BOMB
    tiff = bytearray(saved(scene(), "tiff"))
    directory_at = int.from_bytes(tiff[4:8], "little")
    for place, tag in enumerate((256, 257)):
        at = directory_at + 2 + 12 * place
        assert tiff[at : at + 2] == struct.pack("<H", tag)
        tiff[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 60_000)
    assert problem(bytes(tiff), Limits()) == ProblemCode.DECOMPRESSION_BOMB
    jpeg = bytearray(saved(scene(), "jpeg"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    assert problem(bytes(jpeg), Limits()) == ProblemCode.DECOMPRESSION_BOMB


def _claiming(content: bytes, at: int, packing: str) -> bytes:
    """The same file with both edges, which stand at this byte, made enormous."""
    return content[:at] + struct.pack(packing, 60_000, 60_000) + content[at + struct.calcsize(packing) :]


def test_every_other_format_is_measured_before_its_pixels_are_decoded() -> None:
    avif, phone = saved(scene(), "avif"), heic()
    for content in (
        _claiming(saved(scene(), "gif"), 6, "<HH"),
        _claiming(psd(scene()), 14, ">II"),
        _claiming(avif, avif.index(b"ispe") + 8, ">II"),
        _claiming(phone, phone.index(b"ispe") + 8, ">II"),
    ):
        tracemalloc.start()
        assert problem(content, Limits()) in (ProblemCode.DECOMPRESSION_BOMB, ProblemCode.CORRUPT)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
        tracemalloc.stop()


def test_a_tile_much_larger_than_its_picture_is_refused_before_it_is_decoded() -> None:
    content = bytearray(tiff(deep(16, 16), tile=(16, 16)))
    directory_at = int.from_bytes(content[4:8], "little")
    for entry in range(int.from_bytes(content[directory_at : directory_at + 2], "little")):
        at = directory_at + 2 + 12 * entry
        if int.from_bytes(content[at : at + 2], "little") in (322, 323):
            content[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 65_536)
    assert problem(bytes(content)) == ProblemCode.DECOMPRESSION_BOMB


def test_a_webp_is_measured_before_its_decoder_reserves_the_canvas() -> None:
    webp = bytearray(saved(with_alpha(), "webp", icc_profile=b"x" * 10))
    assert webp[12:16] == b"VP8X"
    webp[24:30] = (16_382).to_bytes(3, "little") * 2
    assert problem(bytes(webp), Limits()) == ProblemCode.DECOMPRESSION_BOMB


def test_a_picture_that_is_honestly_too_large_is_said_to_be_so() -> None:
    random = np.random.default_rng(0).integers(0, 256, (1001, 1000, 3), dtype=np.uint8)
    content = saved(Image.fromarray(random), "jpeg", quality=30)
    assert problem(content) == ProblemCode.TOO_LARGE
    assert problem(bytes(3_000_000)) == ProblemCode.TOO_LARGE


@pytest.mark.parametrize("name", [b"iTXt", b"zTXt", b"iCCP"])
def test_a_text_or_profile_that_inflates_to_gigabytes_is_stopped(name: bytes) -> None:
    bomb = zlib.compress(bytes(40_000_000), 9)
    body = {b"iTXt": b"k\0\1\0\0\0", b"zTXt": b"k\0\0", b"iCCP": b"k\0\0"}[name] + bomb
    rows = png_chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
    assert problem(png_claiming(8, 8, png_chunk(name, body), rows)) in (
        ProblemCode.CORRUPT,
        ProblemCode.DECOMPRESSION_BOMB,
    )


def _overlapping_tags(count: int, each_bytes: int) -> bytes:
    """A directory whose tags all point at the same bytes."""
    entries = b"".join(struct.pack("<HHII", 40_000 + i, 7, each_bytes, 8) for i in range(count))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4) + bytes(each_bytes)


def test_tags_that_all_claim_the_same_bytes_are_refused_unread() -> None:
    assert problem(_overlapping_tags(5000, 500_000)) == ProblemCode.CORRUPT


@pytest.mark.parametrize("container", ["jpeg", "png", "webp"])
def test_exif_tags_that_all_claim_the_same_bytes_are_dropped_unread(container: str) -> None:
    tracemalloc.start()
    read = decode(saved(scene(), container, exif=b"Exif\0\0" + _overlapping_tags(2000, 30_000)))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 5_000_000  # and not 2000 x 30,000
    assert read.notes == ("the EXIF data is malformed and was dropped",)


def test_a_jpeg_of_endless_scans_or_segments_is_refused_before_decoding() -> None:
    jpeg = saved(scene(), "jpeg", progressive=True)
    scan = jpeg[jpeg.index(b"\xff\xda") : -2]
    assert problem(jpeg[:-2] + scan * (MAX_SCANS + 1) + b"\xff\xd9") == ProblemCode.DECOMPRESSION_BOMB
    assert problem(jpeg[:2] + b"\xff\xe1\0\x02" * (MAX_SEGMENTS + 1) + jpeg[2:]) == ProblemCode.DECOMPRESSION_BOMB


def test_a_problem_survives_the_way_between_processes() -> None:
    before = ImageProblem(ProblemCode.CORRUPT, "this", "that", "Do so")
    after = pickle.loads(pickle.dumps(before))  # noqa: S301 - our own exception, as a worker pool sends it
    assert (after.code, str(after)) == (before.code, str(before))


def _seeds() -> list[bytes]:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    exif[0x8769] = {0x9003: "2020:01:02 03:04:05"}
    described = {"exif": exif.tobytes()}
    seeds = [saved(scene(40, 30), container, **described) for container in CONTAINERS]
    seeds += [saved(with_alpha(40, 30), container) for container in ("png", "webp", "tiff")]
    seeds += [saved(scene(40, 30).convert(mode), "tiff") for mode in ("1", "L", "P", "CMYK", "LAB")]
    seeds += [saved(scene(40, 30), "tiff", compression=how) for how in ("tiff_lzw", "jpeg", "packbits", "group4")[:3]]
    seeds += [saved(scene(40, 30).convert("1"), "tiff", compression="group4")]
    seeds += [saved(scene(40, 30), "jpeg", progressive=True), saved(scene(40, 30).convert("CMYK"), "jpeg")]
    seeds += [saved(scene(40, 30).convert("P"), "png"), saved(scene(40, 30), "webp", lossless=True)]
    seeds += [saved(scene(40, 30), "gif"), saved(with_alpha(40, 30), "avif", exif=exif.tobytes())]
    seeds += [png16(deep(40, 30, 4)), psd(scene(40, 30)), heic()]
    for how in ({}, {"compression": "lzw"}, {"compression": "deflate", "predictor": True, "tile": (16, 16)}):
        seeds.append(tiff(deep(40, 30), **how))
    return seeds


SEEDS = _seeds()
_mutations = st.lists(
    st.tuples(
        st.sampled_from(["set", "cut", "insert", "drop", "splice"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.binary(min_size=1, max_size=6), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])),
        st.integers(0, len(SEEDS) - 1),
    ),
    min_size=1,
    max_size=4,
)


def _mutated(content: bytes, mutations: list[tuple[str, float, bytes, int]]) -> bytes:
    for how, where, what, other in mutations:
        # Squared, because headers are where a byte matters most.
        at = int(where * where * len(content))
        content = {
            "set": content[:at] + what + content[at + len(what) :],
            "cut": content[:at],
            "insert": content[:at] + what + content[at:],
            "drop": content[:at] + content[at + len(what) :],
            "splice": content[:at] + SEEDS[other][at:],
        }[how]
    return content


def _read(content: bytes) -> tuple[PictureFacts, Picture] | ProblemCode:
    try:
        return probe(content, SMALL), decode(content, SMALL, 32, Reading("keep"))
    except ImageProblem as refused:
        return refused.code


def _check_survives(content: bytes) -> None:
    """Either a sound picture that can be written in every format, or an ImageProblem with a code."""
    outcome = _read(content)
    if not isinstance(outcome, tuple):
        assert outcome in ProblemCode
        return
    facts, read = outcome
    assert isinstance(read, Picture)
    assert facts.format == read.format
    assert max(read.width_px, read.height_px) <= 32
    for target in CONTAINERS:
        assert encode(read, target, 80, like="png").content  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=600, deadline=None)
@given(seed=st.integers(0, len(SEEDS) - 1), mutations=_mutations)
def test_whatever_is_done_to_a_file_only_an_image_problem_comes_out(
    seed: int, mutations: list[tuple[str, float, bytes, int]]
) -> None:
    _check_survives(_mutated(SEEDS[seed], mutations))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\1\0\0WEBPVP8X", b"II*\0", b"MM\0*"]),
    rest=st.binary(),
)
def test_a_signature_followed_by_garbage_is_an_image_problem(start: bytes, rest: bytes) -> None:
    _check_survives(start + rest)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_the_files_that_are_mutated_are_sound_themselves(seed: int) -> None:
    assert max(decode(SEEDS[seed]).pixels.shape[:2]) in (40, 64)


def test_every_picture_of_an_installed_package_is_read_or_refused_with_a_code() -> None:
    folder = Path(skimage.__file__).parent / "data"
    outcomes = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".png", ".jpg", ".tif", ".gif", ".txt"):
            try:
                outcomes[path.name] = decode(path.read_bytes(), max_edge_px=64).format
            except ImageProblem as refused:
                outcomes[path.name] = refused.code.value
    assert len(outcomes) >= 20
    assert outcomes["astronaut.png"] == "png"
    assert outcomes["rocket.jpg"] == "jpeg"
    assert outcomes["no_time_for_that_tiny.gif"] == "animated"
    assert outcomes["multipage.tif"] in ("animated", "unsupported_mode")
    assert outcomes["README.txt"] == "not_an_image"
