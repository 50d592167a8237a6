"""What a file claims to be, and whether its structure is safe to hand to a decoder.

Decoders trust what a header says: a directory of tags that all point at the same megabytes, a progressive JPEG of ten
thousand scans or a million empty segments costs them minutes and gigabytes. These walks cost neither, and come first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from stylecore.image_formats import FORMATS, TITLES
from stylecore.image_problems import ImageProblem, Limits, ProblemCode, check_pixels
from stylecore.psd_structure import check_psd
from stylecore.tag_directories import check_tags

MAX_SCANS = 100
"""A progressive JPEG has some ten scans; each costs a pass over the whole picture."""
MAX_SEGMENTS = 20_000
MAX_CHUNKS = 200_000

_SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("jpeg", rb"\xff\xd8\xff"),
        ("png", rb"\x89PNG\r\n\x1a\n"),
        ("webp", rb"RIFF....WEBP"),
        ("tiff", rb"II[\x2a\x2b]\x00|MM\x00[\x2a\x2b]"),
        ("gif", rb"GIF8[79]a"),
        ("psd", rb"8BPS\x00\x01"),
        ("avif", rb".{4}ftyp(avi[fs]|(mif1|msf1).{4}(.{4}){0,12}?avi[fs])"),
        ("heic", rb".{4}ftyp(hei[cxms]|hev[cx]|mif1|msf1)"),
        ("BMP", rb"BM.{4}\x00\x00\x00\x00"),
        ("large Photoshop (PSB)", rb"8BPS"),
        ("JPEG 2000", rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
        ("JPEG XL", rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n"),
        ("icon", rb"\x00\x00[\x01\x02]\x00"),
        ("PDF", rb"%PDF-"),
        ("PostScript", rb"%!PS|\xc5\xd0\xd3\xc6"),
        ("SVG", rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg"),
        ("OpenEXR", rb"\x76\x2f\x31\x01"),
        ("Radiance HDR", rb"#\?RADIANCE|#\?RGBE"),
        ("DDS", rb"DDS "),
        ("netpbm", rb"P[1-7]\s"),
        ("QOI", rb"qoif"),
        ("Fujifilm raw", rb"FUJIFILMCCD-RAW"),
        ("FITS", rb"SIMPLE  ="),
    )
)
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_START_OF_SCAN, _JPEG_END = 0xDA, 0xD9
_JPEG_WITHOUT_LENGTH = frozenset({0x01, 0xD8})


def sniff(content: bytes) -> str:
    """Which accepted format the first bytes claim; anything else is refused by name where it has one."""
    head = content[:1024]
    for name, signature in _SIGNATURES:
        if signature.match(head):
            if name in FORMATS:
                return name
            raise ImageProblem(
                ProblemCode.UNSUPPORTED_FORMAT,
                f"a {name} file, which is not accepted",
                TITLES,
                "Convert it to one of these",
            )
    got = "an empty file" if not content else f"a file beginning with {content[:8]!r}"
    raise ImageProblem(ProblemCode.NOT_AN_IMAGE, got, f"an image: {TITLES}")


def is_heic(content: bytes) -> bool:
    try:
        return sniff(content) == "heic"
    except ImageProblem:
        return False


def check_structure(container: str, content: bytes, limits: Limits) -> int:
    """Refuse a structure that would exhaust the decoder. What is merely damaged is left for the decoder to report.

    Returns how many pictures a TIFF holds; the decoders of all other formats count by themselves.
    """
    if container == "jpeg":
        _check_jpeg(content)
    elif container == "png":
        _check_png(content)
    elif container == "webp":
        _check_webp(content, limits)
    elif container == "psd":
        check_psd(content)
    elif container == "tiff":
        return check_tags(content)
    return 1


def is_cut_short(container: str, content: bytes) -> bool:
    """Whether the file ends before its own format says it does. Asked only once decoding has failed."""
    if container == "jpeg":
        return _JPEG_END not in _jpeg_markers(content)
    if container == "png":
        return b"IEND" not in _png_chunks(content)
    return container == "webp" and int.from_bytes(content[4:8], "little") + 8 > len(content)


def _check_jpeg(content: bytes) -> None:
    scans = 0
    for segments, marker in enumerate(_jpeg_markers(content)):
        scans += marker == _JPEG_START_OF_SCAN
        if scans > MAX_SCANS or segments >= MAX_SEGMENTS:
            raise ImageProblem(
                ProblemCode.DECOMPRESSION_BOMB,
                f"a JPEG of {segments + 1} segments and {scans} scans or more",
                f"at most {MAX_SEGMENTS} segments and {MAX_SCANS} scans",
                "Save it again with an image editor",
            )


def _jpeg_markers(content: bytes) -> Iterator[int]:
    """The markers in order, up to the first end of image. Compressed data holds none but restarts, which are passed."""
    at = 2
    while found := _JPEG_MARKER.search(content, at):
        marker = content[found.end() - 1]
        yield marker
        if marker == _JPEG_END:
            return
        length = 0 if marker in _JPEG_WITHOUT_LENGTH else int.from_bytes(content[found.end() : found.end() + 2])
        at = found.end() + length


def _check_png(content: bytes) -> None:
    for count, _ in enumerate(_png_chunks(content)):
        if count >= MAX_CHUNKS:
            raise ImageProblem(ProblemCode.DECOMPRESSION_BOMB, f"a PNG of more than {MAX_CHUNKS} chunks", "fewer")


def _png_chunks(content: bytes) -> Iterator[bytes]:
    at = 8
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        at += 12 + length
        if at <= len(content):
            yield name
        if name == b"IEND":
            return


def _check_webp(content: bytes, limits: Limits) -> None:
    """The WebP decoder reserves its canvas when it is opened, so the size must be known before."""
    kind, body = content[12:16], content[20:30]
    if kind == b"VP8X" and len(body) >= 10:
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
    elif kind == b"VP8L" and len(body) >= 5:
        packed = int.from_bytes(body[1:5], "little")
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and len(body) >= 10:
        width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    else:
        raise ImageProblem(ProblemCode.CORRUPT, "a WebP file without a readable header")
    check_pixels(width, height, len(content), limits)
