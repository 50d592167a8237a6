"""EXIF: read the orientation once, keep what describes the picture, drop what no longer holds for it."""

from __future__ import annotations

from PIL import Image

from stylecore.descriptions import Gps
from stylecore.tag_directories import check_tags

_ORIENTATION, _EXIF_DIRECTORY, _GPS_DIRECTORY = 0x0112, 0x8769, 0x8825
_MAX_READ_BYTES = 1_000_000
_MAX_KEPT_BYTES = 65_000
"""A JPEG segment holds 65,533 bytes; what fits there fits every format."""

_KEPT_TAGS = frozenset(
    {0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
    | set(range(0x9C9B, 0x9CA0))
)
"""Description, camera, resolution, software, date, artist, host, rating, copyright, and the XP texts. An allowlist,
because a TIFF's own directory also holds the offsets and the layout of pixels that are being replaced."""

_STALE_EXIF_TAGS = frozenset({0x927C, 0xA002, 0xA003, 0xA005})
"""Maker notes and interoperability count from where they stood in the old file; the pixel size was the old one's."""

_UPRIGHTING = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_exif(image: Image.Image) -> Image.Exif | None:
    """A picture's EXIF, ``None`` when it has none, any exception when it is malformed."""
    if image.format == "TIFF":
        return image.getexif()  # its tags were checked with the file
    block = image.info.get("exif")
    if not isinstance(block, bytes) or not block:
        return None
    while block.startswith(b"Exif\x00\x00"):
        block = block[6:]
    if len(block) > _MAX_READ_BYTES:
        raise ValueError(f"EXIF of {len(block)} bytes")
    check_tags(block)
    exif = Image.Exif()
    exif.load(block)
    return exif


def upright_method(exif: Image.Exif | None) -> Image.Transpose | None:
    """How to turn the stored pixels upright; ``None`` when they are, or when no such orientation exists."""
    orientation = exif.get(_ORIENTATION) if exif is not None else None
    return _UPRIGHTING.get(orientation) if isinstance(orientation, int) else None


def kept_exif(exif: Image.Exif, gps: Gps = "keep") -> bytes:
    """What is kept of it, for a picture that stands upright now. Thumbnail, layout and maker notes are not."""
    kept = Image.Exif()
    for tag in sorted(_KEPT_TAGS & set(exif)):
        kept[tag] = exif[tag]
    for directory in (_EXIF_DIRECTORY, _GPS_DIRECTORY)[: 2 if gps == "keep" else 1]:
        if values := {t: v for t, v in sorted(exif.get_ifd(directory).items()) if t not in _STALE_EXIF_TAGS}:
            kept[directory] = values
    kept[_ORIENTATION] = 1
    block = kept.tobytes()
    if len(block) > _MAX_KEPT_BYTES:
        raise ValueError(f"EXIF of {len(block)} bytes")
    return block


def exif_of(image: Image.Image, gps: Gps = "keep") -> tuple[Image.Transpose | None, bytes | None, tuple[str, ...]]:
    """How to turn the picture upright, the EXIF to keep, and a note when there was more. EXIF never costs a picture."""
    try:
        exif = read_exif(image)
    except Exception:
        return None, None, ("the EXIF data is malformed and was dropped",)
    if exif is None:
        return None, None, ()
    try:
        return upright_method(exif), kept_exif(exif, gps), ()
    except Exception:
        return upright_method(exif), None, ("the EXIF data cannot be rewritten and was dropped",)
